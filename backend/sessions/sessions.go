// SPDX-License-Identifier: MPL-2.0

// Package sessions registers the sessions that were issued, if the mount is configured to, and revokes sessions of AWS
// roles.
//
// AWS cannot revoke a session. But a policy of the role can deny a single session, by its ID, everything that it does (IAM
// User Guide, "Disabling permissions for temporary security credentials").
//
//   - sessions.go: the room's type
//   - policy.go: the policy that denies sessions
//   - deny.go: writes it
//   - batch.go: collects what is to be written
//   - denied_role.go: what storage keeps of it; state.go: what memory keeps
//   - tend.go: what a tick does
//   - path_revoke_sessions.go: revokes all sessions of a role
//   - own.go: lets the engine continue if its own sessions were among them
//   - register.go: the record of one session; index.go: what memory keeps of all records
package sessions

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/hashicorp/vault/sdk/framework"
	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/engine"
	"vault-plugin-secrets-aws-dyn/internal/awscreds"
)

// Sessions are those of one mount.
type Sessions struct {
	*engine.Mount
	rolesOf RolesOf
	into    Into
	ended   func(until time.Time) // hears that sessions have ended, whoever has them
	queue   queue
	roles   roles
	states  states
	own     own
	index   index
}

// RolesOf are the AWS roles that a role of the mount leads to, or the one of them that a request names. Reading none is a mistake of the
// request's.
type RolesOf func(ctx context.Context, st logical.Storage, role, arn string) ([]Role, error)

// Into is the client for the account that a way leads to, by that or, where AWS refuses it, by another.
type Into func(ctx context.Context, st logical.Storage, way engine.AssumeRole) (*awscreds.Client, error)

// New returns the sessions of a mount. ended is called when all sessions of a role were ended: none that is kept to be shared
// is of use any more.
func New(m *engine.Mount, rolesOf RolesOf, into Into, ended func(until time.Time)) *Sessions {
	return &Sessions{Mount: m, rolesOf: rolesOf, into: into, ended: ended}
}

// Paths are the paths about sessions alone; issued/ is about IAM users as well.
func (s *Sessions) Paths() []*framework.Path {
	return []*framework.Path{s.pathRevokeSessions()}
}

// Tick removes what is over, and sees that what is denied stays so. The denials are each cluster's own.
func (s *Sessions) Tick(ctx context.Context, st logical.Storage) error {
	err := s.tendRoles(ctx, st)
	if s.Writable() {
		err = errors.Join(err, s.dropEnded(ctx, st))
	}
	return err
}

// Invalidate hears that another server has written a record.
func (s *Sessions) Invalidate(key string) {
	if id, ours := strings.CutPrefix(key, engine.PrefixSessions); ours {
		s.index.changedElsewhere(id)
	}
}

// Left are the policies that a mount leaves behind, if it is disabled now: to remove them would give back what was revoked.
func (s *Sessions) Left(ctx context.Context, st logical.Storage) (policies []string, err error) {
	left, err := s.Standing(ctx, st)
	for _, role := range left {
		policies = append(policies, "inline policy "+s.policyName()+" of role "+role.Name+" of AWS account "+role.Account.String()+", until "+stamp(role.Until))
	}
	return policies, err
}

// Standing is an AWS role whose policy has to stand.
type Standing struct {
	Role
	Until time.Time
}

// Standing are the AWS roles of which sessions are denied now, and until when.
func (s *Sessions) Standing(ctx context.Context, st logical.Storage) (list []Standing, err error) {
	keys, err := recordsBelow(ctx, st)
	for _, key := range keys {
		r, other := engine.Load[deniedRole](ctx, st, key)
		if err = errors.Join(err, other); r != nil {
			list = append(list, Standing{r.Role, r.ends().Add(margin)})
		}
	}
	return list, err
}

// stamp is a moment for people.
func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }
