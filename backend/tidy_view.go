// SPDX-License-Identifier: MPL-2.0

package backend

// What tidy sees of the records. A user of this mount that has none may be deleted by it.

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/engine"
	"vault-plugin-secrets-aws-dyn/backend/staticrole"
	"vault-plugin-secrets-aws-dyn/backend/tidy"
	"vault-plugin-secrets-aws-dyn/internal/awscreds"
)

// issuedHere reports whether this mount issues a user, or is making it or ending it. Names
// compare as AWS's do, without case. What cannot be read is the rollback's to tell.
func (u *users) issuedHere(ctx context.Context, s logical.Storage, user string) (bool, error) {
	if err := u.known(ctx, s); err != nil {
		return false, err
	}
	if _, recorded := u.index.get(user); recorded {
		return true, nil
	}
	return u.nameInWAL(ctx, s, user)
}

// tidyView is what tidy sees of the records. It implements [tidy.Records].
type tidyView struct{ b *backend }

// Known returns whether a user is known at this moment.
func (v tidyView) Known(ctx context.Context, s logical.Storage) (func(user string) bool, error) {
	if err := v.b.known(ctx, s); err != nil {
		return nil, fmt.Errorf("reading the records: %w", err)
	}
	adopted, err := staticrole.AdoptedUsers(ctx, s)
	if err != nil {
		return nil, fmt.Errorf("reading the static roles: %w", err)
	}
	return func(user string) bool {
		_, recorded := v.b.index.get(user)
		return recorded || adopted[strings.ToLower(user)]
	}, nil
}

// HasRecord reports whether a record, a request, an entry of the WAL or a static role is
// about a user now.
func (v tidyView) HasRecord(ctx context.Context, s logical.Storage, user string) (bool, error) {
	if _, recorded := v.b.index.get(user); recorded {
		return true, nil
	}
	r, err := loadRecord(ctx, s, user)
	if err != nil || r != nil {
		return true, err
	}
	if named, err := v.b.nameInWAL(ctx, s, user); err != nil || named {
		return true, err
	}
	adopted, err := staticrole.AdoptedUsers(ctx, s)
	return adopted[strings.ToLower(user)], err
}

// Accounts are those of the records and of the roles, the one of config/root first.
func (v tidyView) Accounts(ctx context.Context, s logical.Storage) ([]tidy.Account, error) {
	ways, err := v.b.ways(ctx, s)
	if err != nil {
		return nil, err
	}
	accounts := []tidy.Account{{Ways: []engine.AssumeRole{{}}}}
	home := ""
	if len(ways) > 0 {
		home = v.b.homeAmong(ctx, s, ways[0])
	}
	for _, way := range ways {
		if way.Account() == home { // another way into the account of config/root
			accounts[0].Ways = append(accounts[0].Ways, way)
			continue
		}
		if last := &accounts[len(accounts)-1]; last.Name == way.Account() {
			last.Ways = append(last.Ways, way)
			continue
		}
		accounts = append(accounts, tidy.Account{Name: way.Account(), Ways: []engine.AssumeRole{way}})
	}
	return accounts, nil
}

// Unlisted are the users of leases in an account that AWS does not list.
func (v tidyView) Unlisted(account string, listed map[string]bool, before time.Time) []string {
	home := v.b.home()
	return v.b.index.pick(func(e indexEntry) bool {
		return (e.in() == account || account == "" && e.in() == home) && !e.pending && !e.request && e.issued.Before(before) && !listed[strings.ToLower(e.name)]
	}, byAge)
}

// EndIfGone ends the record of a user that AWS says is gone.
func (v tidyView) EndIfGone(ctx context.Context, s logical.Storage, user string) (gone bool, err error) {
	if gone, err := v.b.isGone(ctx, s, user); !gone {
		return false, err
	}
	return v.b.endGhost(ctx, s, user)
}

// Owner is whose a user is, by its tags. One that this mount's key proves is this mount's if
// it was made in a term of this storage, while that was on watch: else a copy made it.
func (v tidyView) Owner(ctx context.Context, s logical.Storage, user *awscreds.FoundUser) (tidy.Owner, error) {
	switch {
	case user.Tags[tagMount] == "":
		return tidy.OwnerNone, nil
	case !v.b.own.tagged(user.Tags):
		return tidy.OwnerOther, nil
	}
	if err := v.b.OpenTerm(ctx, s); err != nil {
		return tidy.OwnerClaimed, err
	}
	proven, err := v.b.own.proven(ctx, s, user.Name, user.Tags)
	term, _, _ := strings.Cut(user.Tags[tagProof], "/")
	began, malformed := time.Parse(time.RFC3339, user.Tags[tagCreated])
	switch {
	case err != nil || !proven || malformed != nil:
		return tidy.OwnerClaimed, err
	case !v.b.OnWatch(term, v.b.Now().Add(-user.Age)) || !v.b.Answered(term, began.Add(time.Second)): // the tag has no fractions
		return tidy.OwnerCopy, nil // its request may have begun after this storage was copied
	}
	return tidy.OwnerProven, nil
}

// RoleOf is the role that they name.
func (v tidyView) RoleOf(tags map[string]string) string { return tags[tagRole] }

// DeleteUser deletes a user that has no record.
func (v tidyView) DeleteUser(ctx context.Context, s logical.Storage, c *awscreds.Client, way engine.AssumeRole, name string) error {
	_, err := v.b.deleteUser(ctx, s, c, name, &userRecord{AssumeRole: way})
	return err
}

// Untagged warns where users of this mount are made without such tags.
func (v tidyView) Untagged(ctx context.Context, s logical.Storage) (warnings []string, err error) {
	users, err := engine.LoadOr(ctx, s, engine.KeyUsersConfig, newUsersConfig)
	switch {
	case err != nil:
		return nil, err
	case !users.OwnershipTags:
		return []string{"ownership_tags is off at config/users: tidy knows users by these tags, and does not find those that are made without"}, nil
	case v.b.anyUntagged():
		return []string{"AWS refuses the tags that say whose an IAM user is, so users are being made without, and tidy does not find those; allow iam:TagUser"}, nil
	}
	return nil, nil
}
