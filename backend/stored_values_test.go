// SPDX-License-Identifier: MPL-2.0

package backend

// What the built-in engine stored, and this one would refuse, does not stop a write of another
// field: it earns a warning, until somebody writes it.

import (
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/vault/sdk/logical"
)

func TestStoredValuesDoNotStopAWrite(t *testing.T) {
	t.Parallel()
	user := func(old, replaced string) string { return strings.Replace(builtInUserRole, old, replaced, 1) }
	session := func(old, replaced string) string { return strings.Replace(builtInSessionRole, old, replaced, 1) }
	userField, sessionField := map[string]any{"permissions_boundary_arn": readOnly}, map[string]any{"external_id": "other"}
	for _, c := range []struct {
		field, key, stored, path string
		other, again             map[string]any // a write that is taken, and one that is not
	}{
		{"policy_arns", "role/r", user("arn:aws:iam::aws:policy/ReadOnlyAccess", "nonsense"), "roles/r", userField, map[string]any{"policy_arns": "nonsense"}},
		{"policy_document", "role/r", user(`"policy_document":""`, `"policy_document":"[]"`), "roles/r", userField, map[string]any{"policy_document": "[]"}},
		{"iam_groups", "role/r", user(`["developers"]`, `["a b"]`), "roles/r", userField, map[string]any{"iam_groups": "a b"}},
		{"iam_tags", "role/r", user(`{"team":"payments"}`, `{"aws:x":"y"}`), "roles/r", userField, map[string]any{"iam_tags": "aws:x=y"}},
		{"credential_type", "role/r", user(`["iam_user"]`, `["nonsense"]`), "roles/r", userField, map[string]any{"credential_type": "nonsense"}},
		{"role_arns", "role/r", session("arn:aws:iam::123456789012:role/deploy", "nonsense"), "roles/r", sessionField, map[string]any{"role_arns": "nonsense"}},
		{"session_tags", "role/r", session(`{"project":"x"}`, `{"#":"x"}`), "roles/r", sessionField, map[string]any{"session_tags": "#=x"}},
		{"external_id", "role/r", session(`"ext"`, `"x"`), "roles/r", map[string]any{"role_arns": deployARN}, map[string]any{"external_id": "x"}},
		{"default_sts_ttl", "role/r", session(`"default_sts_ttl":1800000000000`, `"default_sts_ttl":30000000000`), "roles/r", sessionField, map[string]any{"default_sts_ttl": 30}},
		{"max_sts_ttl", "role/r", session(`"max_sts_ttl":3600000000000`, `"max_sts_ttl":-1000000000`), "roles/r", nil, nil},
		{"max_retries", "config/root", `{"max_retries":100000}`, "config/root", map[string]any{"region": "eu-west-1"}, map[string]any{"max_retries": 100000}},
		{"region", "config/root", `{"region":"EU Central"}`, "config/root", map[string]any{"max_retries": 1}, map[string]any{"region": "EU Central"}},
		{"username_template", "config/root", `{"username_template":"{{ nonsense"}`, "config/root", map[string]any{"max_retries": 1}, map[string]any{"username_template": "{{ nonsense"}},
		{"lease_max", "config/lease", `{"Lease":0,"LeaseMax":-7200000000000}`, "config/lease", map[string]any{"lease": "1h"}, map[string]any{"lease_max": -7200}},
		{"lease", "config/lease", `{"Lease":-3600000000000,"LeaseMax":0}`, "config/lease", map[string]any{"lease_max": "1h"}, map[string]any{"lease": -3600}},
		{"max_users", "config/users", `{"max_users":-1}`, "config/users", map[string]any{"ownership_tags": false}, map[string]any{"max_users": -1}},
		{"interval_duration", "config/auto-tidy", `{"safety_buffer":3600000000000}`, "config/auto-tidy", map[string]any{"delete": true}, map[string]any{"interval_duration": 1}},
	} {
		m := newMount(t)
		m.leave(c.key, c.stored)
		if m.read(c.path) == nil {
			t.Errorf("%s: nothing is read", c.field)
		}
		if c.other == nil {
			continue
		}
		resp := m.write(c.path, c.other)
		if resp == nil || !slices.ContainsFunc(resp.Warnings, func(w string) bool {
			return strings.HasPrefix(w, c.field+": ") && strings.HasSuffix(w, "(stored earlier; it stays until the field is written)")
		}) {
			t.Errorf("%s: no warning of what is stored: %v", c.field, resp)
		}
		if text := m.refused(logical.UpdateOperation, c.path, c.again); !strings.Contains(text, c.field+": ") {
			t.Errorf("%s: refused with %s", c.field, text)
		}
	}
}

