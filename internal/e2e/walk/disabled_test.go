// SPDX-License-Identifier: MPL-2.0

package walk

import (
	"net/http"
	"strings"
	"testing"

	"vault-plugin-secrets-aws-dyn/internal/e2e/server"
	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

// TestADisabledRoleReachesTheClient as a 403 that says why, through Vault and its API for leases, and a key that waits
// works when it arrives.
func TestADisabledRoleReachesTheClient(t *testing.T) {
	t.Parallel()
	account := fakeaws.New(t)
	account.SetKeyLagCalls(2)
	v := server.StartDev(t)
	v.Mount()
	server.ConfigureRoot(v, account)
	server.WriteRole(v)
	v.Call(http.MethodPost, "aws-dyn/roles/developer-access", map[string]any{"wait_until_usable": true})
	issued := v.Issue()
	server.MustWork(t, account, issued.Key())

	v.Call(http.MethodPost, "aws-dyn/roles/developer-access", map[string]any{"disabled": true, "disabled_reason": "leaked, see SEC-17"})
	since, _ := v.Call(http.MethodGet, "aws-dyn/roles/developer-access", nil).Data("disabled_since").(string)
	want := "roles/developer-access was disabled at " + since
	refused := v.Call(http.MethodGet, "aws-dyn/creds/developer-access", nil, http.StatusForbidden)
	if !strings.Contains(refused.Text, want+": leaked, see SEC-17") {
		t.Errorf("refused with %s, want %s", refused.Text, want)
	}
	renewal := map[string]any{"lease_id": issued.Lease()}
	v.Call(http.MethodPost, "sys/leases/renew", renewal)
	v.Call(http.MethodPost, "aws-dyn/roles/developer-access", map[string]any{"disabled_renewals": true})
	answer, err := v.Request(http.MethodPost, "sys/leases/renew", renewal)
	if err != nil || answer.Status < 400 || !strings.Contains(answer.Text, want+", and its leases are not renewed: leaked, see SEC-17") {
		t.Errorf("a renewal is answered %d %s, %v", answer.Status, answer.Text, err)
	}
	t.Logf("a renewal is answered %d", answer.Status)
	v.Revoke(issued.Lease())
}
