// SPDX-License-Identifier: MPL-2.0

package backend

// Names that no role can have, roles that do not exist, and wrong requests for
// credentials.

import (
	"strings"
	"testing"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/roles"
)

// oddNames are what a path may hold in place of a role's name.
var oddNames = map[string]string{
	" ":                        "a space",
	"two words":                "a space within",
	"a/b":                      "a slash",
	"/":                        "a slash alone",
	"..":                       "two dots",
	"../config/root":           "a way out",
	"a/../../config/root":      "a longer way out",
	"a..b":                     "two dots within", // storage takes no key with two dots
	".hidden":                  "a leading dot",
	"-rf":                      "a leading dash",
	"role-":                    "a trailing dash",
	"größe":                    "an umlaut",
	"角色":                       "another alphabet",
	"\U0001F511":               "an emoji",
	"a\x00b":                   "a null byte",
	"a\tb":                     "a tab",
	"a%2Fb":                    "an escaped slash",
	"a:b":                      "a colon",
	"*":                        "a star",
	"\xff\xfe":                 "no UTF-8",
	"<script>":                 "markup",
	"{{.}}":                    "a template",
	strings.Repeat("r", 1<<16): "64 KiB",
}

func TestBadInputNames(t *testing.T) {
	t.Parallel()
	for odd, name := range oddNames {
		refuse(t, []badInput{
			{name: "role named with " + name, path: "roles/" + odd, data: map[string]any{"policy_arns": readOnly}, field: "name"},
			{name: "credentials of a role named with " + name, op: logical.ReadOperation, path: "creds/" + odd, field: "name"},
			{name: "credentials with parameters of a role named with " + name, path: "creds/" + odd, data: map[string]any{"ttl": "1h"}, field: "name"},
		})
	}
}

// A role that cannot be is not there to be read, and there is nothing to delete.
func TestOddNamesAreNotThere(t *testing.T) {
	t.Parallel()
	for odd, name := range oddNames {
		t.Run(name, func(t *testing.T) {
			m := newStrictMount(t, "configured")
			before := m.storage.dump(t)
			for _, op := range []logical.Operation{logical.ReadOperation, logical.DeleteOperation} {
				resp, err := m.ask(op, "roles/"+odd, nil)
				text, status := outcome(resp, err)
				if status >= 500 || status == 200 && resp != nil {
					t.Errorf("%s: %d %v %s", op, status, resp, shortened(text))
				}
				m.untouched(before, text)
			}
		})
	}
}

// Where there is no name, there is no such path or no such verb.
func TestBadInputWithoutAName(t *testing.T) {
	t.Parallel()
	data := map[string]any{"policy_arns": readOnly}
	for _, c := range []badInput{
		{name: "role without a name", path: "roles/", data: data, field: "unsupported operation"},
		{name: "role without a name and a slash", path: "roles", data: data, field: "unsupported operation"},
		{name: "reading the roles", op: logical.ReadOperation, path: "roles/", field: "unsupported operation"},
		{name: "deleting the roles", op: logical.DeleteOperation, path: "roles/", field: "unsupported operation"},
		{name: "role named with a line end", path: "roles/a\n", data: data, field: "unsupported path"},
		{name: "credentials of no role", op: logical.ReadOperation, path: "creds/", field: "unsupported path"},
		{name: "listing credentials", op: logical.ListOperation, path: "creds/developer-access", field: "unsupported operation"},
		{name: "deleting credentials", op: logical.DeleteOperation, path: "creds/developer-access", field: "unsupported operation"},
		{name: "deleting the lease configuration", op: logical.DeleteOperation, path: "config/lease", field: "unsupported operation"},
		{name: "unknown configuration", path: "config/other", data: data, field: "unsupported path"},
		{name: "configuration of nothing", op: logical.ReadOperation, path: "config", field: "unsupported path"},
	} {
		refuse(t, []badInput{c})
	}
}

