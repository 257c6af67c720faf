// SPDX-License-Identifier: MPL-2.0

package sdk

import (
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"vault-plugin-secrets-aws-dyn/internal/e2e/programs"
	"vault-plugin-secrets-aws-dyn/internal/e2e/server"
	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

// This file runs what examples/ has, as far as it can run here.

const examplesDir = programs.Repository + "/examples/"

// TestExamples runs them as their readers would; only addresses and paths of files are those of the test.
func TestExamples(t *testing.T) {
	t.Parallel()
	v, account := startForSDKs(t)
	token := sdkToken(v)
	uri := "AWS_CONTAINER_CREDENTIALS_FULL_URI=" + v.Address() + sdkPath
	header := "AWS_CONTAINER_AUTHORIZATION_TOKEN=Bearer " + token
	t.Run("go", func(t *testing.T) {
		whoami(t, account, "go", []string{uri + "go", header}, "go", "run", examplesDir+"go")
	})
	t.Run("python", func(t *testing.T) {
		needBoto3(t)
		whoami(t, account, "python", []string{uri + "python", header}, "python3", examplesDir+"python/whoami.py")
	})
	t.Run("aws-cli", func(t *testing.T) {
		need(t, "aws", "--version")
		whoami(t, account, "vault-token-deploy-", []string{"VAULT_ADDR=" + v.Address(), "VAULT_TOKEN=" + token}, examplesDir+"aws-cli/whoami.sh")
	})
	t.Run("vault-proxy", func(t *testing.T) {
		listen := fmt.Sprintf("127.0.0.1:%d", server.FreePorts(t))
		runBeside(t, "proxy", example(t, v, "vault-proxy/proxy.hcl", "127.0.0.1:8100", listen, "/etc/vault-proxy", approle(t, v)))
		awaitProxy(t, listen)
		whoami(t, account, "proxy", []string{"AWS_CONTAINER_CREDENTIALS_FULL_URI=http://" + listen + sdkPath + "proxy"}, "go", "run", examplesDir+"go")
	})
	t.Run("vault-agent", func(t *testing.T) {
		run := t.TempDir()
		file := filepath.Join(run, "aws-authorization")
		runBeside(t, "agent", example(t, v, "vault-agent/agent.hcl", "/etc/vault-agent", approle(t, v), "/run/vault-agent", run))
		server.WaitFor(t, server.Soon, "Vault Agent to write the file", func() bool { _, err := os.Stat(file); return err == nil })
		whoami(t, account, "agent", []string{uri + "agent", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=" + file}, "go", "run", examplesDir+"go")
	})
}

// whoami runs a program that prints who AWS takes it for: a session of the role deploy with some name.
func whoami(t *testing.T, account *fakeaws.Server, session string, env []string, program string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Env = append(sdkEnvironment(account), env...)
	said, err := cmd.CombinedOutput()
	if want := "arn:aws:sts::123456789012:assumed-role/deploy/" + session; err != nil || !strings.HasPrefix(string(said), want) {
		t.Errorf("%s %q: %q (%v), want %s", program, args, said, err, want)
	}
}

// example is a file of examples/ with other words in place of some: old, new, old, new.
func example(t *testing.T, v *server.Server, file string, words ...string) string {
	t.Helper()
	content, err := os.ReadFile(examplesDir + file)
	if err != nil {
		t.Fatalf("reading the example: %v", err)
	}
	words = append(words, "https://vault.example.com:8200", v.Address())
	for i := 0; i < len(words); i += 2 {
		if !strings.Contains(string(content), words[i]) {
			t.Fatalf("%s does not hold %s", file, words[i])
		}
	}
	return strings.NewReplacer(words...).Replace(string(content))
}

// approle makes an AppRole that may read for AWS SDKs, and the directory with the files to log in by.
func approle(t *testing.T, v *server.Server) string {
	t.Helper()
	if a, err := v.Request(http.MethodGet, "sys/auth/approle", nil); err != nil || a.Status != http.StatusOK {
		v.Call(http.MethodPost, "sys/auth/approle", map[string]any{"type": "approle"})
		v.Call(http.MethodPost, "auth/approle/role/app", map[string]any{"token_policies": []string{"sdk"}})
	}
	dir := t.TempDir()
	id, _ := v.Call(http.MethodGet, "auth/approle/role/app/role-id", nil).Data("role_id").(string)
	secret, _ := v.Call(http.MethodPost, "auth/approle/role/app/secret-id", nil).Data("secret_id").(string)
	put(t, filepath.Join(dir, "role-id"), id)
	put(t, filepath.Join(dir, "secret-id"), secret)
	return dir
}

// TestExamplesAreListed: a reader finds each of them in the list.
func TestExamplesAreListed(t *testing.T) {
	t.Parallel()
	list, err := os.ReadFile(examplesDir + "README.md")
	if err != nil {
		t.Fatal(err)
	}
	err = filepath.WalkDir(examplesDir, func(path string, d fs.DirEntry, err error) error {
		name := filepath.ToSlash(strings.TrimPrefix(path, filepath.Clean(examplesDir)+"/"))
		if err == nil && !d.IsDir() && name != "README.md" && !strings.Contains(string(list), "]("+name+")") {
			t.Errorf("examples/README.md does not list %s", name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
