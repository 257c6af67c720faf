// SPDX-License-Identifier: MPL-2.0

package clients

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"vault-plugin-secrets-aws-dyn/internal/e2e/programs"
	"vault-plugin-secrets-aws-dyn/internal/e2e/server"
	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

// This file replays what Terraform's Vault provider sends for its vault_aws_* resources and data sources. What
// Terraform reads other than it wrote, it shows as a difference at every plan.

func TestTerraformProviderRequests(t *testing.T) {
	t.Parallel()
	account := fakeaws.New(t)
	account.AddRole("deploy")
	v := server.StartDev(t)
	v.Register("aws")
	v.Call(http.MethodPost, "sys/mounts/aws", map[string]any{
		"type": "aws", "description": "from Terraform", "plugin_version": programs.Built.Version,
		"config": map[string]any{"default_lease_ttl": "3600s", "max_lease_ttl": "86400s", "plugin_version": programs.Built.Version},
	})
	terraformBackend(t, v, account)
	terraformRole(t, v)
	terraformSTSRole(t, v)
	terraformData(t, v, account)
}

// terraformBackend is resource vault_aws_secret_backend: the first write has every field, empty or not.
func terraformBackend(t *testing.T, v *server.Server, account *fakeaws.Server) {
	t.Helper()
	v.Call(http.MethodGet, "aws/config/root", nil, http.StatusNotFound) // an import of a mount that has none
	v.Call(http.MethodPost, "aws/config/root", map[string]any{
		"access_key": "", "secret_key": "", "region": "", "iam_endpoint": "", "sts_endpoint": "", "sts_region": "",
		"sts_fallback_endpoints": []string{}, "sts_fallback_regions": []string{}, "max_retries": -1, "username_template": "",
	})
	terraformReads(t, v, "config/root", map[string]any{
		"access_key": "", "region": "", "iam_endpoint": "", "sts_endpoint": "", "sts_region": "", "max_retries": -1.0,
	})

	// An update has what was configured, and the secret only if it is known.
	root := account.RootKey()
	v.Call(http.MethodPut, "aws/config/root", map[string]any{
		"access_key": root.AccessKeyID, "secret_key": root.SecretAccessKey, "region": "us-east-1", "max_retries": -1,
		"iam_endpoint": account.URL(), "sts_endpoint": account.URL(),
	})
	v.Call(http.MethodPut, "aws/config/root", map[string]any{
		"access_key": root.AccessKeyID, "region": "us-east-1", "max_retries": 5, "iam_endpoint": account.URL(), "sts_endpoint": account.URL(),
		"username_template": "", "sts_region": "", "sts_fallback_endpoints": []string{}, "sts_fallback_regions": []string{},
	})
	terraformReads(t, v, "config/root", map[string]any{
		"access_key": root.AccessKeyID, "region": "us-east-1", "iam_endpoint": account.URL(), "sts_endpoint": account.URL(), "max_retries": 5.0,
	})
	v.Call(http.MethodPut, "aws/config/root", map[string]any{"max_retries": -1})
	terraformReads(t, v, "config/root", map[string]any{"access_key": root.AccessKeyID, "max_retries": -1.0})
}

// terraformReads demands that a path reads back so.
func terraformReads(t *testing.T, v *server.Server, path string, want map[string]any) {
	t.Helper()
	got := v.Call(http.MethodGet, "aws/"+path, nil, http.StatusOK)
	for _, field := range slices.Sorted(maps.Keys(want)) {
		if value := got.Data(field); server.AsJSON(value) != server.AsJSON(want[field]) && (!server.Empty(value) || !server.Empty(want[field])) {
			t.Errorf("%s: %s reads back as %s, expected %s", path, field, server.AsJSON(value), server.AsJSON(want[field]))
		}
	}
}

