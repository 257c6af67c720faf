// SPDX-License-Identifier: MPL-2.0

package backend

// A role keeps what a write does not name, clears what a write empties, and is
// stored under the built-in engine's names.

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/vault/sdk/logical"
)

// fullRole has a value that is not the default in every field, as storage has it;
// otherRole another one, for each of two kinds of roles: what issues users has other
// fields than what issues sessions.
var (
	fullRole = map[string]any{
		"credential_type": "iam_user", "policy_arns": []any{readOnly}, "policy_document": goodPolicy,
		"iam_groups": []any{"developers"}, "iam_tags": map[string]any{"team": "payments"}, "user_path": "/vault/",
		"permissions_boundary_arn": readOnly, "default_ttl": 1800.0, "max_ttl": 3600.0, "max_users": 100.0,
		"templates": true, "require_entity": true,
		"wait_until_usable": true, "wait_timeout": 25.0,
	}
	otherRole = map[string]any{
		"credential_type": "iam_user", "policy_arns": []any{policyARN(1), policyARN(2)}, "policy_document": policyWith("s3:*", "ec2:*"),
		"iam_groups": []any{"readers", "writers"}, "iam_tags": map[string]any{"cost-center": "42"}, "user_path": "/other/",
		"permissions_boundary_arn": policyARN(3), "default_ttl": 900.0, "max_ttl": 7200.0, "max_users": 7.0,
		"templates": false, "require_entity": false,
		"wait_until_usable": false, "wait_timeout": 30.0,
	}
	emptyRole = map[string]any{
		"credential_type": "iam_user", "policy_arns": []any{}, "policy_document": "", "iam_groups": []any{}, "iam_tags": map[string]any{},
		"user_path": "", "permissions_boundary_arn": "", "default_ttl": 0.0, "max_ttl": 0.0, "max_users": 0.0,
		"templates": false, "require_entity": false,
		"wait_until_usable": false, "wait_timeout": 0.0,
	}

	fullSession = map[string]any{
		"credential_type": "assumed_role", "role_arns": []any{deployARN}, "session_tags": map[string]any{"team": "payments", "cost-center": "1"},
		"external_id": "one", "default_sts_ttl": 1800.0, "max_sts_ttl": 3600.0, "revoke_sessions": false,
		"assume_role_arn": otherHub, "assume_role_session_name": "hub-one", "assume_role_external_id": "of-hub-one",
		"session_name": "one", "allow_session_name": false, "source_identity": "one", "transitive_tag_keys": []any{"team"}, "allowed_request_tags": []any{"team", "cost-center"},
	}
	otherSession = map[string]any{
		"credential_type": "assumed_role", "role_arns": []any{auditARN, deployARN}, "session_tags": map[string]any{"cost-center": "42", "team": "ops"},
		"external_id": "two", "default_sts_ttl": 900.0, "max_sts_ttl": 7200.0, "revoke_sessions": false,
		"assume_role_arn": otherHub + "-two", "assume_role_session_name": "hub-two", "assume_role_external_id": "of-hub-two",
		"session_name": "two", "allow_session_name": true, "source_identity": "two", "transitive_tag_keys": []any{"cost-center"}, "allowed_request_tags": []any{"ticket", "cost-center", "team"},
	}
	emptySession = map[string]any{
		"credential_type": "assumed_role", "role_arns": []any{}, "session_tags": map[string]any{},
		"external_id": "", "default_sts_ttl": 0.0, "max_sts_ttl": 0.0, "revoke_sessions": false,
		"assume_role_arn": "", "assume_role_session_name": "", "assume_role_external_id": "",
		"session_name": "", "allow_session_name": true, "source_identity": "", "transitive_tag_keys": []any{}, "allowed_request_tags": []any{},
	}

	// variants are the kinds, and the MFA device that only session tokens have. All types can be
	// disabled.
	variants = []struct{ full, other, empty map[string]any }{
		{fullRole, otherRole, emptyRole},
		{fullSession, otherSession, emptySession},
		{
			map[string]any{"credential_type": "session_token", "mfa_serial_number": mfaOfVault,
				"share_for": 300.0, "disabled": true, "disabled_reason": "leaked", "disabled_renewals": true},
			map[string]any{"credential_type": "session_token", "mfa_serial_number": "GAHT12345678",
				"share_for": 60.0, "disabled": false, "disabled_reason": "audit", "disabled_renewals": false},
			map[string]any{"credential_type": "session_token", "mfa_serial_number": "",
				"share_for": 0.0, "disabled": false, "disabled_reason": "", "disabled_renewals": false},
		},
	}
)

