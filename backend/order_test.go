// SPDX-License-Identifier: MPL-2.0

package backend

// Mistakes and warnings of one request come in one order, that of the fields in docs/api.

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/roles"
)

// often is how many times a request is repeated: maps have another order each time.
const often = 25

// documentedOrder are the fields of a path, as its table has them.
func documentedOrder(t *testing.T, path string) (fields []string) {
	t.Helper()
	for _, row := range table(apiSections(t)[path], "Field", "Type", "Default", "Meaning and limits") {
		fields = append(fields, strings.Trim(row[0], "`"))
	}
	return fields
}

// beginnings are the fields that texts begin with.
func beginnings(texts []string, of []string) (fields []string) {
	for _, text := range texts {
		if field, _, _ := strings.Cut(text, ":"); slices.Contains(of, field) && !slices.Contains(fields, field) {
			fields = append(fields, field)
		}
	}
	return fields
}

func asDocumented(t *testing.T, what string, order, got []string) {
	t.Helper()
	want := slices.DeleteFunc(slices.Clone(order), func(field string) bool { return !slices.Contains(got, field) })
	if !slices.Equal(got, want) {
		t.Fatalf("%s: in the order %v, and the document has %v", what, got, want)
	}
}

// A value of the wrong type in every field of every path.
func TestMistakesOfTypeComeInTheOrderOfTheDocuments(t *testing.T) {
	t.Parallel()
	m := newStrictMount(t, "configured")
	for name, path := range map[string]string{
		"config/root": "config/root", "config/lease": "config/lease", "config/users": "config/users", "config/auto-tidy": "config/auto-tidy", "config/gap": "config/gap",
		"tidy": "tidy", "roles/:name": "roles/r", "creds/:name": "creds/r", "sts/:name": "sts/r", "static-roles/:name": "static-roles/r",
	} {
		order := documentedOrder(t, name)
		wrong := map[string]any{}
		for _, field := range order {
			wrong[field] = []any{[]any{}}
		}
		for range often {
			got := beginnings(strings.Split(m.refused(logical.UpdateOperation, path, maps.Clone(wrong)), "; "), order)
			if len(got) < min(len(order), 20) {
				t.Fatalf("%s: only %v", path, got)
			}
			asDocumented(t, path, order, got)
		}
	}
}

func TestMistakesOfValueComeInTheOrderOfTheDocuments(t *testing.T) {
	t.Parallel()
	m := newStrictMount(t, "configured")
	for name, wrong := range map[string]map[string]any{
		"roles/:name": {
			"credential_type": "root_user", "policy_arns": "x,y", "policy_document": "x", "iam_groups": "a b,c d", "user_path": "x",
			"iam_tags": map[string]string{"#": "#", "aws:x": ";", "vault-mount": "x"}, "permissions_boundary_arn": "x", "default_ttl": "2h", "max_ttl": "1h", "max_users": -1,
			"role_arns": "x", "session_tags": map[string]string{"#": "#", "aws:x": ";"}, "external_id": "x", "mfa_serial_number": "x", "default_sts_ttl": "1m", "max_sts_ttl": "1s",
			"session_name": "x y", "source_identity": "x y", "transitive_tag_keys": "x,X", "allowed_request_tags": "aws:x,#",
		},
		"config/root": {
			"access_key": "x", "secret_key": "x y", "region": "X", "sts_region": "Y", "iam_endpoint": "ftp://x", "sts_endpoint": "ftp://y", "sts_fallback_endpoints": "ftp://z",
			"sts_fallback_regions": "Z", "signin_endpoint": "ftp://x", "max_retries": -2, "username_template": "{{", "role_arn": "x", "identity_token_audience": "x", "identity_token_ttl": 1,
			"web_identity_token_file": "x", "rotation_period": 1, "rotation_schedule": "x", "rotation_window": 1,
		},
		"config/lease":     {"lease": "2h", "lease_max": "1h"},
		"config/users":     {"max_users": -1, "unconfirmed_ttl": 1, "account": "x"},
		"config/auto-tidy": {"interval_duration": 1, "safety_buffer": 1},
		"static-roles/:name": {
			"username": "a b", "rotation_period": 1, "rotation_schedule": "x", "rotation_window": 1, "assume_role_arn": "x", "assume_role_session_name": "x y", "external_id": "x y",
		},
	} {
		order := documentedOrder(t, name)
		path := strings.Replace(name, ":name", "r", 1)
		first := ""
		for range often {
			text := m.refused(logical.UpdateOperation, path, maps.Clone(wrong))
			asDocumented(t, path, order, beginnings(strings.Split(text, "; "), order))
			if first == "" {
				first = text
			}
			if text != first {
				t.Fatalf("%s: once\n%s\nand once\n%s", path, first, text)
			}
		}
	}
}

func TestWarningsComeInTheOrderOfTheDocuments(t *testing.T) {
	t.Parallel()
	m := newStrictMount(t, "configured")
	m.leave("role/odd", strings.Replace(builtInUserRole, `"policy_arns":["arn:aws:iam::aws:policy/ReadOnlyAccess"]`, `"policy_arns":["x","y"]`, 1))
	m.leave("config/lease", `{"Lease":-3600000000000,"LeaseMax":-7200000000000}`)
	for _, c := range []struct {
		name, path string
		data       map[string]any
		fewest     int
	}{
		{"roles/:name", "roles/s", map[string]any{"credential_type": roles.SessionToken, "iam_groups": "a b", "iam_tags": map[string]string{"#": "#"}, "b": 1, "a": 1}, 2},
		{"roles/:name", "roles/a", map[string]any{"credential_type": roles.AssumedRole, "mfa_serial_number": "x", "iam_tags": "a=b"}, 3},
		{"roles/:name", "roles/l", map[string]any{"arn": readOnly, "mfa_serial_number": "x", "iam_tags": "a=b", "external_id": "x", "session_tags": "a=b", "iam_groups": "x"}, 5},
		{"roles/:name", "roles/u", map[string]any{"policy_arns": each(11, policyARN), "max_users": 9999, "iam_tags": tags(48), "mfa_serial_number": "x"}, 4},
		{"roles/:name", "roles/odd", map[string]any{"max_users": 9999, "iam_tags": tags(48), "mfa_serial_number": "x"}, 4},
		{"config/root", "config/root", map[string]any{"iam_endpoint": "http://a.example.com", "sts_endpoint": "http://b.example.com",
			"sts_fallback_endpoints": "http://c.example.com", "username_template": "{{ .DisplayName | truncate 20 }}"}, 4},
		{"config/lease", "config/lease", map[string]any{"lease_max": "3h", "b": 1, "a": 1}, 1},
	} {
		order, first := documentedOrder(t, c.name), []string(nil)
		before := m.storage.dump(t)
		for range often {
			for key, value := range before {
				m.leave(key, value)
			}
			got := m.write(c.path, maps.Clone(c.data)).Warnings
			fields := beginnings(got, order)
			if asDocumented(t, c.path, order, fields); len(fields) < c.fewest {
				t.Fatalf("%s: only %q", c.path, got)
			}
			if first == nil {
				first = got
			}
			if !slices.Equal(first, got) {
				t.Fatalf("%s: once\n%q\nand once\n%q", c.path, first, got)
			}
		}
	}
}
