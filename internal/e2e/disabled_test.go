// SPDX-License-Identifier: MPL-2.0

package e2e

import (
	"net/http"
	"strings"
	"testing"

	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

// TestADisabledRoleReachesTheClient as a 403 that says why, through Vault and its API for leases, and a key that waits
// works when it arrives.
func TestADisabledRoleReachesTheClient(t *testing.T) {
	t.Parallel()
	account := fakeaws.New(t)
	account.SetKeyLagCalls(2)
	v := startDev(t)
	v.mount()
	configureRoot(v, account)
	writeRole(v)
	v.call(http.MethodPost, "aws-dyn/roles/developer-access", map[string]any{"wait_until_usable": true})
	issued := v.issue()
	mustWork(t, account, issued.key())

	v.call(http.MethodPost, "aws-dyn/roles/developer-access", map[string]any{"disabled": true, "disabled_reason": "leaked, see SEC-17"})
	since, _ := v.call(http.MethodGet, "aws-dyn/roles/developer-access", nil).data("disabled_since").(string)
	want := "roles/developer-access was disabled at " + since
	refused := v.call(http.MethodGet, "aws-dyn/creds/developer-access", nil, http.StatusForbidden)
	if !strings.Contains(refused.text, want+": leaked, see SEC-17") {
		t.Errorf("refused with %s, want %s", refused.text, want)
	}
	renewal := map[string]any{"lease_id": issued.lease()}
	v.call(http.MethodPost, "sys/leases/renew", renewal)
	v.call(http.MethodPost, "aws-dyn/roles/developer-access", map[string]any{"disabled_renewals": true})
	answer, err := v.request(http.MethodPost, "sys/leases/renew", renewal)
	if err != nil || answer.status < 400 || !strings.Contains(answer.text, want+", and its leases are not renewed: leaked, see SEC-17") {
		t.Errorf("a renewal is answered %d %s, %v", answer.status, answer.text, err)
	}
	t.Logf("a renewal is answered %d", answer.status)
	v.revoke(issued.lease())
}
