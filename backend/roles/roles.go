// SPDX-License-Identifier: MPL-2.0

// Package roles says what the credentials of a role may do, and how long they are valid.
//
//   - roles.go: the room's type, which reads and caches the roles of a mount
//   - path_roles.go: the paths
//   - role.go: a role as it is stored; fields.go: its schema
//   - validate.go and session.go: which values a role may have
//   - identity.go: the fields about the caller
//   - revocable.go: what a role's sessions need to be revoked
//   - legacy.go: reads the deprecated forms
//   - render.go: a role as one request gets it, with the caller's values
//   - life.go: how long its sessions are valid
//   - aws.go: what is requested from AWS for it
//   - warnings.go: what a change of config/root means for existing roles
package roles

import (
	"context"
	"slices"

	"github.com/hashicorp/vault/sdk/framework"
	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/engine"
)

// Roles are those of one mount.
type Roles struct {
	*engine.Mount
	o   Options
	now engine.Memo[string, *Role] // as they are; nil is none
}

// Options are what the room tells others, and asks them.
type Options struct {
	// Changed hears that a role may be another now, and Forget that what is known of its calls is over.
	Changed func(name string)
	Forget  func(path string)
	// Registers reports whether sessions are registered.
	Registers func(context.Context, logical.Storage) bool
}

// New returns the roles of a mount.
func New(m *engine.Mount, o Options) *Roles { return &Roles{Mount: m, o: o} }

// Paths are those of the roles themselves.
func (rs *Roles) Paths() []*framework.Path {
	return []*framework.Path{rs.pathRoles(), rs.pathRole()} // pathRole's name takes anything
}

// Invalidate makes the next request read a role anew, and share nothing that was made by it.
func (rs *Roles) Invalidate(name string) {
	rs.now.Reset()
	rs.o.Changed(name)
}

// Get is Load for who does not change it.
func (rs *Roles) Get(ctx context.Context, s logical.Storage, name string) (*Role, error) {
	return rs.now.Get(name, func() (*Role, error) { return Load(ctx, s, name) })
}

// Load reads a role, in the form of today or the oldest; nil when there is none. The
// built-in engine keeps what a list repeats and its empty entries.
func Load(ctx context.Context, s logical.Storage, name string) (*Role, error) {
	r, err := engine.Load[Role](ctx, s, engine.PrefixRole+name)
	if err != nil {
		return nil, err
	}
	if r != nil {
		r.PolicyARNs, r.RoleARNs, r.IAMGroups = unique(r.PolicyARNs), unique(r.RoleARNs), unique(r.IAMGroups)
		return r, nil
	}
	entry, err := s.Get(ctx, engine.PrefixLegacyRole+name)
	if err != nil || entry == nil {
		return nil, err
	}
	return fromLegacy(string(entry.Value)), nil
}

// Way is how the account of a role is reached; the zero value where there is no such role.
func Way(ctx context.Context, s logical.Storage, name string) (engine.AssumeRole, error) {
	r, err := Load(ctx, s, name)
	if err != nil || r == nil {
		return engine.AssumeRole{}, err
	}
	return r.Way(), nil
}

// Ways are how the accounts of all roles are reached, or of those that make IAM users; config/root is not among
// them. A role that nobody can read is left out.
func Ways(ctx context.Context, s logical.Storage, makeUsers bool) (ways []engine.AssumeRole, err error) {
	names, err := s.List(ctx, engine.PrefixRole)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		r, err := Load(ctx, s, name)
		if err != nil && !engine.IsUnreadable(err) {
			return nil, err
		}
		if r != nil && (!makeUsers || r.Issues(IAMUser)) && r.Way().IsSet() {
			ways = append(ways, r.Way())
		}
	}
	return ways, nil
}

// Names are the names of all roles, those in the storage of very old servers included.
func Names(ctx context.Context, s logical.Storage) (names []string, err error) {
	for _, prefix := range []string{engine.PrefixRole, engine.PrefixLegacyRole} {
		more, err := s.List(ctx, prefix)
		if err != nil {
			return nil, err
		}
		names = append(names, more...)
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}
