// SPDX-License-Identifier: MPL-2.0

//go:build linux

package e2e

import (
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
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
	s.write("browser", "#!/bin/sh\necho \"$1\" >opened.new && mv opened.new opened\n")
	_ = os.Chmod(filepath.Join(s.home, "browser"), 0o700)
	s.env = append(s.env, "BROWSER="+filepath.Join(s.home, "browser"))
	cmd := s.helperCommand("console", "audit")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var argument []byte
	waitFor(t, soon, "the browser", func() (opened bool) {
		var err error
		argument, err = os.ReadFile(filepath.Join(s.home, "opened"))
		return err == nil
	})
	at, err := url.Parse(strings.TrimSpace(string(argument)))
	if err == nil && at.Scheme == "http" {
		nobody := exec.CommandContext(t.Context(), "/bin/bash", "-c", `exec 3<>/dev/tcp/127.0.0.1/$1; printf 'GET %s HTTP/1.0\r\n\r\n' "$2" >&3; cat <&3`, "bash", at.Port(), at.Path)
		nobody.Dir, nobody.SysProcAttr = "/", &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		got := finish(t, nobody)
		if strings.Contains(got.out, "SigninToken=stolen") {
			t.Errorf("the user nobody gets the link from %s", at)
		}
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
}

// A HEAD of the page uses the link up, and its user gets 410. Only a GET is to count.
func TestConsolePageAndHead(t *testing.T) {
	t.Parallel()
	s := startStub(t)
	s.write("browser", "#!/bin/sh\necho \"$1\" >opened.new && mv opened.new opened\n")
	_ = os.Chmod(filepath.Join(s.home, "browser"), 0o700)
	s.env = append(s.env, "BROWSER="+filepath.Join(s.home, "browser"))
	cmd := s.helperCommand("console", "audit")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var argument []byte
	waitFor(t, soon, "the browser", func() (opened bool) {
		var err error
		argument, err = os.ReadFile(filepath.Join(s.home, "opened"))
		return err == nil
	})
	once := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	if resp, err := once.Head(strings.TrimSpace(string(argument))); err == nil {
		_ = resp.Body.Close()
		again, err := once.Get(strings.TrimSpace(string(argument)))
		if err != nil {
			t.Errorf("after a HEAD (%d) the page is gone: %v", resp.StatusCode, err)
		} else if _ = again.Body.Close(); again.StatusCode != http.StatusFound {
			t.Errorf("after a HEAD (%d) the page answers %d", resp.StatusCode, again.StatusCode)
		}
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
}

// The wrong -mount names another engine, whose answer has a lease and no key of AWS's. exec fails, and the lease stays.
func TestExecLeavesAForeignLease(t *testing.T) {
	t.Parallel()
	s := startStub(t)
	s.answer("database/creds/app", map[string]any{"lease_id": "database/creds/app/1", "lease_duration": 3600, "renewable": true, "data": map[string]any{"username": "u", "password": "p"}})
	got := finish(t, s.helperCommand("exec", "-mount=database", "app", "--", "true"))
	if !s.heard("sys/leases/revoke database/creds/app/1") {
		t.Errorf("the lease is left: status %d %s", got.status, got.errs)
	}
}

// console static-creds/billing opens the console of the role billing, which is another one. There is no console of a static role.
func TestConsoleOfAStaticRole(t *testing.T) {
	t.Parallel()
	s := startStub(t)
	if got := finish(t, s.helperCommand("console", "-print", "static-creds/billing")); got.status == 0 {
		t.Errorf("it prints the link of another role: %s", got.out)
	}
}