// everyVariant runs a test for each kind of role, and checks that together they have
// all fields that a write may name beside each other.
func (m *mount) everyVariant(test func(full, other, empty map[string]any, fields []string)) {
	m.t.Helper()
	known := map[string]any{}
	for _, v := range variants {
		maps.Copy(known, v.full)
	}
	fields := slices.DeleteFunc(m.fields("roles/r"), func(field string) bool {
		return field == "name" || field == "arn" || field == "policy"
	})
	if !slices.Equal(fields, slices.Sorted(maps.Keys(known))) {
		m.t.Fatalf("the fields are %v: teach this test the new ones", fields)
	}
	for _, v := range variants {
		m.do(logical.DeleteOperation, "roles/r", nil)
		test(v.full, v.other, v.empty, slices.Sorted(maps.Keys(v.full)))
	}
}

func TestNewRole(t *testing.T) {
	t.Parallel()
	m := newMount(t)
	if data := m.read("roles/r"); data != nil {
		t.Errorf("an answer before anything was written: %v", data)
	}
	if resp := m.write("roles/r", map[string]any{"policy_arns": readOnly}); resp != nil {
		t.Errorf("a clean write is answered %v", resp)
	}
	want := map[string]any{
		"credential_type": "iam_user", "policy_arns": []any{readOnly}, "policy_document": "", "iam_groups": nil, "iam_tags": nil,
		"user_path": "", "permissions_boundary_arn": "", "default_ttl": 0.0, "max_ttl": 0.0, "role_arns": nil, "session_tags": nil,
		"external_id": "", "default_sts_ttl": 0.0, "max_sts_ttl": 0.0, "revoke_sessions": false, "mfa_serial_number": "", "max_users": 0.0,
		"assume_role_arn": "", "assume_role_session_name": "", "assume_role_external_id": "",
		"templates": false, "require_entity": false, "session_name": "", "allow_session_name": true, "source_identity": "", "transitive_tag_keys": nil,
		"allowed_request_tags": nil, "share_for": 0.0,
		"wait_until_usable": false, "wait_timeout": 0.0, "disabled": false, "disabled_reason": "", "disabled_renewals": false, "disabled_since": nil,
	}
	if data := through(t, m.read("roles/r")); !reflect.DeepEqual(data, want) {
		t.Errorf("read %v\nwant %v", data, want)
	}
	m.do(logical.DeleteOperation, "roles/r", nil)
	m.do(logical.DeleteOperation, "roles/r", nil) // again is no error
	if data := m.read("roles/r"); data != nil || len(m.storage.dump(t)) > 0 {
		t.Errorf("an answer after it was deleted: %v", data)
	}
}

func TestPartialWriteOfARoleKeepsTheRest(t *testing.T) {
	t.Parallel()
	m := newMount(t)
	m.everyVariant(func(full, other, _ map[string]any, fields []string) {
		for _, field := range fields {
			t.Run(field, func(t *testing.T) {
				m.write("roles/r", full)
				m.write("roles/r", map[string]any{field: other[field]})
				want := maps.Clone(full)
				want[field] = other[field]
				same(t, through(t, m.read("roles/r")), want, fields)
			})
		}
		m.write("roles/r", full)
		before := m.storage.dump(t)
		m.write("roles/r", map[string]any{})
		if !maps.Equal(before, m.storage.dump(t)) {
			t.Error("an empty write has changed something")
		}
	})
}

