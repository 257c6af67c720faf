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
	"vault-plugin-secrets-aws-dyn/backend/staticrole"
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
	adopted, err := staticrole.AdoptedUsers(ctx, s)
	return adopted[strings.ToLower(user)], err
}