// What a write makes wrong is refused, although another field was wrong before.
func TestStoredValuesDoNotExcuseAWrite(t *testing.T) {
	t.Parallel()
	m := newMount(t)
	m.leave("role/r", strings.Replace(builtInSessionRole, "arn:aws:iam::123456789012:role/deploy", "nonsense", 1))
	before := m.storage.dump(t)
	text := m.refused(logical.UpdateOperation, "roles/r", map[string]any{"max_sts_ttl": "20m"}) // below default_sts_ttl, which is stored
	if !strings.HasPrefix(text, "default_sts_ttl: ") || strings.Contains(text, "role_arns") {
		t.Errorf("refused with %s", text)
	}
	m.untouched(before, text)
}

func TestStoredStaticRoleDoesNotStopAWrite(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t)
	m.addBareUser("app")
	m.write("static-roles/app", daily)
	m.leave("static-roles/app", strings.Replace(m.storage.dump(t)["static-roles/app"], `"rotation_period":86400000000000`, `"rotation_period":30000000000`, 1))
	m.warns(m.write("static-roles/app", map[string]any{"previous_key_ttl": "1h"}), "rotation_period: 30s is too short")
	if text := m.refused(logical.UpdateOperation, "static-roles/app", map[string]any{"rotation_period": 30}); !strings.HasPrefix(text, "rotation_period: ") {
		t.Error(text)
	}
	m.warns(m.write("static-roles/app", map[string]any{"rotation_period": "24h", "external_id": "x", "assume_role_session_name": "a b"}),
		"assume_role_session_name: is not used without assume_role_arn\nexternal_id: is not used without assume_role_arn")
	m.do(logical.DeleteOperation, "static-roles/app", nil)
}

// The built-in engine keeps empty and repeated entries of lists; AWS would refuse each user.
func TestStoredListsLoseEmptyAndRepeatedEntries(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t)
	m.aws.AddGroup("developers")
	m.leave("role/r", strings.NewReplacer(
		`["arn:aws:iam::aws:policy/ReadOnlyAccess"]`, `["","arn:aws:iam::aws:policy/ReadOnlyAccess","","arn:aws:iam::aws:policy/ReadOnlyAccess"]`,
		`["developers"]`, `["developers","","developers"]`).Replace(builtInUserRole))
	creds := m.creds("r")
	user, _ := m.aws.User(m.user(creds))
	if !slices.Equal(user.AttachedPolicies, []string{readOnly}) || !slices.Equal(user.Groups, []string{"developers"}) {
		t.Errorf("the user has %v and is in %v", user.AttachedPolicies, user.Groups)
	}
	m.revoke(creds)
}

// A stored policy that cannot be joined with those of groups is the role's, and not a failure of the engine.
func TestStoredPolicyThatCannotBeJoined(t *testing.T) {
	t.Parallel()
	m := newSessionMount(t)
	m.aws.AddGroupPolicy("developers", "look", s3Only)
	for _, stored := range []string{`{\"foo\":1}`, `[]`, `5`, `{`} {
		m.leave("role/r", strings.NewReplacer(`["assumed_role"]`, `["federation_token"]`, `"iam_groups":null`, `"iam_groups":["developers"]`,
			`"policy_document":""`, `"policy_document":"`+stored+`"`).Replace(builtInSessionRole))
		if text := m.refused(logical.ReadOperation, "creds/r", nil); !strings.HasPrefix(text, "policy_document: ") {
			t.Errorf("%s: %s", stored, text)
		}
	}
}
