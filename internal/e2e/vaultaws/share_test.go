// SPDX-License-Identifier: MPL-2.0

package vaultaws

import (
	"net/http"
	"sync"
	"testing"

	"vault-plugin-secrets-aws-dyn/internal/e2e/server"
)

// With share_for, runs at the same time and one after the other get one key, and nothing is said.
func TestVaultAWSCredentialProcessShares(t *testing.T) {
	t.Parallel()
	h := startHelper(t)
	for _, role := range []string{"app", "audit"} {
		h.v.Call(http.MethodPost, "aws-dyn/roles/"+role, map[string]any{"share_for": "30m"})
		var runs sync.WaitGroup
		keys := make([]string, 4)
		for i := range keys {
			runs.Go(func() {
				fields, got := h.process(role)
				if keys[i] = textOf(fields, "AccessKeyId"); got.errs != "" {
					t.Errorf("role %s: standard error has %q", role, got.errs)
				}
			})
		}
		runs.Wait()
		for _, key := range keys {
			if key != keys[0] {
				t.Errorf("role %s: the runs got the keys %q", role, keys)
				break
			}
		}
	}
	if n := h.calls("CreateUser"); n != 1 {
		t.Errorf("%d users were made", n)
	}
	h.run("exec", "app", "--", "true")
	if n := len(h.account.Users()); n != 1 {
		t.Errorf("%d users after an exec that shared the key", n)
	}
	h.v.Call(http.MethodPut, "sys/leases/revoke-prefix/aws-dyn/creds/app", nil)
	server.WaitForUsers(t, h.account, 0)
}
