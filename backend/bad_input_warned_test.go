// SPDX-License-Identifier: MPL-2.0

package backend

// Requests with a field that no path knows: done, with a warning that names it.

import (
	"strings"
	"testing"

	"github.com/hashicorp/vault/sdk/logical"
)

func TestBadInputUnknownFieldsEarnAWarning(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, path string
		data       map[string]any
		field      string // is stored all the same
		want       any
	}{
		{"config/root", "config/root", map[string]any{"region": "eu-west-1", "unknown_field": "x"}, "region", "eu-west-1"},
		{"config/root with an object", "config/root", map[string]any{"max_retries": 3, "unknown_field": map[string]any{"a": []int{1}}}, "max_retries", 3},
		{"config/lease", "config/lease", map[string]any{"lease": "30m", "unknown_field": 1}, "lease", "30m0s"},
		{"config/users", "config/users", map[string]any{"max_users": 9, "unknown_field": 1}, "max_users", 9},
		{"config/auto-tidy", "config/auto-tidy", map[string]any{"interval_duration": "2h", "unknown_field": 1}, "interval_duration", int64(7200)},
		{"roles/", "roles/developer-access", map[string]any{"user_path": "/x/", "unknown_field": nil}, "user_path", "/x/"},
		{"roles/ with a misspelt field", "roles/developer-access", map[string]any{"policy_arns": readOnly, "user_path": "/x/", "unknown_field": ""}, "user_path", "/x/"},
		{"roles/ in the deprecated form", "roles/developer-access", map[string]any{"arn": readOnly, "unknown_field": "x"}, "credential_type", "iam_user"},
	} {
		for _, state := range []string{"empty", "configured"} {
			t.Run(c.name+" on the "+state+" mount", func(t *testing.T) {
				m := newStrictMount(t, state)
				m.warns(m.write(c.path, asSent(t, c.data)), "unknown_field")
				if got := m.read(c.path)[c.field]; got != c.want {
					t.Errorf("%s is %v, want %v", c.field, got, c.want)
				}
			})
		}
	}
}

// warns checks that an answer has a warning with a text, and data that the Vault
// UI can read.
func (m *mount) warns(resp *logical.Response, text string) {
	m.t.Helper()
	switch {
	case resp == nil:
		m.t.Errorf("no warning of %s", text)
	case resp.Data == nil:
		m.t.Error("the answer's data is null")
	case !strings.Contains(strings.Join(resp.Warnings, "\n"), text):
		m.t.Errorf("no warning of %s: %q", text, resp.Warnings)
	}
}

// Nothing but unknown fields: nothing to store, and the warning all the same.
func TestBadInputOnlyUnknownFields(t *testing.T) {
	t.Parallel()
	m := newStrictMount(t, "configured")
	for _, path := range []string{"config/root", "config/lease", "roles/developer-access"} {
		before := m.storage.dump(t)
		m.warns(m.write(path, map[string]any{"unknown_field": "x"}), "unknown_field")
		m.untouched(before, "")
	}
	m = newStrictMount(t, "empty")
	m.warns(m.write("config/lease", map[string]any{"unknown_field": "x"}), "unknown_field")
	m.untouched(nil, "")
}

func TestBadInputUnknownFieldsOfCreds(t *testing.T) {
	t.Parallel()
	for _, op := range []logical.Operation{logical.ReadOperation, logical.UpdateOperation} {
		m := newStrictMount(t, "configured")
		creds := m.do(op, "creds/developer-access", map[string]any{"unknown_field": "x", "role_arn": ""})
		m.warns(creds, "unknown_field")
		m.revoke(creds)
	}
}

// What is right and yet likely a mistake is stored with a warning.
func TestBadInputThatIsOnlyDoubtful(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, path string
		data       map[string]any
		warning    string
	}{
		{"endpoint without encryption", "config/root", map[string]any{"iam_endpoint": "http://iam.example.com"}, "iam_endpoint"},
		{"template that repeats itself", "config/root", map[string]any{"username_template": "{{ .DisplayName | truncate 20 }}"}, "username_template"},
		{"template that grows with the role's name", "config/root", map[string]any{"username_template": "{{ .PolicyName }}-{{ random 8 }}"}, "username_template"},
		{"11 policies", "roles/r", map[string]any{"policy_arns": each(11, policyARN)}, "policy_arns"},
		{"policy without a version", "roles/r", map[string]any{"policy_document": policyWith(`"Version":"2012-10-17",`, "")}, "policy_document"},
		{"policy of the older version", "roles/r", map[string]any{"policy_document": policyWith("2012-10-17", "2008-10-17")}, "policy_document"},
		{"no permissions", "roles/r", map[string]any{"user_path": "/x/"}, "policy_arns"},
		{"deprecated arn", "roles/r", map[string]any{"arn": readOnly}, "deprecated"},
		{"another name in the body", "roles/r", map[string]any{"name": "other"}, "name"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := newStrictMount(t, "empty")
			m.warns(m.write(c.path, asSent(t, c.data)), c.warning)
			if m.read(c.path) == nil {
				t.Error("nothing is stored")
			}
		})
	}
}
