// SPDX-License-Identifier: MPL-2.0

// Package staticrole manages existing IAM users: it creates the access key of each, rotates it, and returns the same key
// to everybody.
//
// The room and its types:
//
//   - keeper.go: the room's type, with the paths and the timer. Its parts are types of their own: accounts, gaps,
//     leftovers, maker, prover, promises and queue
//   - role.go and creds.go: the stored types, a static role and its key; fields.go: the schema
//   - own.go: which users cannot have a static role
//   - account.go: in which AWS account a user is
//
// Keys and rotation:
//
//   - adopt.go: creating, changing and deleting a role
//   - make_key.go: how a role gets a new key
//   - room.go: which keys must be deleted to make room for it
//   - unproven.go: returns the previous key until AWS accepts the new one
//   - rotation.go: rotates what is due
//   - queue.go: remembers when to look at each role
//   - promises.go: rotations keep the expiry times that AWS SDKs were given
//
// When something is uncertain:
//
//   - wal_key.go: deletes a key that may exist and is not stored anywhere
//   - stray.go: the role waits if that key may be a customer's
//   - gap.go: what waits after a gap in the heartbeat
//
// Paths: path_static_roles.go, path_static_creds.go, path_sdk.go (for AWS SDKs), and path_config_gap.go, where an
// operator ends the wait after a gap for the whole mount.
package staticrole

import (
	"context"
	"strings"

	"github.com/hashicorp/vault/sdk/framework"
	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/engine"
)

// Keeper keeps the static roles of one mount.
type Keeper struct {
	*engine.Mount
	accounts  *accounts
	gaps      *gaps
	leftovers *leftovers
	maker     *maker
	prover    *prover
	promises  *promises
	queue     *queue
	timer     *engine.Timer // for the next look of the queue
}

// New returns the keeper of a mount's static roles.
func New(m *engine.Mount, issuedHere IssuedHere) *Keeper {
	k := &Keeper{Mount: m, queue: &queue{}, promises: &promises{now: m.Now}}
	k.accounts = &accounts{Mount: m, issuedHere: issuedHere}
	k.gaps = &gaps{Mount: m, accounts: k.accounts}
	k.leftovers = &leftovers{Mount: m, accounts: k.accounts}
	k.maker = &maker{Mount: m, accounts: k.accounts, gaps: k.gaps, leftovers: k.leftovers, promises: k.promises}
	k.prover = &prover{Mount: m, accounts: k.accounts, queue: k.queue}
	k.timer = engine.NewTimer(m, "rotation of static roles", k.timed)
	k.queue.soon = k.timer.By
	return k
}

// Close stops the timer: Vault lets go of the mount.
func (k *Keeper) Close() { k.timer.Close() }

// Paths are the paths about static roles.
func (k *Keeper) Paths() []*framework.Path {
	return []*framework.Path{
		k.pathGap(),
		k.pathRoles(),
		k.pathRotate(), // before pathRole, whose name takes anything
		k.pathRole(),
		k.pathCreds(),
		k.pathSDKCreds(),
	}
}

// Invalidate hears that another server has changed a static role or its key.
func (k *Keeper) Invalidate() { k.queue.forget() }

// Failing are the static roles that are not rotated as they should be, and why; all is how many
// there are. Only a server that rotates knows.
func (k *Keeper) Failing() (all int, names, words []string) { return k.queue.failing() }

// AdoptedUsers are the IAM users of static roles, in lower case: to AWS case does not matter.
func AdoptedUsers(ctx context.Context, s logical.Storage) (map[string]bool, error) {
	users := map[string]bool{}
	err := eachRole(ctx, s, func(_ string, r *role, err error) error {
		if err == nil {
			users[strings.ToLower(r.Username)] = true
		}
		return err
	})
	return users, err
}

// StaticUser is the IAM user of a static role, and how its account is reached.
type StaticUser struct {
	Name string
	engine.AssumeRole
}

// Users are the IAM users of all static roles that can be read.
func Users(ctx context.Context, s logical.Storage) (users []StaticUser, unreadable []string, err error) {
	err = eachRole(ctx, s, func(name string, r *role, err error) error {
		switch {
		case err == nil:
			users = append(users, StaticUser{r.Username, r.AssumeRole})
		case engine.IsUnreadable(err):
			unreadable = append(unreadable, name)
		default:
			return err
		}
		return nil
	})
	return users, unreadable, err
}

// eachRole goes through the static roles of storage, as they are stored, until do fails. An error
// goes with one that cannot be read.
func eachRole(ctx context.Context, s logical.Storage, do func(name string, r *role, err error) error) error {
	names, err := s.List(ctx, engine.PrefixStaticRole)
	if err != nil {
		return err
	}
	for _, name := range names {
		r, err := engine.Load[role](ctx, s, engine.PrefixStaticRole+name)
		if r == nil && err == nil {
			continue // deleted since
		}
		if err := do(name, r, err); err != nil {
			return err
		}
	}
	return nil
}
