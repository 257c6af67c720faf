// SPDX-License-Identifier: MPL-2.0

package clients

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"vault-plugin-secrets-aws-dyn/internal/e2e/programs"
	"vault-plugin-secrets-aws-dyn/internal/e2e/server"
	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

// This file replays what the Vault UI's pages for a mount of type aws send, and demands what they read.

// uiRoot is the whole form of "Configure AWS", as the page sends it back: all fields that it knows, and no others.
func uiRoot(account *fakeaws.Server) map[string]any {
	return map[string]any{
		"access_key": account.RootKey().AccessKeyID, "region": "us-east-1", "iam_endpoint": account.URL(), "sts_endpoint": account.URL(),
		"max_retries": -1, "role_arn": "", "identity_token_audience": "", "identity_token_ttl": 0,
		"rotation_period": 0, "rotation_window": 0, "rotation_schedule": "", "disable_automated_rotation": false,
		"sts_fallback_endpoints": []string{}, "sts_fallback_regions": []string{}, "sts_region": "", "username_template": "",
	}
}

func TestVaultUIRequests(t *testing.T) {
	t.Parallel()
	account := fakeaws.New(t)
	account.AddRole("deploy")
	v := server.StartDev(t)
	v.Register("aws")
	// The form "Enable AWS" sends no plugin_version; the server picks ours.
	v.Call(http.MethodPost, "sys/mounts/aws", map[string]any{"type": "aws", "config": map[string]any{"listing_visibility": "hidden"}})
	uiMountPages(v)
	uiConfigPages(t, v, account)
	uiRolePages(t, v)
	uiCredentialPages(t, v, account)
}

// uiMountPages: the pages of AWS open for the type aws alone, and show the version that runs.
func uiMountPages(v *server.Server) {
	v.T.Helper()
	secret, _ := v.Call(http.MethodGet, "sys/internal/ui/mounts", nil).Data("secret").(map[string]any)
	listed, _ := secret["aws/"].(map[string]any)
	one := v.Call(http.MethodGet, "sys/internal/ui/mounts/aws", nil)
	for key, want := range map[string]string{"type": "aws", "plugin_version": programs.Built.Version, "running_plugin_version": programs.Built.Version} {
		if listed[key] != want || one.Data(key) != want {
			v.T.Errorf("the UI reads %s as %v in the list and %v of the mount, expected %s", key, listed[key], one.Data(key), want)
		}
	}
}

// uiConfigPages: 404 is "not configured yet", anything but 200 and 404 breaks the page.
func uiConfigPages(t *testing.T, v *server.Server, account *fakeaws.Server) {
	t.Helper()
	v.Call(http.MethodGet, "aws/config/root", nil, http.StatusNotFound)
	v.Call(http.MethodGet, "aws/config/lease", nil, http.StatusNotFound)

	first := uiRoot(account)
	first["secret_key"] = account.RootKey().SecretAccessKey
	v.Call(http.MethodPost, "aws/config/root", first)
	v.Call(http.MethodPost, "aws/config/lease", map[string]any{}) // the page saves both, though the second is untouched
	v.Call(http.MethodGet, "aws/config/lease", nil, http.StatusNotFound)

	v.Call(http.MethodPost, "aws/config/root", uiRoot(account)) // an edit sends no secret
	v.Call(http.MethodPost, "aws/config/lease", map[string]any{"lease": "1h", "lease_max": "24h"})
	root := v.Call(http.MethodGet, "aws/config/root", nil, http.StatusOK)
	want := map[string]any{
		"access_key": account.RootKey().AccessKeyID, "region": "us-east-1", "iam_endpoint": account.URL(),
		"sts_endpoint": account.URL(), "max_retries": -1.0, "role_arn": "",
	}
	for _, field := range slices.Sorted(maps.Keys(want)) {
		if root.Data(field) != want[field] {
			t.Errorf("config/root: the page reads %s as %v, expected %v", field, root.Data(field), want[field])
		}
	}
	lease := v.Call(http.MethodGet, "aws/config/lease", nil, http.StatusOK)
	if lease.Data("lease") != "1h0m0s" || lease.Data("lease_max") != "24h0m0s" {
		t.Errorf("config/lease: the page reads %v and %v", lease.Data("lease"), lease.Data("lease_max"))
	}
}