// null clears, and so do the empty text and the empty list that Terraform sends.
func TestRoleFieldsCanBeCleared(t *testing.T) {
	t.Parallel()
	m := newMount(t)
	m.everyVariant(func(full, _, empty map[string]any, fields []string) {
		for _, field := range fields {
			empties := []any{nil, empty[field]}
			if field == "credential_type" { // a null would make another kind of role of it
				empties = empties[1:]
			}
			if _, list := empty[field].([]any); list || strings.HasSuffix(field, "_ttl") {
				empties = append(empties, "")
			}
			for _, cleared := range empties {
				t.Run(field, func(t *testing.T) {
					m.write("roles/r", full)
					m.write("roles/r", map[string]any{field: cleared})
					want := maps.Clone(full)
					want[field] = empty[field]
					got := through(t, m.read("roles/r"))
					if field == "user_path" && got[field] == "/" { // the default, in other words
						got[field] = ""
					}
					same(t, got, want, fields)
				})
			}
		}
	})
}

// goldenRole is what storage holds after fullRole is written. A name or a unit in
// it is a promise to the built-in engine and to all that is stored already.
const goldenRole = `{"credential_types":["iam_user"],"policy_arns":["arn:aws:iam::aws:policy/ReadOnlyAccess"],` +
	`"policy_document":"{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"s3:*\",\"Resource\":\"*\"}]}",` +
	`"iam_groups":["developers"],"iam_tags":{"team":"payments"},"user_path":"/vault/",` +
	`"permissions_boundary_arn":"arn:aws:iam::aws:policy/ReadOnlyAccess","role_arns":null,"session_tags":null,"external_id":"",` +
	`"default_sts_ttl":0,"max_sts_ttl":0,"mfa_serial_number":"","version":0,"default_ttl":1800000000000,"max_ttl":3600000000000,"max_users":100,"wait_until_usable":true,"wait_timeout":25000000000,"templates":true,"require_entity":true}`

func TestStoredFormOfARole(t *testing.T) {
	t.Parallel()
	m := newMount(t)
	m.write("roles/r", fullRole)
	if got := strings.TrimSpace(m.storage.dump(t)["role/r"]); got != goldenRole {
		t.Errorf("stored\n%s\nwant\n%s", got, goldenRole)
	}
	m.leave("role/copy", goldenRole)
	if got, want := m.read("roles/copy"), m.read("roles/r"); !reflect.DeepEqual(got, want) {
		t.Errorf("read\n%v\nwant\n%v", got, want)
	}
}

func TestRolesAreListedInOrder(t *testing.T) {
	t.Parallel()
	m := newMount(t)
	for _, path := range []string{"roles", "roles/"} {
		resp := m.do(logical.ListOperation, path, nil)
		if _, keys := resp.Data["keys"]; keys || len(resp.Data) > 0 {
			t.Errorf("an empty list has data, so that Vault does not answer 404: %v", resp.Data)
		}
	}
	for _, name := range []string{"web", "api", "Zoo", "a_b", "billing@eu"} {
		m.write("roles/"+name, map[string]any{"policy_arns": readOnly})
	}
	m.leave("policy/legacy", readOnly)
	m.leave("policy/web", readOnly) // stored in both forms
	resp := m.do(logical.ListOperation, "roles/", nil)
	want := []string{"Zoo", "a_b", "api", "billing@eu", "legacy", "web"}
	if got := resp.Data["keys"]; !reflect.DeepEqual(got, want) {
		t.Errorf("listed %v, want %v", got, want)
	}
}

// The UI's first save of a role may hold its name alone.
func TestRoleFromVaultUI(t *testing.T) {
	t.Parallel()
	for _, body := range []string{`{"name": "r"}`, `{}`, `{"credential_type": "iam_user"}`, `{"name": "r", "credential_type": "iam_user", "policy_document": "{}"}`} {
		m := newMount(t)
		if strings.Contains(body, "{}\"") { // what the form's editor holds until something is typed
			if text := m.refused(logical.UpdateOperation, "roles/r", fromJSON(t, body)); !strings.Contains(text, "policy_document") {
				t.Errorf("%s: %s", body, text)
			}
			continue
		}
		m.warns(m.write("roles/r", fromJSON(t, body)), "no permissions")
		raw, err := json.Marshal(m.read("roles/r")["credential_type"])
		if err != nil || string(raw) != `"iam_user"` {
			t.Errorf("%s: credential_type is %s %v", body, raw, err)
		}
	}
}
