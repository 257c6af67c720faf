// SPDX-License-Identifier: MPL-2.0

package vaultaws

import (
	"bufio"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"vault-plugin-secrets-aws-dyn/internal/e2e/server"
)

// This file tests vault-aws exec.

// lines runs a command and gives back what it prints, line by line.
func lines(t *testing.T, cmd *exec.Cmd) (next func() string) {
	t.Helper()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() }) // a test that failed may have left it
	printed := bufio.NewScanner(out)
	return func() string {
		t.Helper()
		if !printed.Scan() {
			t.Fatalf("it prints no more: %v", printed.Err())
		}
		return printed.Text()
	}
}

// statusOf waits for a command.
func statusOf(cmd *exec.Cmd) int {
	_ = cmd.Wait() // the status says it
	return cmd.ProcessState.ExitCode()
}

// A session reaches the command through the endpoint, whatever the environment and the files in ~/.aws hold.
func TestVaultAWSExecSession(t *testing.T) {
	t.Parallel()
	h := startHelper(t)
	h.write(".aws/credentials", "[default]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = none\n")
	h.write(".aws/config", "[default]\nregion = eu-central-1\ncredential_process = false\n[profile mine]\n")
	h.env = []string{
		sdkChild + "=1", "AWS_REGION=", "AWS_PROFILE=mine", "AWS_ACCESS_KEY_ID=AKIAI44QH8DHBEXAMPLE", "AWS_SECRET_ACCESS_KEY=none",
		"AWS_SESSION_TOKEN=none", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI=/none", "AWS_WEB_IDENTITY_TOKEN_FILE=/none", "AWS_ROLE_ARN=arn:aws:iam::123456789012:role/none",
	}
	got := h.run("exec", "audit", "role_session_name=anna", "--", os.Args[0])
	if got.status != 0 || !strings.HasSuffix(got.out, ":assumed-role/audit/anna\n") {
		t.Errorf("status %d, the SDK got %q: %s", got.status, got.out, got.errs)
	}
	for _, want := range []string{".aws/credentials has credentials in its profile default", ".aws/config has credentials in its profile default"} {
		if !strings.Contains(got.errs, want) {
			t.Errorf("standard error lacks %q:\n%s", want, got.errs)
		}
	}
	h.mustHaveNothing()
}

// addStatic makes the static role billing, and returns what takes it and its key away.
func (h *helper) addStatic() (remove func()) {
	h.t.Helper()
	h.account.AddUser("billing")
	h.v.Call(http.MethodPost, "aws-dyn/static-roles/billing", map[string]any{"username": "billing", "rotation_period": "24h"})
	return func() { h.v.Call(http.MethodDelete, "aws-dyn/static-roles/billing", nil) }
}

// A static role has no lease, and its key no session token.
func TestVaultAWSExecStaticRole(t *testing.T) {
	t.Parallel()
	h := startHelper(t)
	defer h.addStatic()()
	h.env = []string{sdkChild + "=1"}
	if got := h.must("exec", "static-creds/billing", "--", os.Args[0]); !strings.HasSuffix(got.out, ":user/billing\n") || got.errs != "" {
		t.Errorf("the SDK got %q: %s", got.out, got.errs)
	}
}

// The endpoint answers who has its token, and nobody after the command.
func TestVaultAWSExecEndpoint(t *testing.T) {
	t.Parallel()
	h := startHelper(t)
	cmd := h.command("exec", "audit", "--", "sh", "-c", `echo "$AWS_CONTAINER_CREDENTIALS_FULL_URI"; echo "$AWS_CONTAINER_AUTHORIZATION_TOKEN"; read line`)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	next := lines(t, cmd)
	url, token := next(), next()
	for presented, want := range map[string]int{token: 200, "": 403, "Bearer " + token: 403} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", presented)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("status %d for the token %q, expected %d", resp.StatusCode, presented, want)
		}
	}
	if n := len(h.leases("audit")); n != 1 {
		t.Errorf("%d leases while the command runs", n)
	}
	_ = in.Close()
	if got := statusOf(cmd); got != 1 { // that of read, at the end of its input
		t.Errorf("status %d", got)
	}
	if resp, err := http.Get(url); err == nil {
		_ = resp.Body.Close()
		t.Error("the endpoint has outlived the command")
	}
	h.mustHaveNothing()
}

