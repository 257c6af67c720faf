// SPDX-License-Identifier: MPL-2.0

package walk

import (
	"net/http"
	"strings"
	"testing"

	"vault-plugin-secrets-aws-dyn/internal/e2e/server"
	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

// This file reads status as an operator does at night: with Vault's command line, on one screen.

// screen is what "vault read aws-dyn/status" prints.
func screen(v *server.Server) []string {
	v.T.Helper()
	return strings.Split(strings.TrimRight(v.CLI("read", "aws-dyn/status"), "\n"), "\n")
}

// mustTell checks that the first five lines name a fault and what to do about it.
func mustTell(v *server.Server, parts ...string) {
	v.T.Helper()
	lines := screen(v)
	first := strings.Join(lines[:5], "\n")
	for _, part := range parts {
		if !strings.Contains(first, part) {
			v.T.Errorf("the first five lines do not say %q:\n%s", part, strings.Join(lines, "\n"))
		}
	}
	if len(lines) > 24 {
		v.T.Errorf("%d lines:\n%s", len(lines), strings.Join(lines, "\n"))
	}
}

// TestStatusOnTheScreen has a lease that is not revoked, and a server that is sealed while a request is under way and AWS
// goes away; what memory knew is gone after the unseal.
func TestStatusOnTheScreen(t *testing.T) {
	t.Parallel()
	account := fakeaws.New(t)
	v := server.StartRaft(t)
	v.Mount()
	key := account.RootKey()
	v.Call(http.MethodPost, "aws-dyn/config/root", map[string]any{
		"access_key": key.AccessKeyID, "secret_key": key.SecretAccessKey, "region": "us-east-1",
		"iam_endpoint": account.URL(), "sts_endpoint": account.URL(), "max_retries": 0,
	})
	server.WriteRole(v)
	issued := v.Call(http.MethodGet, "aws-dyn/creds/developer-access", nil)
	mustTell(v, "healthy", "problems", "[]")

	denied := account.Inject(fakeaws.Fault{Action: "DeleteUser"})
	v.Call(http.MethodPut, "sys/leases/revoke", map[string]any{"lease_id": issued.Lease(), "sync": true}, http.StatusBadRequest, http.StatusInternalServerError)
	mustTell(v, "AWS does not allow a call: AccessDenied", "iam:DeleteUser", "Allow the action", "1 IAM user should be gone and may still have a key that works")
	denied.Remove()
	v.CLI("delete", "aws-dyn/issued/"+account.Users()[0])
	server.WaitFor(t, server.RollbackTime, "the end of the user", func() bool { return len(account.Users()) == 0 })

	held := account.Inject(fakeaws.Fault{Action: "CreateUser", Kind: fakeaws.HangAfter})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_, _ = v.Request(http.MethodGet, "aws-dyn/creds/developer-access", nil) // the server is being sealed
	}()
	<-held.Reached()
	account.Inject(fakeaws.Fault{Kind: fakeaws.Cut})
	v.CLI("operator", "seal")
	<-ended
	held.Release()
	v.UnsealNow()
	mustTell(v, "1 IAM user may exist, of requests that were cut off", "sealed, restarted", "within 20 minutes", "delete issued/<username>")
	account.ClearFaults()
	server.WaitFor(t, server.RollbackTime, "the end of the user", func() bool { return len(account.Users()) == 0 })
	t.Logf("after the unseal:\n%s", strings.Join(screen(v), "\n"))
}
