// SPDX-License-Identifier: MPL-2.0

package staticrole

// How a static role comes to be, changes and ends. The caller of each function holds
// the role's lock.

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/vault/sdk/framework"
	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/engine"
)

// storageTime bounds what storage is asked or told after AWS, when nobody may wait any more.
const storageTime = 5 * time.Second

// identify looks up the IAM user of a new role, which must not be somebody else's: two roles
// would delete each other's keys.
func (k *Keeper) identify(ctx context.Context, s logical.Storage, r *role) error {
	client, err := k.accounts.clientOf(ctx, s, r.AssumeRole)
	if err != nil {
		return err
	}
	info, err := client.LookUpUser(ctx, r.Username)
	if err != nil {
		return fmt.Errorf("username: %w", err)
	}
	if info.Name != r.Username {
		return engine.UserErrorf("username: AWS spells the name of the user %q, not %q", info.Name, r.Username)
	}
	r.ID, r.In = info.ID, client.KnownAccount()
	if err := k.accounts.adoptable(ctx, s, r, info, ""); err != nil {
		return err
	}
	return eachRole(ctx, s, func(name string, other *role, err error) error {
		if err == nil && other.ID == r.ID {
			err = engine.UserErrorf("username: the IAM user %q belongs to the static role %q already, and can have only one", r.Username, name)
		}
		return err
	})
}

// adopt makes the first key of a role. The role exists once it is stored, after its key.
func (k *Keeper) adopt(ctx context.Context, s logical.Storage, r *role, replace string) (*creds, error) {
	c, err := k.maker.make(ctx, s, keyChange{role: r, replace: replace, commit: func(ctx context.Context, c *creds) error {
		if err := engine.Save(ctx, s, engine.PrefixStaticCreds+r.Name, c); err != nil {
			return err
		}
		return saveRole(ctx, s, r, k.Now())
	}})
	if err != nil {
		k.queue.set(r.Name, k.Now(), false) // it may have been stored all the same
		return nil, err
	}
	k.queue.set(r.Name, c.look(r, k.Now()), true)
	k.prover.prove(ctx, s, r, c, askedPatience)
	return c, nil
}

// roleChange is a write to a role that exists.
type roleChange struct {
	before, role *role
	creds        *creds
	replace      string
}

// change stores what a write has changed. It calls AWS only where the write is about
// the user's account or another key of the user.
func (k *Keeper) change(ctx context.Context, s logical.Storage, ch roleChange) error {
	r, c, now := ch.role, ch.creds, k.Now()
	stored := *c
	if r.AssumeRole != ch.before.AssumeRole || ch.replace != "" {
		if err := k.replaceKey(ctx, s, ch); err != nil {
			return err
		}
	}
	c.LastRotated = c.rotated(ch.before) // while the old period is known, which the built-in's form needs
	c.Expiration = c.due(r, now)
	if !c.LastRotated.Equal(stored.LastRotated) || !c.Expiration.Equal(stored.Expiration) || len(c.OtherKeys) != len(stored.OtherKeys) {
		if err := engine.Save(ctx, s, engine.PrefixStaticCreds+r.Name, c); err != nil {
			return err
		}
	}
	defer k.queue.set(r.Name, now, false) // also after a failed write: it may have been stored all the same
	return saveRole(ctx, s, r, now)
}

// replaceKey deletes a key that is not the role's, as the caller asks, once AWS has
// said that the role's account leads to its user.
func (k *Keeper) replaceKey(ctx context.Context, s logical.Storage, ch roleChange) error {
	client, err := k.accounts.clientOf(ctx, s, ch.role.AssumeRole)
	if err != nil {
		return err
	}
	_, keys, err := k.accounts.keysOf(ctx, s, client, ch.role.iamUser())
	if err != nil || ch.replace == "" {
		return err
	}
	if slices.Contains(ch.creds.keys(), ch.replace) {
		return ownKey(ch.role, ch.replace)
	}
	if slices.Contains(idsOf(keys), ch.replace) {
		if err := client.DeleteKey(ctx, ch.role.Username, ch.replace); err != nil {
			return err
		}
	}
	ch.creds.OtherKeys = slices.DeleteFunc(ch.creds.OtherKeys, func(id string) bool { return id == ch.replace })
	return nil
}

// abolish ends a role: its keys in AWS first, while storage still knows them. With
// force it ends even if they cannot be deleted, and a warning says which stay.
func (k *Keeper) abolish(ctx context.Context, s logical.Storage, name string, force bool) (warnings []string, err error) {
	r, c, err := load(ctx, s, name)
	unreadable := engine.IsUnreadable(err)
	switch {
	case unreadable && !force:
		return nil, fmt.Errorf("static role %s stays, since nobody can read which keys are its own; delete it with force=true to leave them in AWS: %w", name, err)
	case err != nil && !unreadable:
		return nil, err
	case r != nil && c != nil:
		warnings, err = k.endKeys(ctx, s, r, c)
	}
	switch {
	case unreadable:
		warnings = []string{fmt.Sprintf("the role is gone, and keys that it made may be left in AWS, where they go on working: look at those of its IAM user: %v", err)}
	case err != nil && !force:
		return nil, fmt.Errorf("static role %s stays until its keys are deleted: %w", name, err)
	case err != nil:
		warnings = []string{fmt.Sprintf("the role is gone, and keys of the IAM user %s may be left in AWS, where they go on working: %s: %v",
			r.Username, strings.Join(c.keys(), ", "), err)}
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storageTime) // its keys are gone, whoever waits for the answer
	defer cancel()
	for _, prefix := range []string{engine.PrefixStaticCreds, engine.PrefixStaticRole} {
		if err := s.Delete(ctx, prefix+name); err != nil {
			return nil, err
		}
	}
	k.queue.drop(name)
	return warnings, nil
}

// endKeys deletes the role's own keys, and no other; not even those if the engine was
// given one. A user or key that is gone is no error, unless the key is so young that AWS
// may not show it yet: it is written down.
func (k *Keeper) endKeys(ctx context.Context, s logical.Storage, r *role, c *creds) (warnings []string, err error) {
	own, err := engine.OwnKeys(ctx, s)
	if err != nil {
		return nil, err
	}
	client, err := k.accounts.clientOf(ctx, s, r.AssumeRole)
	if err != nil {
		return nil, err
	}
	var errs []error
	for _, id := range c.keys() {
		if slices.Contains(own, id) {
			warnings = append(warnings, fmt.Sprintf("the access key %s of the IAM user %s stays: the engine itself works with it", id, r.Username))
			continue
		}
		existed, err := k.accounts.endKey(ctx, s, client, r.iamUser(), id)
		if err == nil && !existed && id == c.AccessKey && k.Now().Sub(c.rotated(r)) < k.LagWindow {
			w := walKey{Role: r.Name, Username: r.Username, UserID: r.ID, Keep: c.OtherKeys, AccessKey: id, Made: c.rotated(r), AssumeRole: r.AssumeRole, In: r.In}
			_, err = framework.PutWAL(ctx, s, WALKind, w)
		}
		errs = append(errs, err)
	}
	return warnings, errors.Join(errs...)
}

// ownKey refuses to replace what is the role's.
func ownKey(r *role, id string) error {
	return engine.UserErrorf("replace_access_key: %s is the role's own key; write to static-roles/%s/rotate to replace it", id, r.Name)
}
