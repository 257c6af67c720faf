// SPDX-License-Identifier: MPL-2.0

package sdk

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"vault-plugin-secrets-aws-dyn/internal/e2e/programs"
	"vault-plugin-secrets-aws-dyn/internal/e2e/server"
)

// This file runs what stands between an SDK and Vault: a Vault Proxy that adds a token, or a Vault Agent that keeps one in
// a file.

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

// runBeside runs Vault's own program as proxy or agent, until the test ends.
func runBeside(t *testing.T, verb, config string) {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, verb+".hcl")
	put(t, file, config)
	log, err := os.Create(filepath.Join(dir, verb+".log"))
	if err != nil {
		t.Fatalf("opening the log of the %s: %v", verb, err)
	}
	cmd := exec.CommandContext(t.Context(), programs.Built.Vault, verb, "-config="+file)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = dir, append(os.Environ(), "HOME="+dir), log, log
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 15 * time.Second
	if err := cmd.Start(); err != nil {
		t.Fatalf("starting the %s: %v", verb, err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM) // it may have ended, which is in its log
		_ = cmd.Wait()
		_ = log.Close()
		if said, err := os.ReadFile(log.Name()); t.Failed() && err == nil {
			t.Logf("vault %s said:\n%s", verb, said)
		}
	})
}

// startProxy runs a Vault Proxy on loopback that logs in by itself, and returns its address.
func startProxy(t *testing.T, v *server.Server) string {
	t.Helper()
	token := filepath.Join(t.TempDir(), "login")
	put(t, token, sdkToken(v))
	listen := fmt.Sprintf("127.0.0.1:%d", server.FreePorts(t))
	runBeside(t, "proxy", fmt.Sprintf(`
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
`, v.Address(), token, listen))
	awaitProxy(t, listen)
	return "http://" + listen
}

// awaitProxy waits until a proxy has logged in.
func awaitProxy(t *testing.T, listen string) {
	t.Helper()
	server.WaitFor(t, server.Soon, "Vault Proxy to log in", func() bool {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+listen+"/v1/auth/token/lookup-self", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(req)
		return err == nil && resp.Body.Close() == nil && resp.StatusCode == http.StatusOK
	})
}
