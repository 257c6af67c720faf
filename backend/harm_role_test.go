// SPDX-License-Identifier: MPL-2.0

package backend

// The fields of a role, of which none may be forgotten anywhere, and answers that say several
// things at once.

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/roles"
)

// The deprecated form replaces the whole role, so a field beside it would be lost without a
// word: a cap, for one. What the built-in engine takes there, and drops, earns a warning.
func TestNoFieldIsLostBesideADeprecatedOne(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t)
	values := map[string]any{
		"credential_type": roles.IAMUser, "policy_arns": readOnly, "policy_document": s3Only, "iam_groups": "developers", "iam_tags": "team=payments",
		"user_path": "/vault/", "permissions_boundary_arn": readOnly, "default_ttl": "1h", "max_ttl": "1h", "max_users": 2,
		"wait_until_usable": true, "wait_timeout": "5s",
		"disabled": true, "disabled_reason": "leaked", "disabled_renewals": true,
		"role_arns": deployARN, "session_tags": "team=payments", "external_id": "external-1", "mfa_serial_number": mfaOfVault,
		"default_sts_ttl": "1h", "max_sts_ttl": "1h", "revoke_sessions": true,
		"assume_role_arn": otherHub, "assume_role_session_name": "vault-hub", "assume_role_external_id": "of-hub",
		"templates": true, "require_entity": true, "session_name": "vault", "allow_session_name": false, "source_identity": "vault",
		"transitive_tag_keys": "team", "allowed_request_tags": "ticket", "share_for": "5m",
	}
	drops := []string{"iam_groups", "iam_tags", "session_tags", "external_id", "mfa_serial_number"}
	before := m.storage.dump(t)
	for field := range roles.Fields() {
		if field == "name" || field == "arn" || field == "policy" {
			continue
		}
		for legacy, text := range map[string]string{"arn": readOnly, "policy": s3Only} {
			if slices.Contains(drops, field) {
				m.warns(m.write("roles/"+field, map[string]any{legacy: text, field: values[field]}), field+": is dropped with the deprecated fields")
				m.do(logical.DeleteOperation, "roles/"+field, nil)
				continue
			}
			told := m.refused(logical.UpdateOperation, "roles/developer-access", map[string]any{legacy: text, field: values[field]})
			if !strings.HasPrefix(told, field+": cannot be given together with the deprecated fields") {
				t.Errorf("%s beside %s: refused with %s", field, legacy, told)
			}
		}
	}
	m.untouched(before, "a refused write")
}

// What is stored has the names and the units of the built-in engine.
func TestStoredRoleIsTheBuiltIns(t *testing.T) {
	t.Parallel()
	raw, err := json.Marshal(&roles.Role{CredentialTypes: []string{roles.IAMUser}})
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"credential_types":["iam_user"],"policy_arns":null,"policy_document":"","iam_groups":null,"iam_tags":null,"user_path":"",` +
		`"permissions_boundary_arn":"","role_arns":null,"session_tags":null,"external_id":"","default_sts_ttl":0,"max_sts_ttl":0,"mfa_serial_number":"","version":0}`
	if string(raw) != want {
		t.Errorf("stored as\n%s, want\n%s", raw, want)
	}
}

// An answer that tells several mistakes, or warns of several things, tells them in one order.
func TestSeveralMistakesComeInOneOrder(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t)
	m.addBareUser("app")
	writes := []struct {
		path string
		data map[string]any
	}{
		{"roles/x", map[string]any{"credential_type": roles.AssumedRole, "default_sts_ttl": "1s", "max_sts_ttl": "2s", "max_users": 1, "default_ttl": 3, "max_ttl": 2,
			"user_path": "x", "iam_tags": map[string]any{"aws:a": "1", "aws:b": "2", "vault-role": "3"}, "session_tags": map[string]any{"aws:c": "1", "aws:d": "2"},
			"mfa_serial_number": "!", "external_id": "!", "policy_arns": "x,y", "role_arns": "x,y", "iam_groups": "a b,c d", "permissions_boundary_arn": "z"}},
		{"roles/x", map[string]any{"credential_type": "none", "policy_document": `{"Statement":[{"Effect":"x","Foo":1,"Bar":2}],"Zoo":1,"Abc":2}`}},
		{"roles/x", map[string]any{"credential_type": roles.IAMUser, "unknown": 1, "unheard": 2, "policy_arns": strings.Repeat(readOnly+"x,", 3), "max_users": 6000}},
		{"roles/x", map[string]any{"arn": readOnly, "max_users": 1, "iam_tags": "a=b", "max_ttl": 1, "user_path": "/", "role_arns": "x"}},
		{"config/root", map[string]any{"access_key": "x", "region": "!", "sts_region": "!", "iam_endpoint": "ftp://x", "sts_endpoint": "ftp://y", "max_retries": -7, "role_arn": "x",
			"username_template": "{{", "rotation_period": 1, "rotation_schedule": "x", "sts_fallback_endpoints": "ftp://a,ftp://b", "sts_fallback_regions": "!,?"}},
		{"config/lease", map[string]any{"lease": "2h", "lease_max": "1h"}},
		{"config/users", map[string]any{"max_users": -1, "unconfirmed_ttl": 1, "account": "x"}},
		{"config/auto-tidy", map[string]any{"interval_duration": 1, "safety_buffer": 1}},
		{"static-roles/x", map[string]any{"username": "!", "rotation_period": 1, "rotation_schedule": "x", "assume_role_arn": "x", "external_id": "!", "assume_role_session_name": "!", "previous_key_ttl": -1}},
		{"roles/x", map[string]any{"credential_type": []string{"a", "b"}, "policy_document": map[string]any{"a": 1}, "user_path": []string{"x", "y"}}},
	}
	for _, w := range writes {
		first := ""
		for i := range 30 {
			resp, err := m.ask(logical.UpdateOperation, w.path, w.data)
			text, _ := outcome(resp, err)
			if resp != nil {
				text += strings.Join(resp.Warnings, "\n")
			}
			if i == 0 {
				first = text
			}
			if text != first {
				t.Errorf("%s answers\n%s\nand then\n%s", w.path, first, text)
				break
			}
		}
	}
}
