// SPDX-License-Identifier: MPL-2.0

package backend

// What may exist in AWS without a lease: written down before AWS hears of it, and
// kept until it is known to be gone or to stand in the register.
//
// Vault's own rollback leaves every entry alone until it has a minimum age. Ours
// need not: it knows which users a request is making at this moment, and leaves
// those alone. All others it tries to delete at every tick, those of a process
// that died and those of a request that failed alike. Age only decides how long
// AWS is not believed when it says that there is no such user.

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/vault/sdk/framework"
	"github.com/hashicorp/vault/sdk/logical"
	"golang.org/x/sync/errgroup"

	"vault-plugin-secrets-aws-dyn/backend/engine"
	"vault-plugin-secrets-aws-dyn/backend/rootkey"
	"vault-plugin-secrets-aws-dyn/backend/staticrole"
	"vault-plugin-secrets-aws-dyn/internal/awscreds"
)

// rollbacksAtOnce is how many users a tick deletes at the same time. Issuing goes
// on meanwhile and shares AWS's rate limits.
const rollbacksAtOnce = 8

// walKindUser is the kind of a walUser, as the built-in engine calls it.
const walKindUser = "user"

// walUser is an IAM user that may exist.
type walUser struct {
	UserName string `json:"UserName"`
}

// record is the entry of a user that a request is making.
type record struct {
	b       *backend
	storage logical.Storage
	id      string
	user    string
}

// begin writes down that a user is about to be made.
func (b *backend) begin(ctx context.Context, s logical.Storage, user string) (*record, error) {
	b.underWay.Store(user, true) // first: a tick must not see an entry that nobody stands behind
	id, err := framework.PutWAL(ctx, s, walKindUser, walUser{UserName: user})
	if err != nil {
		b.underWay.Delete(user)
		return nil, err
	}
	return &record{b: b, storage: s, id: id, user: user}, nil
}

// forget ends the record: the user has its lease, or is known not to exist.
func (r *record) forget(ctx context.Context) error {
	return framework.DeleteWAL(ctx, r.storage, r.id)
}

// end says that no request stands behind the record any more. If it is still
// there, it is now the rollback's.
func (r *record) end() { r.b.underWay.Delete(r.user) }

// rollBack deletes every user that is written down and that no request is making.
func (b *backend) rollBack(ctx context.Context, req *logical.Request) error {
	ids, err := framework.ListWAL(ctx, req.Storage)
	if err != nil {
		return fmt.Errorf("listing what to roll back: %w", err)
	}
	_, immediate := req.Data["immediate"]
	errs := make([]error, len(ids))
	var group errgroup.Group
	group.SetLimit(rollbacksAtOnce)
	for i, id := range ids {
		group.Go(func() (none error) {
			defer b.Recover(&errs[i])
			errs[i] = b.rollBackEntry(ctx, req.Storage, id, immediate)
			return none
		})
	}
	_ = group.Wait() // each error is in errs
	return errors.Join(errs...)
}

func (b *backend) rollBackEntry(ctx context.Context, s logical.Storage, id string, immediate bool) error {
	entry, err := engine.ReadWAL(ctx, s, id)
	if err != nil || entry == nil {
		return err
	}
	switch entry.Kind {
	case walKindUser:
		return b.rollBackUser(ctx, s, entry, immediate)
	case rootkey.WALKind:
		return nil // the tick's, which takes turns with rotations
	case staticrole.WALKind:
		return b.staticRoles.RollBack(ctx, s, entry, immediate)
	}
	return fmt.Errorf("rolling back entry %s: its kind, %q, is not known", id, entry.Kind)
}

// rollBackUser deletes the IAM user of an entry, ours or the built-in engine's.
func (b *backend) rollBackUser(ctx context.Context, s logical.Storage, entry *framework.WALEntry, immediate bool) error {
	wal, err := engine.WALData[walUser](entry)
	if err != nil {
		return err
	}
	id, user := entry.ID, wal.UserName
	if user == "" {
		return fmt.Errorf("rolling back entry %s: it names no user", id)
	}
	if _, making := b.underWay.Load(user); making {
		return nil
	}
	// Read again: the request may have ended well since the first look.
	if entry, err = engine.ReadWAL(ctx, s, id); err != nil || entry == nil {
		return err
	}
	client, err := b.AWS(ctx, s)
	if err != nil {
		return fmt.Errorf("rolling back IAM user %s: %w", user, err)
	}
	age := b.Now().Sub(time.Unix(entry.CreatedAt, 0))
	existed, err := client.DeleteUserByName(ctx, user, awscreds.Age{Most: age}, b.namesRepeat(ctx, s))
	if err != nil {
		return fmt.Errorf("rolling back IAM user %s: %w", user, err)
	}
	if !existed && !immediate && age < b.LagWindow {
		return nil // AWS may not show it yet; look again
	}
	if err := b.strikeSince(ctx, s, user, entry.CreatedAt); err != nil {
		return err
	}
	if err := framework.DeleteWAL(ctx, s, id); err != nil {
		return fmt.Errorf("forgetting IAM user %s, which is gone: %w", user, err)
	}
	b.Log.Info("rolled back", "iam_user", user, "existed", existed)
	return nil
}

// strikeSince strikes a user off the register, unless the record is of an earlier user
// of the same name.
func (b *backend) strikeSince(ctx context.Context, s logical.Storage, user string, unix int64) error {
	r, err := engine.Load[issued](ctx, s, issuedKey(user))
	if err != nil || r == nil || r.Issued.Unix() < unix {
		return err
	}
	return b.strike(ctx, s, user)
}
