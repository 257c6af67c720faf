// SPDX-License-Identifier: MPL-2.0

package backend

// Whether anything here speaks for an IAM user. What nothing speaks for may be deleted
// by tidy.

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/vault/sdk/framework"
	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/engine"
	"vault-plugin-secrets-aws-dyn/backend/staticrole"
)

// issuedHere reports whether this mount issues a user, or is making it or ending it. Names
// compare as AWS's do, without case. What cannot be read is the rollback's to tell.
func (b *backend) issuedHere(ctx context.Context, s logical.Storage, user string) (bool, error) {
	making := false
	b.underWay.Range(func(name, _ any) bool {
		making = strings.EqualFold(name.(string), user)
		return !making
	})
	if making {
		return true, nil
	}
	ids, err := framework.ListWAL(ctx, s)
	if err != nil {
		return false, err
	}
	for _, id := range ids {
		entry, err := engine.ReadWAL(ctx, s, id)
		var garbled *engine.UnreadableError
		if err != nil && !errors.As(err, &garbled) {
			return false, err
		}
		if entry == nil || entry.Kind != walKindUser {
			continue
		}
		if wal, err := engine.WALData[walUser](entry); err == nil && strings.EqualFold(wal.UserName, user) {
			return true, nil
		}
	}
	keys, err := s.List(ctx, engine.PrefixIssued)
	if err != nil {
		return false, err
	}
	return slices.ContainsFunc(keys, func(key string) bool { return strings.EqualFold(userOf(key), user) }), nil
}

// tidyView is what tidy sees of the records. It implements [tidy.Records].
type tidyView struct{ b *backend }

// Known returns whether a user is known at this moment.
func (v tidyView) Known(ctx context.Context, s logical.Storage) (func(user string) bool, error) {
	if err := v.b.known(ctx, s); err != nil {
		return nil, fmt.Errorf("reading the register: %w", err)
	}
	adopted, err := staticrole.AdoptedUsers(ctx, s)
	if err != nil {
		return nil, fmt.Errorf("reading the static roles: %w", err)
	}
	return func(user string) bool { return v.b.register.has(user) || adopted[strings.ToLower(user)] }, nil
}

// SpeakFor reports whether storage or a request speaks for a user now. It looks in the
// order in which a creation leaves its traces behind, so that one that ends meanwhile is
// seen.
func (v tidyView) SpeakFor(ctx context.Context, s logical.Storage, user string) (bool, error) {
	if _, making := v.b.underWay.Load(user); making {
		return true, nil
	}
	ids, err := framework.ListWAL(ctx, s)
	if err != nil {
		return true, err
	}
	for _, id := range ids {
		entry, err := framework.GetWAL(ctx, s, id)
		if err != nil {
			return true, err
		}
		if entry == nil || entry.Kind != walKindUser {
			continue
		}
		if wal, err := engine.WALData[walUser](entry); err != nil || wal.UserName == user {
			return true, err
		}
	}
	r, err := engine.Load[issued](ctx, s, issuedKey(user))
	if err != nil || r != nil {
		return true, err
	}
	adopted, err := staticrole.AdoptedUsers(ctx, s)
	return adopted[strings.ToLower(user)], err
}

// Tagged reports whether the tags say whose a user is.
func (v tidyView) Tagged(tags map[string]string) bool { return tags[tagMount] != "" }

// Owns reports whether they say that it is this mount's.
func (v tidyView) Owns(tags map[string]string) bool { return v.b.owns(tags) }

// RoleOf is the role that they name.
func (v tidyView) RoleOf(tags map[string]string) string { return tags[tagRole] }

// Untagged warns where users of this mount are made without such tags.
func (v tidyView) Untagged(ctx context.Context, s logical.Storage) (warnings []string, err error) {
	users, err := engine.LoadOr(ctx, s, engine.KeyUsersConfig, newUsersConfig)
	switch {
	case err != nil:
		return nil, err
	case !users.OwnershipTags:
		return []string{"ownership_tags is off at config/users: tidy knows users by these tags, and does not find those that are made without"}, nil
	case v.b.untagged():
		return []string{"AWS refuses the tags that say whose an IAM user is, so users are being made without, and tidy does not find those; allow iam:TagUser"}, nil
	}
	return nil, nil
}
