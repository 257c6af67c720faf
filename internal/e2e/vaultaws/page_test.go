// SPDX-License-Identifier: MPL-2.0

//go:build linux

package vaultaws

import (
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"vault-plugin-secrets-aws-dyn/internal/e2e/server"
)

// This file tests the page on loopback of vault-aws console, and what vault-aws makes of paths that are not for it.

// The browser is told of a page on loopback, so that nobody finds the link among the arguments of a process. But the page's
// address stands there, and whoever asks first is signed in: another user of the machine that looks at the list of processes.
// The address must not be enough.
func TestConsolePageForAnotherUser(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("SKIP: not root, so there is no other user")
	}
	s := startStub(t)
	page := s.openPage()
	at, err := url.Parse(page)
	if err != nil || at.Scheme != "http" {
		t.Fatalf("the browser is given %q", page)
	}
	get := func(uid uint32) string {
		cmd := exec.CommandContext(t.Context(), "/bin/bash", "-c", `exec 3<>/dev/tcp/127.0.0.1/$1; printf 'GET %s HTTP/1.0\r\n\r\n' "$2" >&3; cat <&3`, "bash", at.Port(), at.Path)
		cmd.Dir, cmd.SysProcAttr = "/", &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
		return finish(t, cmd).out
	}
	const link = "SigninToken=stolen"
	if strings.Contains(get(65534), link) {
		t.Errorf("the user nobody gets the link from %s", at)
	}
	if answer := get(0); !strings.Contains(answer, link) {
		t.Errorf("its own user is answered %q", answer)
	}
}

// openPage has vault-aws console open a browser, and returns the address that it is given.
func (s *stub) openPage() string {
	s.t.Helper()
	s.write("browser", "#!/bin/sh\necho \"$1\" >opened.new && mv opened.new opened\n")
	_ = os.Chmod(filepath.Join(s.home, "browser"), 0o700)
	s.env = append(s.env, "BROWSER="+filepath.Join(s.home, "browser"))
	cmd := s.helperCommand("console", "audit")
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	var address []byte
	server.WaitFor(s.t, server.Soon, "the browser", func() bool {
		var err error
		address, err = os.ReadFile(filepath.Join(s.home, "opened"))
		return err == nil
	})
	return strings.TrimSpace(string(address))
}

// A HEAD, such as a proxy may send, does not use the page up.
func TestConsolePageAndHead(t *testing.T) {
	t.Parallel()
	s := startStub(t)
	page := s.openPage()
	once := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := once.Head(page)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	again, err := once.Get(page)
	if err != nil {
		t.Fatalf("after a HEAD (%d) the page is gone: %v", resp.StatusCode, err)
	}
	if _ = again.Body.Close(); again.StatusCode != http.StatusFound {
		t.Errorf("after a HEAD (%d) the page answers %d", resp.StatusCode, again.StatusCode)
	}
}

// The wrong -mount names another engine, whose answer has a lease and no key of AWS's. exec fails, and revokes the lease.
func TestExecLeavesAForeignLease(t *testing.T) {
	t.Parallel()
	s := startStub(t)
	s.answer("database/creds/app", map[string]any{"lease_id": "database/creds/app/1", "lease_duration": 3600, "renewable": true, "data": map[string]any{"username": "u", "password": "p"}})
	got := finish(t, s.helperCommand("exec", "-mount=database", "app", "--", "true"))
	if !s.heard("sys/leases/revoke database/creds/app/1") {
		t.Errorf("the lease is left: status %d %s", got.status, got.errs)
	}
}

// A static role has no console, and the role of its name is another one.
func TestConsoleOfAStaticRole(t *testing.T) {
	t.Parallel()
	s := startStub(t)
	if got := finish(t, s.helperCommand("console", "-print", "static-creds/billing")); got.status == 0 {
		t.Errorf("it prints the link of another role: %s", got.out)
	}
}