// The key of an IAM user is in the environment, and its lease is renewed to a short time at once.
func TestVaultAWSExecUser(t *testing.T) {
	t.Parallel()
	h := startHelper(t)
	cmd := h.command("exec", "app", "--", "sh", "-c", `echo "$AWS_ACCESS_KEY_ID"; echo "$AWS_SECRET_ACCESS_KEY"; read line`)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	next := lines(t, cmd)
	holder := server.Key{ID: next(), Secret: next()}
	server.MustWork(t, h.account, holder)
	var lease server.Answer
	server.WaitFor(t, server.Soon, "the lease to be renewed", func() bool {
		lease = h.v.Call(http.MethodPost, "sys/leases/lookup", map[string]any{"lease_id": "aws-dyn/creds/app/" + h.leases("app")[0].(string)})
		return lease.Data("last_renewal") != nil
	})
	if ttl, _ := lease.Data("ttl").(float64); ttl > time.Hour.Seconds() {
		t.Errorf("the lease lasts %v s more, although nobody would revoke it if vault-aws were killed", ttl)
	}
	_ = in.Close()
	if got := statusOf(cmd); got != 1 { // that of read, at the end of its input
		t.Errorf("status %d", got)
	}
	h.mustHaveNothing()
	server.MustBeRefused(t, h.account, holder)
}

// Who holds a key that ends before the command does is told when.
func TestVaultAWSExecAtTheMaximum(t *testing.T) {
	t.Parallel()
	h := startHelper(t)
	h.v.Call(http.MethodPost, "aws-dyn/roles/app", map[string]any{"default_ttl": "3s", "max_ttl": "3s"})
	cmd := h.command("exec", "app", "--", "sh", "-c", "read line; exit 3")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	errs, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	said := bufio.NewScanner(errs)
	for told := false; !told; told = strings.Contains(said.Text(), "the lease cannot be renewed any more, and the command's key works until 2") {
		if !said.Scan() {
			t.Fatalf("standard error ends with %q: %v", said.Text(), said.Err())
		}
	}
	_ = in.Close()
	if got := statusOf(cmd); got != 3 {
		t.Errorf("status %d", got)
	}
	server.WaitForUsers(t, h.account, 0)
	server.WaitFor(t, server.Soon, "Vault to drop the lease, which may have ended by itself", func() bool { return len(h.leases("app")) == 0 })
	h.mustHaveNothing()
}

// The exit status is the command's. What cannot run is told before anything is issued.
func TestVaultAWSExecStatus(t *testing.T) {
	t.Parallel()
	h := startHelper(t)
	h.write("plain", "no program")
	for _, test := range []struct {
		command []string
		status  int
		makes   int
	}{
		{[]string{"sh", "-c", "exit 7"}, 7, 1},
		{[]string{"sh", "-c", "kill -SEGV $$"}, 128 + int(syscall.SIGSEGV), 1},
		{[]string{"sh", "-c", "kill -KILL $$"}, 128 + int(syscall.SIGKILL), 1},
		{[]string{"./plain"}, 126, 0},
		{[]string{"no-such-command"}, 127, 0},
	} {
		before := h.calls("CreateUser")
		got := h.run(append([]string{"exec", "app", "--"}, test.command...)...)
		if made := h.calls("CreateUser") - before; got.status != test.status || made != test.makes {
			t.Errorf("%q: status %d, expected %d, with %d users made: %s", test.command, got.status, test.status, made, got.errs)
		}
		h.mustHaveNothing()
	}
}

// calls is how often AWS was asked for an action.
func (h *helper) calls(action string) (n int) {
	for _, call := range h.account.Calls() {
		if call.Action == action {
			n++
		}
	}
	return n
}

// Whose token may not revoke is told what is left, and what to allow.
func TestVaultAWSExecMayNotRevoke(t *testing.T) {
	t.Parallel()
	h := startHelper(t)
	h.v.Call(http.MethodPut, "sys/policies/acl/reader", map[string]any{"policy": `path "aws-dyn/creds/*" { capabilities = ["read"] }`})
	h.logIn(h.newToken(map[string]any{"policies": []string{"reader"}}))
	got := h.run("exec", "app", "--", "true")
	if got.status != 0 || !strings.Contains(got.errs, "is not revoked, and its key works until ") || !strings.Contains(got.errs, `no policy of the token allows "update"`) {
		t.Errorf("status %d: %s", got.status, got.errs)
	}
	h.v.Call(http.MethodPut, "sys/leases/revoke-prefix/aws-dyn/creds/app", nil)
	server.WaitForUsers(t, h.account, 0)
}
