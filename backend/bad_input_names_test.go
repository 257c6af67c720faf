// SPDX-License-Identifier: MPL-2.0

package backend

// Names that no role can have, roles that do not exist, and wrong requests for
// credentials.

import (
	"strings"
	"testing"

	"github.com/hashicorp/vault/sdk/logical"
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
