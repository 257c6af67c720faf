// SPDX-License-Identifier: MPL-2.0

package e2e

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

// This file has AWS SDKs read Vault by themselves, as their users run them.

// sdkReaders may read for AWS SDKs, and nothing else.
const sdkReaders = `path "aws-dyn/sdk/*" { capabilities = ["read"] }`

// sdkPath is where the programs get their sessions.
const sdkPath = "/v1/aws-dyn/sdk/creds/deploy?role_session_name="

// startForSDKs runs a Vault with the roles deploy, own and developer-access, and the static role app.
func startForSDKs(t *testing.T) (*server, *fakeaws.Server) {
	t.Helper()
	account := fakeaws.New(t)
	v := startDev(t)
	v.mount()
	configureRoot(v, account)
	writeRole(v)
	account.AddRole("deploy")
	v.call(http.MethodPost, "aws-dyn/roles/deploy", map[string]any{"credential_type": "assumed_role", "role_arns": "arn:aws:iam::123456789012:role/deploy"})
	account.AddUser("app")
	account.Adopt("app")
	v.call(http.MethodPost, "aws-dyn/static-roles/app", map[string]any{"username": "app", "rotation_period": "24h"})
	v.call(http.MethodPost, "sys/policies/acl/sdk", map[string]any{"policy": sdkReaders})
	return v, account
}

// sdkToken is a new token that may read for AWS SDKs.
func (v *server) sdkToken() string {
	v.t.Helper()
	auth, _ := v.call(http.MethodPost, "auth/token/create", map[string]any{"policies": []string{"sdk"}}).body["auth"].(map[string]any)
	token, _ := auth["client_token"].(string)
	return token
}

// put replaces a file at once, as who keeps tokens in files should.
func put(t *testing.T, file, content string) {
	t.Helper()
	if err := os.WriteFile(file+".new", []byte(content), 0o600); err != nil {
		t.Fatalf("writing %s: %v", file, err)
	}
	if err := os.Rename(file+".new", file); err != nil {
		t.Fatalf("replacing %s: %v", file, err)
	}
}

// TestAWSSDKsReadVault: a program runs on while its sessions end, and the tokens in its file too. The SDK gets new
// ones; the program has no part in it, and no word of Vault in it.
func TestAWSSDKsReadVault(t *testing.T) {
	t.Parallel()
	for _, s := range sdks {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			s.command(t) // is skipped before anything is started
			v, account := startForSDKs(t)
			account.SetSessionLife(s.early + 3*time.Second) // AWS's shortest would take a quarter of an hour
			file := filepath.Join(t.TempDir(), "token")
			token := v.sdkToken()
			put(t, file, "Bearer "+token)
			direct := s.start(t, account, "directly", "AWS_CONTAINER_CREDENTIALS_FULL_URI="+v.address()+sdkPath+"direct", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE="+file)
			proxied := s.start(t, account, "through Vault Proxy", "AWS_CONTAINER_CREDENTIALS_FULL_URI="+startProxy(t, v)+sdkPath+"proxied")
			static := s.start(t, account, "as a static role", "AWS_CONTAINER_CREDENTIALS_FULL_URI="+v.address()+"/v1/aws-dyn/sdk/static-creds/app", "AWS_CONTAINER_AUTHORIZATION_TOKEN=Bearer "+token)
			if id, arn := static.nextKey(""); arn != "arn:aws:iam::123456789012:user/app" {
				t.Errorf("the static role's key %s works as %s", id, arn)
			}
			static.stop()
			for program, arn := range map[*program]string{direct: "direct", proxied: "proxied"} {
				first, as := program.nextKey("")
				if as != "arn:aws:sts::123456789012:assumed-role/deploy/"+arn {
					t.Errorf("%s: AWS takes the program for %s", program.name, as)
				}
				if program == direct {
					next := v.sdkToken()
					put(t, file, "Bearer "+next)
					v.call(http.MethodPost, "auth/token/revoke", map[string]any{"token": token})
				}
				second, _ := program.nextKey(first)
				account.ExpireSessions(first)
				third, _ := program.nextKey(second)
				account.ExpireSessions(second)
				program.nextKey(third)
				program.stop()
			}
			checkReuse(t, account)
		})
	}
}

// checkReuse checks that a program used its sessions more than once: an SDK that asks Vault for each of its calls
// would pass all else.
func checkReuse(t *testing.T, account *fakeaws.Server) {
	t.Helper()
	uses := map[string]int{}
	for _, call := range account.Calls() {
		if call.Action == "GetCallerIdentity" {
			uses[call.AccessKeyID]++
		}
	}
	for _, session := range account.Sessions() {
		if session.Kind == "AssumeRole" && uses[session.AccessKeyID] > 2 {
			return
		}
	}
	t.Errorf("no session was used more than twice: %v", uses)
}

// TestAWSCLIReadsVault: each run of the command line reads a session of its own.
func TestAWSCLIReadsVault(t *testing.T) {
	t.Parallel()
	need(t, "aws", "--version")
	v, account := startForSDKs(t)
	for i, path := range []string{sdkPath + "cli", "/v1/aws-dyn/sdk/static-creds/app"} {
		cmd := exec.CommandContext(t.Context(), "aws", "sts", "get-caller-identity", "--endpoint-url", account.URL(), "--query", "Arn", "--output", "text")
		cmd.Env = append(sdkEnvironment(account), "AWS_CONTAINER_CREDENTIALS_FULL_URI="+v.address()+path, "AWS_CONTAINER_AUTHORIZATION_TOKEN=Bearer "+v.sdkToken())
		said, err := cmd.CombinedOutput()
		want := []string{"arn:aws:sts::123456789012:assumed-role/deploy/cli", "arn:aws:iam::123456789012:user/app"}[i]
		if err != nil || strings.TrimSpace(string(said)) != want {
			t.Errorf("the AWS CLI says %q (%v), want %s", said, err, want)
		}
	}
}

// startProxy runs a Vault Proxy on loopback that logs in by itself, and returns its address.
func startProxy(t *testing.T, v *server) string {
	t.Helper()
	dir := t.TempDir()
	token, file := filepath.Join(dir, "login"), filepath.Join(dir, "proxy.hcl")
	put(t, token, v.sdkToken())
	listen := fmt.Sprintf("127.0.0.1:%d", freePorts(t))
	put(t, file, fmt.Sprintf(`
vault { address = %q }
auto_auth {
  method "token_file" { config = { token_file_path = %q } }
}
api_proxy { use_auto_auth_token = true }
cache {}
listener "tcp" {
  address     = %q
  tls_disable = true
}
`, v.address(), token, listen))
	log, err := os.Create(filepath.Join(dir, "proxy.log"))
	if err != nil {
		t.Fatalf("opening the proxy's log: %v", err)
	}
	cmd := exec.CommandContext(t.Context(), programs.vault, "proxy", "-config="+file)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = dir, append(os.Environ(), "HOME="+dir), log, log
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 15 * time.Second
	if err := cmd.Start(); err != nil {
		t.Fatalf("starting Vault Proxy: %v", err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM) // it may have ended, which is in its log
		_ = cmd.Wait()
		_ = log.Close()
		if said, err := os.ReadFile(log.Name()); t.Failed() && err == nil {
			t.Logf("Vault Proxy said:\n%s", said)
		}
	})
	waitFor(t, soon, "Vault Proxy to log in", func() bool {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+listen+"/v1/auth/token/lookup-self", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(req)
		return err == nil && resp.Body.Close() == nil && resp.StatusCode == http.StatusOK
	})
	return "http://" + listen
}
