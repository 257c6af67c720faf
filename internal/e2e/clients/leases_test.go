// SPDX-License-Identifier: MPL-2.0

package clients

import (
	"encoding/json"
	"net/http"
	"os"
	"strings"
	"testing"

	"vault-plugin-secrets-aws-dyn/internal/e2e/server"
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
	v := server.StartDev(t)
	v.Mount()
	server.ConfigureRoot(v, account)
	v.Call(http.MethodPost, "aws-dyn/roles/app", map[string]any{
		"policy_arns": "arn:aws:iam::aws:policy/ReadOnlyAccess", "default_ttl": "10m", "max_ttl": "1h",
	})
	issued := v.Call(http.MethodGet, "aws-dyn/creds/app", nil)
	began, _ := issued.Body["lease_duration"].(float64)
	if began != 600 || issued.Body["renewable"] != true {
		t.Fatalf("the lease begins with %v s, renewable %v", began, issued.Body["renewable"])
	}
	for range 3 {
		renewed := v.Call(http.MethodPut, "sys/leases/renew", map[string]any{"lease_id": issued.Lease(), "increment": int(began)})
		if lasts, _ := renewed.Body["lease_duration"].(float64); lasts < began || renewed.Lease() != issued.Lease() || renewed.Body["renewable"] != true {
			t.Errorf("the renewal lasts %v s of %v, renewable %v", lasts, began, renewed.Body["renewable"])
		}
	}
	server.MustHold(t, account, issued, ":user/")
	v.Call(http.MethodPut, "sys/leases/revoke", map[string]any{"lease_id": issued.Lease()})
	server.WaitForUsers(t, account, 0)

	// A lease that cannot be renewed is fetched anew by a part of its duration.
	v.Call(http.MethodPost, "aws-dyn/roles/deploy", map[string]any{
		"credential_type": "assumed_role", "role_arns": "arn:aws:iam::123456789012:role/deploy", "default_sts_ttl": "15m",
	})
	session := v.Call(http.MethodGet, "aws-dyn/creds/deploy", nil)
	if lasts, _ := session.Body["lease_duration"].(float64); lasts < 840 || lasts > 900 || session.Body["renewable"] != false || session.Lease() == "" {
		t.Errorf("a session's lease lasts %v s, renewable %v", lasts, session.Body["renewable"])
	}
	v.Call(http.MethodPut, "sys/leases/renew", map[string]any{"lease_id": session.Lease(), "increment": 900}, http.StatusBadRequest)

	// A refusal of the engine's own reaches who renews.
	ended := v.Call(http.MethodGet, "aws-dyn/creds/app", nil)
	name := account.Users()[0]
	v.Call(http.MethodDelete, "aws-dyn/issued/"+name, nil)
	refused := v.Call(http.MethodPut, "sys/leases/renew", map[string]any{"lease_id": ended.Lease()}, http.StatusBadRequest)
	if !strings.Contains(refused.Text, "has no record any more") || strings.Contains(refused.Text, "%!w") {
		t.Errorf("the renewal is refused with %s", refused.Text)
	}
	if log, err := os.ReadFile(v.LogFile()); err != nil || strings.Contains(string(log), "%!w") {
		t.Errorf("Vault's log has %%!w (%v)", err)
	}
}

// TestConsulTemplateRules: by these it tells a dynamic credential from a static one, and how long to wait.
func TestConsulTemplateRules(t *testing.T) {
	t.Parallel()
	account := fakeaws.New(t)
	v := server.StartDev(t)
	v.Mount()
	server.ConfigureRoot(v, account)
	server.WriteRole(v)
	v.Call(http.MethodPost, "aws-dyn/roles/session", map[string]any{"credential_type": "session_token"})
	for _, role := range []string{"developer-access", "session"} {
		issued := v.Call(http.MethodGet, "aws-dyn/creds/"+role, nil)
		lasts, _ := issued.Body["lease_duration"].(float64)
		if issued.Lease() == "" || lasts <= 0 {
			t.Errorf("%s: without a lease it would be read again every 5 minutes: lease %q of %v s", role, issued.Lease(), lasts)
		}
		if issued.Data("rotation_period") != nil {
			t.Errorf("%s: rotation_period makes a dynamic credential look static", role)
		}
		if ttl := issued.Data("ttl"); role == "session" {
			var number float64
			if err := json.Unmarshal([]byte(server.AsJSON(ttl)), &number); err != nil || number < lasts-5 || number > lasts+5 {
				t.Errorf("%s: ttl %v beside a lease of %v s", role, ttl, lasts)
			}
		}
		v.Revoke(issued.Lease())
	}
}
