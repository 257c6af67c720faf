// SPDX-License-Identifier: MPL-2.0

package clients

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"vault-plugin-secrets-aws-dyn/internal/e2e/programs"
	"vault-plugin-secrets-aws-dyn/internal/e2e/server"
	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

// This file runs the real Vault Agent, which is in the same binary as the server.

// agent is a running Vault Agent that renders AWS credentials files.
type agent struct {
	t   *testing.T
	dir string
	cmd *exec.Cmd
}

// startAgent starts an agent that renders each of the given paths to the file of the given name.
func startAgent(t *testing.T, v *server.Server, files map[string]string) *agent {
	t.Helper()
	a := &agent{t: t, dir: t.TempDir()}
	token := filepath.Join(a.dir, "token")
	if err := os.WriteFile(token, []byte(v.Token), 0o600); err != nil {
		t.Fatalf("writing the agent's token: %v", err)
	}
	config := fmt.Sprintf(`
exit_after_auth = false
vault { address = %q }
auto_auth {
  method "token_file" { config = { token_file_path = %q } }
}
`, v.Address(), token)
	for name, path := range files {
		config += fmt.Sprintf(`
template {
  destination = %q
  perms       = "0600"
  contents    = <<EOT
[default]
{{ with secret %q -}}
aws_access_key_id = {{ .Data.access_key }}
aws_secret_access_key = {{ .Data.secret_key }}
{{- end }}
EOT
}
`, filepath.Join(a.dir, name), path)
	}
	file := filepath.Join(a.dir, "agent.hcl")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatalf("writing the agent's configuration: %v", err)
	}
	log, err := os.Create(filepath.Join(a.dir, "agent.log"))
	if err != nil {
		t.Fatalf("opening the agent's log: %v", err)
	}
	a.cmd = exec.CommandContext(t.Context(), programs.Built.Vault, "agent", "-config="+file)
	a.cmd.Dir, a.cmd.Env, a.cmd.Stdout, a.cmd.Stderr = a.dir, append(os.Environ(), "HOME="+a.dir), log, log
	a.cmd.Cancel = func() error { return a.cmd.Process.Signal(syscall.SIGTERM) }
	a.cmd.WaitDelay = 15 * time.Second
	if err := a.cmd.Start(); err != nil {
		t.Fatalf("starting Vault Agent: %v", err)
	}
	t.Cleanup(func() { a.stop(); _ = log.Close() })
	return a
}

// stop ends the agent; a second time nothing happens. If the test failed, it shows what the agent said.
func (a *agent) stop() {
	if a.cmd.ProcessState != nil {
		return
	}
	_ = a.cmd.Process.Signal(syscall.SIGTERM) // it may have ended, which is in its log
	_ = a.cmd.Wait()
	if a.t.Failed() {
		said, _ := os.ReadFile(filepath.Join(a.dir, "agent.log"))
		a.t.Logf("Vault Agent said:\n%s", said)
	}
}

var credentialsFile = regexp.MustCompile(`^\[default\]\naws_access_key_id = (\w+)\naws_secret_access_key = (\S+)\s*$`)

// rendered waits until the file holds another key than before.
func (a *agent) rendered(name string, before server.Key, deadline time.Duration) server.Key {
	a.t.Helper()
	var now server.Key
	server.WaitFor(a.t, deadline, "the agent to render a new key to "+name, func() bool {
		content, err := os.ReadFile(filepath.Join(a.dir, name))
		if err != nil {
			return false
		}
		found := credentialsFile.FindStringSubmatch(string(content))
		if found == nil {
			a.t.Fatalf("this is no AWS credentials file: %q", content)
		}
		now = server.Key{ID: found[1], Secret: found[2]}
		return now != before
	})
	return now
}

// TestVaultAgentRendersCredentials: the agent keeps a credentials file fresh. Each new key is there before AWS hears
// that the one before it ends, and works when it is there.
func TestVaultAgentRendersCredentials(t *testing.T) {
	t.Parallel()
	account := fakeaws.New(t)
	v := server.StartDev(t)
	v.Mount()
	server.ConfigureRoot(v, account)
	v.Call(http.MethodPost, "aws-dyn/roles/app", map[string]any{
		"policy_arns": "arn:aws:iam::aws:policy/ReadOnlyAccess", "default_ttl": "15s", "max_ttl": "15s",
	})
	a := startAgent(t, v, map[string]string{"credentials": "aws-dyn/creds/app"})
	var last server.Key
	var users []string
	for range 3 {
		last = a.rendered("credentials", last, server.Soon)
		users = append(users, server.MustWork(t, account, last))
	}
	server.WaitFor(t, server.Soon, "the first two users to go", func() bool {
		return !server.HasUser(account, users[0]) && !server.HasUser(account, users[1])
	})
	for i := range 2 {
		made, ended := called(t, account, "CreateAccessKey", users[i+1]).End, called(t, account, "DeleteAccessKey", users[i]).Start
		t.Logf("credential %d was ready %s before credential %d ended", i+2, ended.Sub(made).Round(time.Millisecond), i+1)
		if !made.Before(ended) {
			t.Errorf("credential %d came after credential %d had ended", i+2, i+1)
		}
	}
	a.stop()
	v.Call(http.MethodPut, "sys/leases/revoke-prefix/aws-dyn/creds/app", nil)
	server.WaitForUsers(t, account, 0)
	v.MustNotHaveLogged(last.Secret)
}

// called is the call of an action about a user.
func called(t *testing.T, account *fakeaws.Server, action, user string) fakeaws.Call {
	t.Helper()
	for _, call := range account.Calls() {
		if call.Action == action && strings.EqualFold(call.User, user) {
			return call
		}
	}
	t.Fatalf("AWS has no call of %s about %s", action, user)
	return fakeaws.Call{}
}
