// SPDX-License-Identifier: MPL-2.0

package users

// What tidy sees of the records. A user of this mount that has none may be deleted by it.

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/engine"
	"vault-plugin-secrets-aws-dyn/backend/tidy"
	"vault-plugin-secrets-aws-dyn/internal/awscreds"
)

// TidyView is what tidy sees of the records. It implements [tidy.Records].
func (u *Users) TidyView() tidy.Records { return tidyView{u} }

type tidyView struct{ u *Users }

// Known returns whether a user is known at this moment.
func (v tidyView) Known(ctx context.Context, s logical.Storage) (func(user string) bool, error) {
	if err := v.u.Fill(ctx, s); err != nil {
		return nil, fmt.Errorf("reading the records: %w", err)
	}
	adopted, err := v.u.o.Adopted(ctx, s)
	if err != nil {
		return nil, fmt.Errorf("reading the static roles: %w", err)
	}
	return func(user string) bool {
		_, recorded := v.u.index.get(user)
		return recorded || adopted[strings.ToLower(user)]
	}, nil
}

// HasRecord reports whether a record, a request, an entry of the WAL or a static role is
// about a user now.
func (v tidyView) HasRecord(ctx context.Context, s logical.Storage, user string) (bool, error) {
	if _, recorded := v.u.index.get(user); recorded {
		return true, nil
	}
	r, err := load(ctx, s, user)
	if err != nil || r != nil {
		return true, err
	}
	if named, err := v.u.nameInWAL(ctx, s, user); err != nil || named {
		return true, err
	}
	adopted, err := v.u.o.Adopted(ctx, s)
	return adopted[strings.ToLower(user)], err
}

// Accounts are those of the records and of the roles, the one of config/root first.
func (v tidyView) Accounts(ctx context.Context, s logical.Storage) ([]tidy.Account, error) {
	ways, err := v.u.ways(ctx, s)
	if err != nil {
		return nil, err
	}
	accounts := []tidy.Account{{Ways: []engine.AssumeRole{{}}}}
	home := ""
	if len(ways) > 0 {
		home = v.u.homeAmong(ctx, s, ways[0])
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
	home := v.u.home()
	return v.u.index.pick(func(e entry) bool {
		return (e.in() == account || account == "" && e.in() == home) && !e.pending && !e.request && e.issued.Before(before) && !listed[strings.ToLower(e.name)]
	}, byAge)
}

// EndIfGone ends the record of a user that AWS says is gone.
func (v tidyView) EndIfGone(ctx context.Context, s logical.Storage, user string) (gone bool, err error) {
	if gone, err := v.u.isGone(ctx, s, user); !gone {
		return false, err
	}
	return v.u.endGhost(ctx, s, user)
}

// Owner is whose a user is, by its tags. One that this mount's key proves is this mount's if
// it was made in a term of this storage, while that was on watch: else a copy made it.
func (v tidyView) Owner(ctx context.Context, s logical.Storage, user *awscreds.FoundUser) (tidy.Owner, error) {
	switch {
	case user.Tags[engine.TagMount] == "":
		return tidy.OwnerNone, nil
	case !v.u.own.tagged(user.Tags):
		return tidy.OwnerOther, nil
	}
	if err := v.u.OpenTerm(ctx, s); err != nil {
		return tidy.OwnerClaimed, err
	}
	proven, err := v.u.own.proven(ctx, s, user.Name, user.Tags)
	term, _, _ := strings.Cut(user.Tags[engine.TagProof], "/")
	began, malformed := time.Parse(time.RFC3339, user.Tags[engine.TagCreated])
	switch {
	case err != nil || !proven || malformed != nil:
		return tidy.OwnerClaimed, err
	case isMadeAnew(user, v.u.Age(began), v.u.o.LateWindow):
		return tidy.OwnerClaimed, nil // somebody has made the user anew, tags and all
	case !v.u.OnWatch(term, v.u.Now().Add(-user.Age)) || !v.u.Answered(term, began.Add(time.Second)): // the tag has no fractions
		return tidy.OwnerCopy, nil // its request may have begun after this storage was copied
	}
	return tidy.OwnerProven, nil
}

// RoleOf is the role that they name.
func (v tidyView) RoleOf(tags map[string]string) string { return tags[engine.TagRole] }

// DeleteUser deletes a user that has no record, as the leader alone knows.
func (v tidyView) DeleteUser(ctx context.Context, s logical.Storage, c *awscreds.Client, way engine.AssumeRole, name string) error {
	if err := v.u.ProveLeader(ctx, s); err != nil {
		return err
	}
	_, err := v.u.deleteUser(ctx, s, c, name, &Record{AssumeRole: way})
	return err
}

// Untagged warns where users of this mount are made without such tags.
func (v tidyView) Untagged(ctx context.Context, s logical.Storage) (warnings []string, err error) {
	return v.u.o.Untagged(ctx, s)
}
