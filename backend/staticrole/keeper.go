// SPDX-License-Identifier: MPL-2.0

// Package staticrole keeps IAM users that exist already: it makes the access key of
// each, rotates it, and hands out the same one to everybody.
//
// keeper.go is the room's type, which has the paths and the timer; the parts that it stands on are types of
// their own, each in its file: accounts, gaps, leftovers, maker, prover, promises and queue.
// role.go and creds.go are the stored types: a static role, and its key; fields.go is the schema. adopt.go is how a role comes to be, changes and ends;
// make_key.go how it gets a new key, and room.go which keys have to go for it. wal_key.go ends a key that may exist and is stored
// nowhere, and stray.go has the role wait where that may be a customer's. rotation.go rotates what is due, and queue.go remembers when to look. gap.go says
// what waits after a gap in the heartbeat, and path_config_gap.go is where an operator ends
// that for the whole mount. unproven.go keeps handing
// out the key before until AWS accepts the new one. own.go says which users cannot have a static role, and account.go
// in which AWS account one is. path_static_roles.go and path_static_creds.go hold schema and
// verbs, and so does path_sdk.go, for AWS SDKs; promises.go has rotations keep to what those were told.
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
