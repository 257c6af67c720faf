// SPDX-License-Identifier: MPL-2.0

package backend

// What is reported about a credential: as an event, as an observation and in the log. The kinds of moments
// are in backend/engine.

import (
	"context"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/engine"
	"vault-plugin-secrets-aws-dyn/backend/roles"
)

// issuedText is what the log calls a new credential.
func issuedText(credentialType string) string {
	if credentialType == roles.IAMUser {
		return "issued an IAM user"
	}
	return "issued a session"
}

// moment begins a moment of the credential of a lease.
func (l *lease) moment(ctx context.Context, m *engine.Mount, req *logical.Request) (context.Context, *engine.Moment) {
	ctx, o := m.LeaseMoment(ctx, req, l.Role, l.IsSTS)
	o.AccessKey, o.Entity, o.Account = l.AccessKeyID, l.EntityID, l.Account.Number
	if !l.IsSTS {
		o.User = l.Username
	}
	return ctx, o
}
