// SPDX-License-Identifier: MPL-2.0

package backend

// A policy that the built-in engine stored, and that AWS refuses, stops no write of another
// field.

import (
	"testing"

	"vault-plugin-secrets-aws-dyn/backend/engine"
	"vault-plugin-secrets-aws-dyn/backend/roles"
)

func TestStoredPolicyStopsNoOtherWrite(t *testing.T) {
	t.Parallel()
	for document, why := range builtInPolicies {
		m := newConfiguredMount(t)
		m.put(engine.PrefixRole+"r", &roles.Role{CredentialTypes: []string{roles.IAMUser}, PolicyDocument: document, Version: 1})
		m.warns(m.write("roles/r", map[string]any{"user_path": "/x/"}), why)
		if got := m.read("roles/r"); got["user_path"] != "/x/" || got["policy_document"] != document {
			t.Errorf("reads %v", got)
		}
		m.write("roles/r", map[string]any{"policy_document": goodPolicy})
		m.revoke(m.creds("r"))
	}
}
