// SPDX-License-Identifier: MPL-2.0

package backend

// A value in the wrong type does not come back in the refusal.

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/vault/sdk/framework"
	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/roles"
)

func TestWrongTypesDoNotComeBack(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t)
	m.write("roles/mfa", map[string]any{"credential_type": roles.SessionToken, "mfa_serial_number": "arn:aws:iam::123456789012:mfa/vault"})
	const secret = "a5b6c7-sent-in-the-wrong-place"
	// The keys of a map may be named, its values not.
	nested := []any{
		[]any{[]any{secret}}, []any{map[string]any{"key": []any{secret}}}, map[string]any{"key": map[string]any{"key": []any{secret}}},
	}
	wrong := map[framework.FieldType][]any{
		framework.TypeString:           {map[string]any{"value": secret}, []any{secret, secret}, []any{secret}},
		framework.TypeCommaStringSlice: {map[string]any{"value": secret}, []any{secret, 1.5}, []any{secret, nil}},
		framework.TypeKVPairs:          {secret, []any{secret}, map[string]any{"a": true, "b": secret}, []any{"a=" + secret, "a=" + secret}},
		framework.TypeInt:              {map[string]any{"value": secret}, []any{secret}},
		framework.TypeBool:             {map[string]any{"value": secret}, []any{secret}},
		framework.TypeDurationSecond:   {map[string]any{"value": secret}, []any{secret}},
	}
	for _, path := range []string{
		"config/root", "config/lease", "config/users", "config/auto-tidy", "config/gap", "tidy",
		"roles/mfa", "static-roles/app", "creds/mfa", "sts/mfa",
	} {
		for _, field := range m.fields(path) {
			schema := m.b.(*backend).Route(path).Fields[field]
			for _, value := range slices.Concat(nested, wrong[schema.Type]) {
				text := m.refused(logical.UpdateOperation, path, asSent(t, map[string]any{field: value}))
				if strings.Contains(text, secret) || !strings.HasPrefix(text, field+": ") {
					t.Errorf("%s of %s: %v is refused with %s", field, path, value, text)
				}
			}
		}
	}
	for _, value := range append(nested, secret, true, json.Number("12345"), json.Number("123456"), "1234567", "12345\n", "abcdef", "１２３４５６") {
		text := m.refused(logical.UpdateOperation, "creds/mfa", map[string]any{"mfa_code": value})
		if !strings.HasPrefix(text, "mfa_code: ") || strings.Contains(text, secret) || strings.Contains(text, "12345") || strings.Contains(text, "abcdef") {
			t.Errorf("%v: refused with %s", value, text)
		}
	}
}

func TestLongValueInTheWrongTypeDoesNotFillTheAnswer(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", megabyte)
	refuseHuge(t, []badInput{
		{name: "number", path: "config/root", data: map[string]any{"max_retries": long}, field: "max_retries"},
		{name: "truth", path: "config/root", data: map[string]any{"disable_automated_rotation": long}, field: "disable_automated_rotation"},
		{name: "duration", path: "roles/developer-access", data: map[string]any{"max_ttl": long}, field: "max_ttl"},
		{name: "digits", path: "roles/developer-access", data: map[string]any{"max_users": strings.Repeat("1", megabyte)}, field: "max_users"},
	})
}

// A lease that an odd version stored is revoked all the same.
func TestRevocationLooksAtNoFields(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t)
	creds := m.creds("developer-access")
	req := m.request(logical.RevokeOperation, "creds/developer-access", map[string]any{"secret_key": []any{"x"}, "ttl": []any{"x"}})
	req.Secret = creds.Secret
	if resp, err := m.b.HandleRequest(m.ctx, req); err != nil || resp.IsError() {
		t.Errorf("%v %v", resp, err)
	}
	m.noUsers()
}