// terraformRole is resource vault_aws_secret_backend_role: the type and the changed keys; "" and [] clear.
func terraformRole(t *testing.T, v *server.Server) {
	t.Helper()
	v.Call(http.MethodGet, "aws/roles/app", nil, http.StatusNotFound)
	v.Call(http.MethodPost, "aws/roles/app", map[string]any{
		"credential_type": "iam_user", "policy_arns": []string{"arn:aws:iam::aws:policy/ReadOnlyAccess"}, "policy_document": server.PolicyText,
		"iam_groups": []string{"developers"}, "iam_tags": map[string]string{"team": "payments"}, "user_path": "/apps/",
		"permissions_boundary_arn": "arn:aws:iam::aws:policy/PowerUserAccess",
	})
	written := map[string]any{
		"credential_type": "iam_user", "policy_arns": []string{"arn:aws:iam::aws:policy/ReadOnlyAccess"}, "policy_document": server.PolicyText,
		"iam_groups": []string{"developers"}, "iam_tags": map[string]string{"team": "payments"}, "user_path": "/apps/",
		"permissions_boundary_arn": "arn:aws:iam::aws:policy/PowerUserAccess",
		"role_arns":                nil, "session_tags": nil, "external_id": "", "mfa_serial_number": "", "default_sts_ttl": 0, "max_sts_ttl": 0,
	}
	terraformReads(t, v, "roles/app", written)
	for _, change := range []struct {
		body  map[string]any
		field string
		value any
	}{
		{map[string]any{"policy_document": ""}, "policy_document", ""},
		{map[string]any{"policy_arns": []string{}}, "policy_arns", nil},
		{map[string]any{"iam_groups": []string{}}, "iam_groups", nil},
		{map[string]any{"iam_tags": map[string]string{}}, "iam_tags", nil},
		{map[string]any{"permissions_boundary_arn": ""}, "permissions_boundary_arn", ""},
		{map[string]any{"user_path": "/"}, "user_path", "/"},
		{map[string]any{"iam_groups": []string{"auditors", "developers"}}, "iam_groups", []string{"auditors", "developers"}},
	} {
		change.body["credential_type"] = "iam_user"
		v.Call(http.MethodPut, "aws/roles/app", change.body)
		written[change.field] = change.value
		terraformReads(t, v, "roles/app", written)
	}
	v.Call(http.MethodDelete, "aws/roles/app", nil)
	v.Call(http.MethodGet, "aws/roles/app", nil, http.StatusNotFound)
}

// terraformSTSRole: the durations come as text, and go back as numbers.
func terraformSTSRole(t *testing.T, v *server.Server) {
	t.Helper()
	v.Call(http.MethodPost, "aws/roles/deploy", map[string]any{
		"credential_type": "assumed_role", "role_arns": []string{"arn:aws:iam::123456789012:role/deploy"},
		"session_tags": map[string]string{"team": "payments"}, "default_sts_ttl": "1800", "max_sts_ttl": "7200",
	})
	terraformReads(t, v, "roles/deploy", map[string]any{
		"credential_type": "assumed_role", "role_arns": []string{"arn:aws:iam::123456789012:role/deploy"},
		"session_tags": map[string]string{"team": "payments"}, "default_sts_ttl": 1800, "max_sts_ttl": 7200,
	})
	v.Call(http.MethodPut, "aws/roles/deploy", map[string]any{"credential_type": "assumed_role", "default_sts_ttl": "0", "session_tags": map[string]string{}})
	terraformReads(t, v, "roles/deploy", map[string]any{"default_sts_ttl": 0, "max_sts_ttl": 7200, "session_tags": nil,
		"role_arns": []string{"arn:aws:iam::123456789012:role/deploy"}})
}

// terraformData is data and ephemeral vault_aws_access_credentials. The provider takes access_key and secret_key for
// text without looking, and the lease for the id of what it read.
func terraformData(t *testing.T, v *server.Server, account *fakeaws.Server) {
	t.Helper()
	v.Call(http.MethodPost, "aws/roles/app", map[string]any{"credential_type": "iam_user", "policy_arns": []string{"arn:aws:iam::aws:policy/ReadOnlyAccess"}})
	for _, c := range []struct {
		method, path string
		body         map[string]any
		arn          string
		ttl          float64
	}{
		{http.MethodGet, "creds/app?role_arn=", nil, ":user/", 3600},
		{http.MethodGet, "creds/app?role_arn=&ttl=900s", nil, ":user/", 900},
		{http.MethodGet, "sts/deploy?role_arn=", nil, ":assumed-role/deploy/", 3600},
		{http.MethodGet, "sts/deploy?role_arn=arn:aws:iam::123456789012:role/deploy&ttl=15m", nil, ":assumed-role/deploy/", 900},
		{http.MethodPost, "sts/deploy", map[string]any{"role_arn": "", "ttl": "1800s", "region": "us-east-1"}, ":assumed-role/deploy/", 1800},
	} {
		issued := v.Call(c.method, "aws/"+c.path, c.body, http.StatusOK)
		server.MustHold(t, account, issued, c.arn)
		lasts, _ := issued.Body["lease_duration"].(float64)
		if issued.Lease() == "" || lasts > c.ttl || lasts < c.ttl-60 {
			t.Errorf("%s: lease %q of %v s, expected %v s", c.path, issued.Lease(), lasts, c.ttl)
		}
		token, _ := issued.Data("security_token").(string)
		if (token != "") != strings.HasPrefix(c.path, "sts/") {
			t.Errorf("%s: security_token %q", c.path, token)
		}
		if c.body != nil && !strings.Contains(server.AsJSON(issued.Body["warnings"]), "region") {
			t.Errorf("no warning of the unknown field region: %s", server.AsJSON(issued.Body["warnings"]))
		}
		v.Revoke(issued.Lease())
	}
}
