// SPDX-License-Identifier: MPL-2.0

package staticrole

// Which IAM users are none for a static role: the one that the engine itself works as,
// whose key only a rotation of the root key may replace, and those that the mount issued,
// which go with their leases. The first edition adopted them; such a role stops rotating.

import (
	"context"
	"fmt"
	"slices"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/engine"
	"vault-plugin-secrets-aws-dyn/internal/awscreds"
)

// IssuedHere reports whether the mount issues a user, or is making it or ending it.
type IssuedHere func(ctx context.Context, s logical.Storage, user string) (bool, error)

// whatElse is what to do about a static role that exists and should not.
const whatElse = ". Delete the static role: the keys that it made are deleted with it, and no other"

// adoptable refuses a user that may not have a static role, before anything changes. more
// is added to the refusal.
func (a *accounts) adoptable(ctx context.Context, s logical.Storage, r *role, info awscreds.UserInfo, more string) error {
	own, err := a.OwnUser(ctx, s)
	if err != nil {
		return err
	}
	if own != nil && (own.ID == info.ID || own.ARN == info.ARN) {
		return engineUser(r, more)
	}
	return a.notIssued(ctx, s, r, more)
}

// stillAdoptable is adoptable for each rotation, by the keys that the user has. It asks
// AWS only where config/root names no key.
func (a *accounts) stillAdoptable(ctx context.Context, s logical.Storage, r *role, info awscreds.UserInfo, keys []string) error {
	own, err := engine.OwnKeys(ctx, s)
	switch {
	case err != nil:
		return err
	case slices.ContainsFunc(keys, func(id string) bool { return slices.Contains(own, id) }):
		return engineUser(r, whatElse)
	case len(own) == 0:
		return a.adoptable(ctx, s, r, info, whatElse)
	}
	return a.notIssued(ctx, s, r, whatElse)
}

func (a *accounts) notIssued(ctx context.Context, s logical.Storage, r *role, more string) error {
	issued, err := a.issuedHere(ctx, s, r.Username)
	if err == nil && issued {
		err = engine.UserErrorf("username: the IAM user %q is one that this mount issues, and is deleted when its lease ends; a static role is for a user that somebody else made"+more, r.Username)
	}
	return err
}

// engineUser is the refusal of the engine's own user.
func engineUser(r *role, more string) error {
	return engine.UserErrorf("username: the IAM user %q is the engine's own identity, and a static role would delete its key; "+
		"config/rotate-root replaces that key, and rotation_period at config/root does so automatically"+more, r.Username)
}

// spareEngineKey refuses to delete a key that the engine itself works with, as a field
// would have it.
func spareEngineKey(ctx context.Context, s logical.Storage, field, id string) error {
	own, err := engine.OwnKeys(ctx, s)
	if err == nil && slices.Contains(own, id) {
		err = engine.UserErrorf(field+": %s is the key that the engine itself works with; config/rotate-root replaces it", id)
	}
	return err
}

// warnings are those of the role and its key. They never tell to delete the engine's key.
func warnings(ctx context.Context, s logical.Storage, r *role, c *creds) []string {
	own, err := engine.OwnKeys(ctx, s)
	if err != nil {
		return []string{fmt.Sprintf("the keys of the IAM user %s cannot be told from the engine's own: %v", r.Username, err)}
	}
	for _, id := range append(c.keys(), c.OtherKeys...) {
		if slices.Contains(own, id) {
			return []string{engineUser(r, whatElse).Error()}
		}
	}
	return c.warnings(r)
}
