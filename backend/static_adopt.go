// SPDX-License-Identifier: MPL-2.0

package backend

// How a static role comes to be, changes and ends. The caller of each function holds
// the role's lock.

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/vault/sdk/framework"
	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/engine"
)

// identify looks up the IAM user of a new role, which must not have another one: two
// roles would delete each other's keys.
func (b *backend) identify(ctx context.Context, s logical.Storage, r *staticRole) error {
	client, err := b.clientOf(ctx, s, r.account)
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
	r.ID = info.ID
	names, err := s.List(ctx, engine.PrefixStaticRole)
	if err != nil {
		return err
	}
	for _, name := range names {
		other, err := engine.Load[staticRole](ctx, s, engine.PrefixStaticRole+name)
		if err != nil {
			return err
		}
		if other != nil && other.ID == r.ID {
			return engine.UserErrorf("username: the IAM user %q belongs to the static role %q already, and can have only one", r.Username, name)
		}
	}
	return nil
}

// adopt makes the first key of a role. The role exists once it is stored, after its key.
func (b *backend) adopt(ctx context.Context, s logical.Storage, r *staticRole, replace string) (*staticCreds, error) {
	c, err := b.makeKey(ctx, s, keyChange{role: r, replace: replace, commit: func(ctx context.Context, c *staticCreds) error {
		if err := engine.Save(ctx, s, engine.PrefixStaticCreds+r.Name, c); err != nil {
			return err
		}
		return saveStaticRole(ctx, s, r, b.Now())
	}})
	if err != nil {
		b.queue.set(r.Name, b.Now(), false) // it may have been stored all the same
		return nil, err
	}
	b.queue.set(r.Name, c.look(r, b.Now()), true)
	return c, nil
}

// staticChange is a write to a role that exists.
type staticChange struct {
	before, role *staticRole
	creds        *staticCreds
	replace      string
}

// change stores what a write has changed. It calls AWS only where the write is about
// the user's account or another key of the user.
func (b *backend) change(ctx context.Context, s logical.Storage, ch staticChange) error {
	r, c, now := ch.role, ch.creds, b.Now()
	stored := *c
	if r.account != ch.before.account || ch.replace != "" {
		if err := b.replaceKey(ctx, s, ch); err != nil {
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
	defer b.queue.set(r.Name, now, false) // also after a failed write: it may have been stored all the same
	return saveStaticRole(ctx, s, r, now)
}

// replaceKey deletes a key that is not the role's, as the caller asks, once AWS has
// said that the role's account leads to its user.
func (b *backend) replaceKey(ctx context.Context, s logical.Storage, ch staticChange) error {
	client, err := b.clientOf(ctx, s, ch.role.account)
	if err != nil {
		return err
	}
	keys, err := keysOf(ctx, client, ch.role.Username, ch.role.ID)
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
func (b *backend) abolish(ctx context.Context, s logical.Storage, name string, force bool) (warnings []string, err error) {
	r, c, err := loadStatic(ctx, s, name)
	if err != nil {
		return nil, err
	}
	if r != nil && c != nil {
		err = b.endKeys(ctx, s, r, c)
	}
	switch {
	case err != nil && !force:
		return nil, fmt.Errorf("static role %s stays until its keys are deleted: %w", name, err)
	case err != nil:
		warnings = []string{fmt.Sprintf("the role is gone, and keys of the IAM user %s may be left in AWS, where they go on working: %s: %v",
			r.Username, strings.Join(c.keys(), ", "), err)}
	}
	for _, prefix := range []string{engine.PrefixStaticCreds, engine.PrefixStaticRole} {
		if err := s.Delete(ctx, prefix+name); err != nil {
			return nil, err
		}
	}
	b.queue.drop(name)
	return warnings, nil
}

// endKeys deletes the role's own keys, and no other. A user or key that is gone is no
// error, unless the key is so young that AWS may not show it yet: it is written down.
func (b *backend) endKeys(ctx context.Context, s logical.Storage, r *staticRole, c *staticCreds) error {
	client, err := b.clientOf(ctx, s, r.account)
	if err != nil {
		return err
	}
	var errs []error
	for _, id := range c.keys() {
		existed, err := client.EndKey(ctx, r.Username, id)
		if err == nil && !existed && id == c.AccessKey && b.Now().Sub(c.rotated(r)) < b.LagWindow {
			w := walStaticKey{Role: r.Name, Username: r.Username, UserID: r.ID, Keep: c.OtherKeys, Made: c.rotated(r), account: r.account}
			_, err = framework.PutWAL(ctx, s, walKindStaticKey, w)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// ownKey refuses to replace what is the role's.
func ownKey(r *staticRole, id string) error {
	return engine.UserErrorf("replace_access_key: %s is the role's own key; write to static-roles/%s/rotate to replace it", id, r.Name)
}
