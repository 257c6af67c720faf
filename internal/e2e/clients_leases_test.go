// SPDX-License-Identifier: MPL-2.0

package e2e

import (
	"encoding/json"
	"net/http"
	"os"
	"strings"
	"testing"

	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

// This file is about clients that live by leases: the Vault Secrets Operator, and consul-template, which is in Vault
// Agent and in Nomad.

// TestSecretsOperatorRequests: the operator renews by the duration that the lease began with. A renewal that is
// shorter is a lease at its end to it, and it asks for a new credential, so that must not happen before.
func TestSecretsOperatorRequests(t *testing.T) {
	t.Parallel()
	account := fakeaws.New(t)
	account.AddRole("deploy")
	v := startDev(t)
	v.mount()
	configureRoot(v, account)
	v.call(http.MethodPost, "aws-dyn/roles/app", map[string]any{
		"policy_arns": "arn:aws:iam::aws:policy/ReadOnlyAccess", "default_ttl": "10m", "max_ttl": "1h",
	})
	issued := v.call(http.MethodGet, "aws-dyn/creds/app", nil)
	began, _ := issued.body["lease_duration"].(float64)
	if began != 600 || issued.body["renewable"] != true {
		t.Fatalf("the lease begins with %v s, renewable %v", began, issued.body["renewable"])
	}
	for range 3 {
		renewed := v.call(http.MethodPut, "sys/leases/renew", map[string]any{"lease_id": issued.lease(), "increment": int(began)})
		if lasts, _ := renewed.body["lease_duration"].(float64); lasts < began || renewed.lease() != issued.lease() || renewed.body["renewable"] != true {
			t.Errorf("the renewal lasts %v s of %v, renewable %v", lasts, began, renewed.body["renewable"])
		}
	}
	mustHold(t, account, issued, ":user/")
	v.call(http.MethodPut, "sys/leases/revoke", map[string]any{"lease_id": issued.lease()})
	waitForUsers(t, account, 0)

	// A lease that cannot be renewed is fetched anew by a part of its duration.
	v.call(http.MethodPost, "aws-dyn/roles/deploy", map[string]any{
		"credential_type": "assumed_role", "role_arns": "arn:aws:iam::123456789012:role/deploy", "default_sts_ttl": "15m",
	})
	session := v.call(http.MethodGet, "aws-dyn/creds/deploy", nil)
	if lasts, _ := session.body["lease_duration"].(float64); lasts < 840 || lasts > 900 || session.body["renewable"] != false || session.lease() == "" {
		t.Errorf("a session's lease lasts %v s, renewable %v", lasts, session.body["renewable"])
	}
	v.call(http.MethodPut, "sys/leases/renew", map[string]any{"lease_id": session.lease(), "increment": 900}, http.StatusBadRequest)

	// A refusal of the engine's own reaches who renews.
	ended := v.call(http.MethodGet, "aws-dyn/creds/app", nil)
	name := account.Users()[0]
	v.call(http.MethodDelete, "aws-dyn/issued/"+name, nil)
	refused := v.call(http.MethodPut, "sys/leases/renew", map[string]any{"lease_id": ended.lease()}, http.StatusBadRequest)
	if !strings.Contains(refused.text, "has no record any more") || strings.Contains(refused.text, "%!w") {
		t.Errorf("the renewal is refused with %s", refused.text)
	}
	if log, err := os.ReadFile(v.logFile()); err != nil || strings.Contains(string(log), "%!w") {
		t.Errorf("Vault's log has %%!w (%v)", err)
	}
}

// TestConsulTemplateRules: by these it tells a dynamic credential from a static one, and how long to wait.
func TestConsulTemplateRules(t *testing.T) {
	t.Parallel()
	account := fakeaws.New(t)
	v := startDev(t)
	v.mount()
	configureRoot(v, account)
	writeRole(v)
	v.call(http.MethodPost, "aws-dyn/roles/session", map[string]any{"credential_type": "session_token"})
	for _, role := range []string{"developer-access", "session"} {
		issued := v.call(http.MethodGet, "aws-dyn/creds/"+role, nil)
		lasts, _ := issued.body["lease_duration"].(float64)
		if issued.lease() == "" || lasts <= 0 {
			t.Errorf("%s: without a lease it would be read again every 5 minutes: lease %q of %v s", role, issued.lease(), lasts)
		}
		if issued.data("rotation_period") != nil {
			t.Errorf("%s: rotation_period makes a dynamic credential look static", role)
		}
		if ttl := issued.data("ttl"); role == "session" {
			var number float64
			if err := json.Unmarshal([]byte(asJSON(ttl)), &number); err != nil || number < lasts-5 || number > lasts+5 {
				t.Errorf("%s: ttl %v beside a lease of %v s", role, ttl, lasts)
			}
		}
		v.revoke(issued.lease())
	}
}
