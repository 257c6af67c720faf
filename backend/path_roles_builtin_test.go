// SPDX-License-Identifier: MPL-2.0

package backend

// Roles that the built-in engine stored: they read as they are, a partial write
// keeps what it does not name, and what the built-in let pass is told.

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/vault/sdk/logical"
)

const (
	builtInUserRole = `{"credential_types":["iam_user"],"policy_arns":["arn:aws:iam::aws:policy/ReadOnlyAccess"],"role_arns":null,` +
		`"policy_document":"","iam_groups":["developers"],"iam_tags":{"team":"payments"},"session_tags":null,"external_id":"",` +
		`"version":0,"default_sts_ttl":0,"max_sts_ttl":0,"user_path":"/vault/","permissions_boundary_arn":"","mfa_serial_number":""}`
	builtInSessionRole = `{"credential_types":["assumed_role"],"policy_arns":null,"role_arns":["arn:aws:iam::123456789012:role/deploy"],` +
		`"policy_document":"","iam_groups":null,"iam_tags":null,"session_tags":{"project":"x"},"external_id":"ext",` +
		`"version":0,"default_sts_ttl":1800000000000,"max_sts_ttl":3600000000000,"user_path":"","permissions_boundary_arn":"","mfa_serial_number":""}`
)

func TestRoleOfTheBuiltInEngineKeepsItsFields(t *testing.T) {
	t.Parallel()
	for stored, change := range map[string]map[string]any{
		builtInUserRole:    {"user_path": "/other/"},
		builtInSessionRole: {"external_id": "other"},
	} {
		m := newMount(t)
		m.leave("role/r", stored)
		want := m.stored("role/r")
		m.write("roles/r", change)
		maps.Copy(want, change)
		same(t, m.stored("role/r"), want, slices.Collect(maps.Keys(want)))
	}
}

func TestRoleOfTheBuiltInEngineIssuesSessions(t *testing.T) {
	t.Parallel()
	m := newSessionMount(t)
	m.leave("role/r", builtInSessionRole)
	m.aws.AddRoleExternalID("deploy", "ext")
	m.do(logical.ReadOperation, "sts/r", nil)
	if s := m.session(); s.Duration != 30*time.Minute || s.Tags["project"] != "x" {
		t.Errorf("AWS was asked for %+v", s)
	}
}

// The built-in let fields stand that the role has no use for. Such a role works; the
// next write says which they are, and leaves it as it is.
func TestUselessFieldsOfTheBuiltInEngineAreTold(t *testing.T) {
	t.Parallel()
	m := newSessionMount(t)
	m.leave("role/r", strings.Replace(builtInSessionRole, `"iam_tags":null`, `"iam_tags":{"team":"payments"}`, 1))
	m.aws.AddRoleExternalID("deploy", "ext")
	m.do(logical.ReadOperation, "sts/r", nil)
	m.warns(m.write("roles/r", map[string]any{"max_sts_ttl": "2h"}), "iam_tags: is not used by credential_type assumed_role")
	if tags := m.read("roles/r")["iam_tags"].(map[string]string); tags["team"] != "payments" {
		t.Errorf("the tags are %v", tags)
	}
	if resp := m.write("roles/r", map[string]any{"iam_tags": nil}); resp != nil {
		t.Errorf("without the tags: %v", resp.Warnings)
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
