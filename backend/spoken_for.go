// SPDX-License-Identifier: MPL-2.0

package backend

// Whether anything here speaks for an IAM user. What nothing speaks for may be deleted
// by tidy.

import (
	"context"
	"strings"

	"github.com/hashicorp/vault/sdk/framework"
	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/engine"
)

// spokenFor reports whether storage or a request knows a user. It looks in the order in
// which a creation leaves its traces behind, so that one that ends meanwhile is seen.
func (b *backend) spokenFor(ctx context.Context, s logical.Storage, user string) (bool, error) {
	if _, making := b.underWay.Load(user); making {
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
	adopted, err := adoptedUsers(ctx, s)
	return adopted[strings.ToLower(user)], err
}

// adoptedUsers are those of static roles, in lower case: to AWS case does not matter.
func adoptedUsers(ctx context.Context, s logical.Storage) (map[string]bool, error) {
	names, err := s.List(ctx, engine.PrefixStaticRole)
	if err != nil {
		return nil, err
	}
	users := map[string]bool{}
	for _, name := range names {
		r, err := engine.Load[staticRole](ctx, s, engine.PrefixStaticRole+name)
		if err != nil {
			return nil, err
		}
		if r != nil {
			users[strings.ToLower(r.Username)] = true
		}
	}
	return users, nil
}
