// SPDX-License-Identifier: MPL-2.0

package backend

// Roles that the built-in engine stored, with fields that no path of ours shows to
// be written yet: a partial write must not lose them, since a mount can be handed
// back.

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/vault/sdk/logical"
)

const builtInUserRole = `{"credential_types":["iam_user"],"policy_arns":["arn:aws:iam::aws:policy/ReadOnlyAccess"],"role_arns":["arn:aws:iam::123456789012:role/a"],` +
	`"policy_document":"","iam_groups":["developers"],"iam_tags":{"team":"payments"},"session_tags":{"project":"x"},"external_id":"ext",` +
	`"version":1,"default_sts_ttl":1800000000000,"max_sts_ttl":3600000000000,"user_path":"/vault/","permissions_boundary_arn":"","mfa_serial_number":"mfa"}`

func TestRoleOfTheBuiltInEngineKeepsItsFields(t *testing.T) {
	t.Parallel()
	m := newMount(t)
	m.leave("role/r", builtInUserRole)
	want := m.stored("role/r")
	data := through(t, m.read("roles/r"))
	same(t, data, map[string]any{"default_sts_ttl": 1800.0, "max_sts_ttl": 3600.0, "external_id": "ext", "mfa_serial_number": "mfa"},
		[]string{"default_sts_ttl", "max_sts_ttl", "external_id", "mfa_serial_number"})
	m.write("roles/r", map[string]any{"user_path": "/other/"})
	want["user_path"] = "/other/"
	same(t, m.stored("role/r"), want, slices.Collect(maps.Keys(want)))
}

// A role that issues sessions can be read and deleted. A write that does not change
// what it issues is refused and leaves it as it is; creds/ issues nothing from it.
func TestRoleOfAnotherTypeIsLeftAsItIs(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"assumed_role", "federation_token", "session_token"} {
		m := newConfiguredMount(t)
		m.leave("role/r", strings.Replace(builtInUserRole, "iam_user", kind, 1))
		before := m.storage.dump(t)
		if data := m.read("roles/r"); data["credential_type"] != kind {
			t.Errorf("read %v", data)
		}
		for _, text := range []string{
			m.refused(logical.UpdateOperation, "roles/r", map[string]any{"max_ttl": "1h"}),
			m.refused(logical.ReadOperation, "creds/r", nil),
		} {
			if !strings.Contains(text, "credential_type") || !strings.Contains(text, kind) {
				t.Errorf("refused with %s", text)
			}
			m.untouched(before, text)
		}
		m.do(logical.DeleteOperation, "roles/r", nil)
		if m.read("roles/r") != nil {
			t.Error("deleted, and still there")
		}
	}
}

// A role that is broken in storage says so, and can be deleted and written anew.
func TestDamagedRole(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t)
	m.leave("role/r", `{"credential_types":`)
	for _, path := range []string{"roles/r", "creds/r"} {
		if text := m.fails(logical.ReadOperation, path, nil); !strings.Contains(text, "role/r") {
			t.Errorf("%s: %s", path, text)
		}
	}
	if text := m.fails(logical.UpdateOperation, "roles/r", map[string]any{"max_ttl": "1h"}); !strings.Contains(text, "role/r") {
		t.Errorf("write: %s", text)
	}
	m.do(logical.DeleteOperation, "roles/r", nil)
	m.write("roles/r", map[string]any{"policy_arns": readOnly})
	m.revoke(m.creds("r"))
}