func uiRolePages(t *testing.T, v *server.Server) {
	t.Helper()
	v.Call(http.MethodGet, "aws/roles?list=true", nil, http.StatusNotFound) // the page "no roles yet"
	// The name alone makes a role. The answer carries a warning, and the page writes into its data.
	bare := v.Call(http.MethodPost, "aws/roles/bare", map[string]any{"credential_type": "iam_user"})
	if _, isObject := bare.Body["data"].(map[string]any); bare.Status == http.StatusOK && !isObject {
		t.Errorf("a save with a warning answers data that is no object: %s", bare.Text)
	}
	v.Call(http.MethodPost, "aws/roles/readers", map[string]any{
		"credential_type": "iam_user", "policy_arns": []string{"arn:aws:iam::aws:policy/ReadOnlyAccess"},
	})
	v.Call(http.MethodPost, "aws/roles/readers", map[string]any{"policy_document": server.PolicyText}) // an edit sends what was changed
	v.Call(http.MethodPost, "aws/roles/deployers", map[string]any{
		"credential_type": "assumed_role", "role_arns": []string{"arn:aws:iam::123456789012:role/deploy"},
	})
	v.Call(http.MethodPost, "aws/roles/sessions", map[string]any{"credential_type": "session_token"})
	v.Call(http.MethodPost, "aws/roles/federated", map[string]any{"credential_type": "federation_token", "policy_document": server.PolicyText})

	readers := v.Call(http.MethodGet, "aws/roles/readers", nil, http.StatusOK)
	if readers.Data("credential_type") != "iam_user" || server.AsJSON(readers.Data("policy_arns")) != `["arn:aws:iam::aws:policy/ReadOnlyAccess"]` ||
		readers.Data("policy_document") != server.PolicyText || !server.Empty(readers.Data("role_arns")) {
		t.Errorf("the page reads the role as %s", readers.Text)
	}
	v.Call(http.MethodDelete, "aws/roles/bare", nil)
	listed := v.Call(http.MethodGet, "aws/roles?list=true", nil, http.StatusOK)
	if got := server.AsJSON(listed.Data("keys")); got != `["deployers","federated","readers","sessions"]` {
		t.Errorf("the page lists %s", got)
	}
	hints := v.Call(http.MethodPost, "sys/capabilities-self", map[string]any{"paths": []string{"aws/roles/readers", "aws/creds/readers"}})
	for _, path := range []string{"aws/roles/readers", "aws/creds/readers"} {
		if server.AsJSON(hints.Data(path)) != `["root"]` {
			t.Errorf("capabilities of %s: %s", path, server.AsJSON(hints.Data(path)))
		}
	}
	uiCapabilities(t, v)
}

// uiCapabilities: the page offers "Generate credentials" to whoever has update on creds/, and Vault asks for no more.
func uiCapabilities(t *testing.T, v *server.Server) {
	t.Helper()
	v.Call(http.MethodPut, "sys/policies/acl/generate", map[string]any{"policy": `path "aws/creds/sessions" { capabilities = ["update"] }
path "aws/roles/from-ui" { capabilities = ["update"] }`})
	made := v.Call(http.MethodPost, "auth/token/create", map[string]any{"policies": []string{"generate"}})
	auth, _ := made.Body["auth"].(map[string]any)
	user := *v
	user.Token, _ = auth["client_token"].(string)
	user.Call(http.MethodPost, "aws/creds/sessions", map[string]any{"ttl": "3600s"}, http.StatusOK)
	user.Call(http.MethodPost, "aws/roles/from-ui", map[string]any{"credential_type": "session_token"})
	user.Call(http.MethodGet, "aws/creds/sessions", nil, http.StatusForbidden)
	v.Call(http.MethodDelete, "aws/roles/from-ui", nil)
}

// uiCredentialPages: GET for iam_user; for the rest a POST, with a ttl that may be more than the role allows.
func uiCredentialPages(t *testing.T, v *server.Server, account *fakeaws.Server) {
	t.Helper()
	user := v.Call(http.MethodGet, "aws/creds/readers", nil, http.StatusOK)
	server.MustHold(t, account, user, ":user/")
	uiReads(t, user, true, 3600)
	v.Revoke(user.Lease())

	v.Call(http.MethodPost, "aws/roles/federated", map[string]any{"max_sts_ttl": "30m"})
	for _, c := range []struct {
		role string
		body map[string]any
		arn  string
		ttl  float64
	}{
		{"deployers", map[string]any{"role_arn": "arn:aws:iam::123456789012:role/deploy", "ttl": "3600s"}, ":assumed-role/deploy/", 3600},
		{"deployers", map[string]any{"role_arn": ""}, ":assumed-role/deploy/", 3600},
		{"sessions", map[string]any{"ttl": "3600s"}, ":user/vault-root", 3600},
		{"federated", map[string]any{"ttl": "3600s"}, ":federated-user/", 1800},
	} {
		issued := v.Call(http.MethodPost, "aws/creds/"+c.role, c.body, http.StatusOK)
		server.MustHold(t, account, issued, c.arn)
		uiReads(t, issued, false, c.ttl)
		if token, _ := issued.Data("security_token").(string); token == "" {
			t.Errorf("%s: the page shows security_token, and there is none", c.role)
		}
	}
}

// uiReads is what the page with a new credential shows. It puts data and the rest of the answer into one object,
// so a field called id would overwrite the page's own.
func uiReads(t *testing.T, a server.Answer, renewable bool, duration float64) {
	t.Helper()
	for _, field := range []string{"access_key", "secret_key"} {
		if value, _ := a.Data(field).(string); value == "" {
			t.Errorf("the page reads no %s: %v", field, a.Data(field))
		}
	}
	lasts, _ := a.Body["lease_duration"].(float64)
	if a.Lease() == "" || a.Body["renewable"] != renewable || lasts > duration || lasts < duration-60 {
		t.Errorf("the page reads lease_id %q, renewable %v, lease_duration %v; expected renewable %v, %v s", a.Lease(), a.Body["renewable"], lasts, renewable, duration)
	}
	for _, taken := range []string{"id", "data"} {
		if strings.Contains(fmt.Sprint(a.Body["data"]), " "+taken+":") {
			t.Errorf("the data has a field %s", taken)
		}
	}
}
