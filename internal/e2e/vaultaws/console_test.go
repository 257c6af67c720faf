// SPDX-License-Identifier: MPL-2.0

package vaultaws

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vault-plugin-secrets-aws-dyn/internal/e2e/server"
)

// This file tests vault-aws console.

// The link reaches the browser, and no argument of a process.
func TestVaultAWSConsole(t *testing.T) {
	t.Parallel()
	h := startHelper(t)
	front := startSigninFront(t, h.account)
	h.v.Call(http.MethodPost, "aws-dyn/config/root", map[string]any{"signin_endpoint": h.account.URL()})

	const page = "https://us-east-1.console.aws.amazon.com/s3/home"
	printed := strings.TrimSuffix(h.must("console", "audit", "-print", "destination="+page).out, "\n")
	if at, status := front.open(t, h.account, printed); at != page || status != http.StatusOK {
		t.Errorf("the printed link ends at %s, %d", at, status)
	}

	opened := filepath.Join(h.home, "opened")
	h.write("browser", "#!/bin/sh\necho \"$@\" >"+opened+".new && mv "+opened+".new "+opened+"\n")
	browser := filepath.Join(h.home, "browser")
	if err := os.Chmod(browser, 0o700); err != nil {
		t.Fatal(err)
	}
	h.env = []string{"BROWSER=" + browser + " -new %s:other"}
	cmd := h.command("console", "audit")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var argument string
	server.WaitFor(t, server.Soon, "the browser to be started", func() bool {
		text, err := os.ReadFile(opened)
		argument = strings.TrimSpace(string(text))
		return err == nil
	})
	local, ok := strings.CutPrefix(argument, "-new http://127.0.0.1:")
	if !ok || strings.Contains(argument, "Token") {
		t.Fatalf("the browser is given %q", argument)
	}
	once := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := once.Get("http://127.0.0.1:" + local)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if at, status := front.open(t, h.account, resp.Header.Get("Location")); at != "https://console.aws.amazon.com/" || status != http.StatusOK {
		t.Errorf("the link ends at %s, %d", at, status)
	}
	if got := statusOf(cmd); got != 0 {
		t.Errorf("status %d", got)
	}
	if again, err := once.Get("http://127.0.0.1:" + local); err == nil {
		_ = again.Body.Close()
		t.Errorf("a second browser is answered %d", again.StatusCode)
	}

	h.env = []string{"BROWSER=no-such-browser"}
	if got := h.run("console", "audit"); got.status != 1 || !strings.Contains(got.errs, "set BROWSER, or print the link with -print") {
		t.Errorf("status %d: %s", got.status, got.errs)
	}
	if got := h.run("console", "app", "-print"); got.status != 1 || !strings.Contains(got.errs, "aws-dyn/console/app: ") || !strings.Contains(got.errs, "(status 400)") {
		t.Errorf("status %d: %s", got.status, got.errs)
	}
}
