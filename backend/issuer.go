// SPDX-License-Identifier: MPL-2.0

package backend

import (
	"context"
	"strings"
	"time"

	"github.com/hashicorp/vault/sdk/framework"
	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/engine"
	"vault-plugin-secrets-aws-dyn/backend/roles"
	"vault-plugin-secrets-aws-dyn/backend/rootkey"
	"vault-plugin-secrets-aws-dyn/backend/sessions"
	"vault-plugin-secrets-aws-dyn/backend/sharing"
	"vault-plugin-secrets-aws-dyn/backend/staticrole"
	"vault-plugin-secrets-aws-dyn/backend/status"
	"vault-plugin-secrets-aws-dyn/backend/users"
	"vault-plugin-secrets-aws-dyn/internal/awscreds"
)

// issuer makes a credential of a role and a request, and renews and revokes its lease.
type issuer struct {
	*engine.Mount
	users       *users.Users
	roles       *roles.Roles
	sessions    *sessions.Sessions
	settingsNow engine.Memo[struct{}, *settings]
	shared      *sharedStore      // the secrets of credentials that several leases have
	secret      *framework.Secret // the type of the leases
	memory      *status.Memory    // what status tells of
	requests    inFlight          // the requests under way
	requestTime time.Duration
}

// newIssuer returns that of a mount. keys rolls back the keys of static roles.
func newIssuer(m *engine.Mount, opts Options, keys users.RollBack) *issuer {
	i := &issuer{Mount: m, shared: sharing.New[*sharedCredential, *logical.Response](m.Now), memory: status.New(m.Now), requestTime: opts.RequestTime}
	m.Begin, m.Watch = i.requests.begin, i.memory.Attempt
	i.secret = i.leases()
	i.roles = roles.New(m, roles.Options{Changed: i.shared.EndRole, Forget: i.forget, Registers: i.registersAny})
	into := func(ctx context.Context, s logical.Storage, way engine.AssumeRole) (*awscreds.Client, error) {
		return i.users.Into(ctx, s, way)
	}
	i.sessions = sessions.New(m, i.awsRolesOf, into, i.shared.EndSessions)
	i.users = users.New(m, users.Options{
		SweepGrace: opts.SweepGrace, LateWindow: opts.LateWindow, Shared: roles.LongestShare,
		Sessions: i.sessions, Roles: users.Roles{Way: roles.Way, Ways: roles.Ways},
		Unconfirmed: i.unconfirmedTTL, Untagged: i.untagged, Adopted: staticrole.AdoptedUsers,
		RollBack: map[string]users.RollBack{
			rootkey.WALKind:    nil, // its room's, which locks the root key
			staticrole.WALKind: keys,
		},
		Gone: i.shared.EndUser, Ended: i.memory.Ended,
	})
	return i
}

// forget drops what is known of calls for a role that was changed or deleted, and of the tags of its users.
func (i *issuer) forget(path string) {
	i.memory.Forget(path)
	if set, known := i.settingsNow.Peek(struct{}{}); known {
		set.noTags.Delete(strings.TrimPrefix(path, "roles/"))
	}
}

// reconfigured makes the next request read the configuration anew.
func (i *issuer) reconfigured() {
	i.ResetAWS()
	i.settingsNow.Reset()
	i.shared.EndAll()
}

// pruneShared forgets the secrets of credentials that are not shared any more.
func (i *issuer) pruneShared(context.Context, *logical.Request) error {
	i.shared.Prune()
	return nil
}
