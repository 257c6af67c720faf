// SPDX-License-Identifier: MPL-2.0

package engine

import (
	"github.com/hashicorp/vault/sdk/framework"

	"vault-plugin-secrets-aws-dyn/internal/awscreds"
)

// LastUse is how the last use of a key stands in an answer.
func (m *Mount) LastUse(use awscreds.KeyUse) map[string]any {
	if !use.Used {
		return map[string]any{"last_used": nil, "last_used_service": ""}
	}
	return map[string]any{"last_used": Stamp(m.Now().Add(-use.Ago)), "last_used_service": use.Service}
}

// LastUsedField has a read ask AWS when a key was last used.
func LastUsedField() *framework.FieldSchema {
	return &framework.FieldSchema{
		Type:        framework.TypeBool,
		Query:       true,
		Description: "Ask AWS when the key was last used, and for which service. Needs iam:GetAccessKeyLastUsed.",
	}
}

// LastUseAnswer is what an answer holds of a last use.
func LastUseAnswer() map[string]*framework.FieldSchema {
	return map[string]*framework.FieldSchema{
		"last_used":         {Type: framework.TypeString, Description: "With last_used: when the key was last used, which AWS reports some minutes later; null if never (RFC 3339)."},
		"last_used_service": {Type: framework.TypeString, Description: "With last_used: for which service, such as s3."},
	}
}