func TestBadInputToCreds(t *testing.T) {
	t.Parallel()
	refuse(t, []badInput{
		{name: "unknown role", op: logical.ReadOperation, path: "creds/nobody", field: "name"},
		{name: "unknown role with parameters", path: "creds/nobody", data: map[string]any{"ttl": "1h"}, field: "name"},
		{name: "TTL in words", path: "creds/developer-access", data: map[string]any{"ttl": "long"}, field: "ttl"},
		{name: "TTL is negative", path: "creds/developer-access", data: map[string]any{"ttl": "-1h"}, field: "ttl"},
		{name: "TTL is a negative number in the query", op: logical.ReadOperation, path: "creds/developer-access", data: map[string]any{"ttl": "-3600"}, field: "ttl"},
		{name: "TTL is a list", path: "creds/developer-access", data: map[string]any{"ttl": []string{"1h"}}, field: "ttl"},
		{name: "TTL is a map", path: "creds/developer-access", data: map[string]any{"ttl": map[string]any{"hours": 1}}, field: "ttl"},
		{name: "TTL is a flag", path: "creds/developer-access", data: map[string]any{"ttl": true}, field: "ttl"},
		{name: "TTL that wraps around", path: "creds/developer-access", data: map[string]any{"ttl": 18446744134}, field: "ttl"},
	})
}

// With a role and no identity at all, the answer says what to configure.
func TestBadInputNoIdentity(t *testing.T) {
	t.Parallel()
	m := newStrictMount(t, "empty")
	m.write("roles/developer-access", map[string]any{"policy_arns": readOnly})
	text := m.refused(logical.ReadOperation, "creds/developer-access", nil)
	for _, word := range []string{"access_key", "secret_key", "config/root"} {
		if !strings.Contains(text, word) {
			t.Errorf("the refusal does not name %s: %s", word, text)
		}
	}
	m.noUsers()
	m.mustNotCall()
}

func (m *mount) mustNotCall() {
	m.t.Helper()
	if actions := m.aws.Actions(); len(actions) > 0 {
		m.t.Errorf("AWS was called: %v", actions)
	}
}

// A pattern covers names that a role can have. What can be no role's ARN is refused here, in one short line.
func TestBadInputARNsThatAPatternCovers(t *testing.T) {
	t.Parallel()
	for name, lead := range map[string]func(*mount){"elsewhere": func(*mount) {}, "at AWS": func(m *mount) { m.leadToAWS() }} {
		m := newSessionMount(t)
		m.write("roles/team", map[string]any{"credential_type": roles.AssumedRole, "role_arns": "arn:aws:iam::123456789012:role/team-*"})
		lead(m)
		m.aws.ResetCalls()
		long := 100_000
		for _, end := range []string{"a\nb", "a b", "a:b", "a\x00", "a\u200bb", "é", strings.Repeat("x", long)} {
			told := m.refused(logical.UpdateOperation, "sts/team", map[string]any{"role_arn": "arn:aws:iam::123456789012:role/team-" + end})
			if !strings.HasPrefix(told, "role_arn: ") || len(told) > 1000 || strings.ContainsAny(told, "\n\x00") {
				t.Errorf("%s: %.20q: refused with %d bytes, %.150q", name, end, len(told), told)
			}
		}
		m.write("roles/team", map[string]any{"role_arns": "arn:aws:iam::123456789012:role/team"})
		if told := m.refused(logical.UpdateOperation, "sts/team", map[string]any{"role_arn": strings.Repeat("x\n", long)}); !strings.HasPrefix(told, "role_arn: ") || len(told) > 1000 || strings.Contains(told, "\n") {
			t.Errorf("%s: refused with %d bytes, %.150q", name, len(told), told)
		}
		told := m.refused(logical.UpdateOperation, "sts/team", map[string]any{"session_tags": map[string]any{strings.Repeat("x", long): "y"}})
		if !strings.HasPrefix(told, "session_tags: ") || len(told) > 1000 {
			t.Errorf("%s: refused with %d bytes, %.150q", name, len(told), told)
		}
		if n := len(m.aws.Calls()); n > 0 {
			t.Errorf("%s: AWS was asked %d times", name, n)
		}
	}
}

// A mistake is told of the field that has it, and external IDs are not repeated.
func TestMistakesOfExternalIDs(t *testing.T) {
	t.Parallel()
	m := newSessionMount(t)
	for path, fields := range map[string]map[string]any{
		"roles/deploy":           {"assume_role_arn": otherHub, "assume_role_external_id": "hush hush"},
		"roles/developer-access": {"assume_role_arn": otherHub, "external_id": "hush hush"},
		"roles/both":             {"policy_arns": readOnly, "assume_role_arn": otherHub, "external_id": "hush", "assume_role_external_id": "hushed"},
		"static-roles/app":       {"username": "app", "rotation_period": "24h", "assume_role_arn": otherHub, "external_id": "hush hush"},
	} {
		told := m.refused(logical.UpdateOperation, path, fields)
		if strings.Count(told, "external_id: ") != 1 || strings.Contains(told, "hush") {
			t.Errorf("%s: told twice, or repeated: %s", path, told)
		}
	}
}
