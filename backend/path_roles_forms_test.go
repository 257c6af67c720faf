// SPDX-License-Identifier: MPL-2.0

package backend

// The ways to say the same role, the deprecated ones included, and roles that
// another engine stored.

import (
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/vault/sdk/logical"
)

func TestFormsOfARole(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, body, field string
		want              any
	}{
		{"ARNs with commas", `{"policy_arns": "arn:aws:iam::aws:policy/A, arn:aws:iam::aws:policy/B"}`, "policy_arns", []string{"arn:aws:iam::aws:policy/A", "arn:aws:iam::aws:policy/B"}},
		{"ARNs in a list", `{"policy_arns": ["arn:aws:iam::aws:policy/A", "arn:aws:iam::aws:policy/B"]}`, "policy_arns", []string{"arn:aws:iam::aws:policy/A", "arn:aws:iam::aws:policy/B"}},
		{"an ARN twice", `{"policy_arns": ["arn:aws:iam::aws:policy/B", "arn:aws:iam::aws:policy/A", "arn:aws:iam::aws:policy/B"]}`, "policy_arns", []string{"arn:aws:iam::aws:policy/B", "arn:aws:iam::aws:policy/A"}},
		{"an empty ARN between", `{"policy_arns": "arn:aws:iam::aws:policy/A,,"}`, "policy_arns", []string{"arn:aws:iam::aws:policy/A"}},
		{"ARNs of another partition", `{"policy_arns": "arn:aws-cn:iam::aws:policy/A,arn:aws-cn:iam::123456789012:policy/p/B"}`, "policy_arns", []string{"arn:aws-cn:iam::aws:policy/A", "arn:aws-cn:iam::123456789012:policy/p/B"}},
		{"a group twice", `{"iam_groups": "a,b,a"}`, "iam_groups", []string{"a", "b"}},
		{"tags in a map", `{"iam_tags": {"team": "payments", "note": ""}}`, "iam_tags", map[string]string{"team": "payments", "note": ""}},
		{"tags in a list", `{"iam_tags": ["team=payments", "note=a=b"]}`, "iam_tags", map[string]string{"team": "payments", "note": "a=b"}},
		{"one tag in a text", `{"iam_tags": "team=payments"}`, "iam_tags", map[string]string{"team": "payments"}},
		{"TTL in a text", `{"max_ttl": "90m"}`, "max_ttl", int64(5400)},
		{"TTL in a number", `{"max_ttl": 5400}`, "max_ttl", int64(5400)},
		{"TTL in days", `{"max_ttl": "2d"}`, "max_ttl", int64(172800)},
		{"path that is the root", `{"user_path": "/"}`, "user_path", "/"},
		{"policy with white space", `{"policy_document": " {\n\"Version\": \"2012-10-17\", \"Statement\": {\"Effect\": \"Deny\", \"NotAction\": [\"s3:a b\"], \"Resource\": \"*\"}}\n"}`,
			"policy_document", `{"Version":"2012-10-17","Statement":{"Effect":"Deny","NotAction":["s3:a b"],"Resource":"*"}}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := newMount(t)
			m.write("roles/r", fromJSON(t, c.body))
			if got := m.read("roles/r")[c.field]; !reflect.DeepEqual(got, c.want) {
				t.Errorf("%s is %v, want %v", c.field, got, c.want)
			}
		})
	}
}

// 10 is what AWS attaches without being asked for more.
func TestTenPoliciesEarnNoWarning(t *testing.T) {
	t.Parallel()
	m := newMount(t)
	if resp := m.write("roles/r", map[string]any{"policy_arns": each(10, policyARN)}); resp != nil {
		t.Errorf("answered %v", resp)
	}
}

// The deprecated fields replace the whole role, with a warning.
func TestDeprecatedFieldsOfARole(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]map[string]any{
		`{"arn": "arn:aws:iam::aws:policy/ReadOnlyAccess"}`:                      {"credential_type": "iam_user", "policy_arns": []any{readOnly}, "policy_document": ""},
		`{"policy": "{\"Statement\": []}"}`:                                      nil,
		`{"policy": ` + quoted(goodPolicy) + `}`:                                 {"credential_type": "iam_user,federation_token", "policy_arns": nil, "policy_document": goodPolicy},
		`{"policy": ` + quoted(goodPolicy) + `, "arn": "", "policy_arns": null}`: {"credential_type": "iam_user,federation_token", "policy_arns": nil, "policy_document": goodPolicy},
		`{"arn": "", "policy": "", "policy_arns": ["` + readOnly + `"]}`:         {"credential_type": "iam_user", "policy_arns": []any{readOnly}, "policy_document": goodPolicy},
	} {
		m := newMount(t)
		m.write("roles/r", fullRole)
		if want == nil {
			m.refused(logical.UpdateOperation, "roles/r", fromJSON(t, body))
			continue
		}
		resp := m.write("roles/r", fromJSON(t, body))
		data := through(t, m.read("roles/r"))
		same(t, data, want, slices.Collect(maps.Keys(want)))
		if deprecated := !strings.Contains(body, "ReadOnlyAccess\"]"); deprecated {
			m.warns(resp, "deprecated")
			same(t, m.stored("role/r"), map[string]any{"prohibit_flexible_cred_path": true}, []string{"prohibit_flexible_cred_path"})
			same(t, data, map[string]any{"user_path": "", "default_ttl": 0.0, "max_ttl": 0.0}, []string{"user_path", "default_ttl", "max_ttl"})
		}
	}
}

func quoted(text string) string { return `"` + strings.ReplaceAll(text, `"`, `\"`) + `"` }

// Entries that Vault wrote before it had roles are read, listed, issued from and
// deleted where they are, and move when they are written.
func TestLegacyEntries(t *testing.T) {
	t.Parallel()
	for entry, issues := range map[string]string{readOnly: "iam_user", goodPolicy: "iam_user,federation_token"} {
		m := newConfiguredMount(t)
		m.leave("policy/old", entry)
		data := m.read("roles/old")
		if data["credential_type"] != issues || data["policy_document"] != "" && data["policy_document"] != goodPolicy {
			t.Errorf("read %v", data)
		}
		m.revoke(m.creds("old"))

		m.write("roles/old", map[string]any{"max_ttl": "1h"})
		stored := m.storage.dump(t)
		if _, there := stored["policy/old"]; there || stored["role/old"] == "" {
			t.Errorf("stored %v", slices.Collect(maps.Keys(stored)))
		}
		same(t, m.stored("role/old"), map[string]any{}, []string{"prohibit_flexible_cred_path"}) // it is an old entry no more
		after := m.read("roles/old")
		if after["credential_type"] != issues || after["max_ttl"] != int64(3600) || !reflect.DeepEqual(after["policy_arns"], data["policy_arns"]) ||
			after["policy_document"] != data["policy_document"] {
			t.Errorf("read %v after a write, %v before", after, data)
		}
		m.leave("policy/old", entry)
		m.do(logical.DeleteOperation, "roles/old", nil)
		if data := m.read("roles/old"); data != nil {
			t.Errorf("deleted, and read %v", data)
		}
	}
}

// An entry that nobody can read is shown as it is, issues nothing, and can be
// written anew.
func TestLegacyEntryThatCannotBeRead(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t)
	m.leave("policy/old", "arn:aws:nonsense")
	if data := m.read("roles/old"); data["invalid_data"] != "arn:aws:nonsense" || data["credential_type"] != "" {
		t.Errorf("read %v", data)
	}
	if text := m.refused(logical.ReadOperation, "creds/old", nil); !strings.Contains(text, "old") {
		t.Errorf("refused with %s", text)
	}
	m.warns(m.write("roles/old", map[string]any{"credential_type": "iam_user", "policy_arns": readOnly}), "arn:aws:nonsense")
	if data := m.read("roles/old"); data["invalid_data"] != nil || data["credential_type"] != "iam_user" {
		t.Errorf("read %v", data)
	}
	m.revoke(m.creds("old"))
}
