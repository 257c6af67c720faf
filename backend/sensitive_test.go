// SPDX-License-Identifier: MPL-2.0

package backend

// A value in the wrong type does not come back in the refusal.

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/hashicorp/vault/sdk/logical"
)

func TestWrongTypesDoNotComeBack(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t)
	m.write("roles/mfa", map[string]any{"credential_type": sessionToken, "mfa_serial_number": "arn:aws:iam::123456789012:mfa/vault"})
	const secret = "a5b6c7-sent-in-the-wrong-place"
	nested := []any{
		map[string]any{"value": secret}, []any{secret, secret}, []any{[]any{secret}}, []any{map[string]any{secret: secret}},
		map[string]any{secret: map[string]any{secret: []any{secret}}},
	}
	for path, extra := range map[string][]any{
		"config/root": nil, "config/lease": nil, "config/users": nil, "config/auto-tidy": nil, "config/gap": nil,
		"roles/mfa": nil, "static-roles/app": nil,
		"creds/mfa": {secret, true, 1.5}, "sts/mfa": {secret},
	} {
		schema := m.b.(*backend).Route(path).Fields
		for _, field := range append(m.fields(path), "unknown") {
			for _, value := range append(nested, extra...) {
				if schema[field] != nil && fits(field, schema[field], value) {
					continue // such as a list where one belongs
				}
				resp, err := m.ask(logical.UpdateOperation, path, map[string]any{field: value})
				if text, _ := outcome(resp, err); strings.Contains(text, secret) && !isShort(value) {
					t.Errorf("%s of %s: %v comes back: %s", field, path, value, text)
				}
			}
		}
	}
	for _, value := range append(nested, secret, true, json.Number("12345"), "1234567", "12345\n", "１２３４５６") {
		text := m.refused(logical.UpdateOperation, "creds/mfa", map[string]any{"mfa_code": value})
		if !strings.Contains(text, "mfa_code") || strings.Contains(text, secret) {
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
