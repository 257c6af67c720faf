// SPDX-License-Identifier: MPL-2.0

package users

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/engine"
)

// register is the records of a mount: in storage, and what memory keeps of them.
type register struct {
	*engine.Mount
	index      index
	sweepGrace time.Duration
	shared     time.Duration     // how much later than a user the last of its leases may begin
	gone       func(user string) // hears that a user has no record any more
}

// recordFor reads the record of a user that no request is making; nil when there is none. One
// that a request is making, or was when the read began, is that request's alone.
func (reg *register) recordFor(ctx context.Context, s logical.Storage, user string) (*Record, error) {
	before := reg.notBeingMade(user) // first: the request may end while the record is read
	r, err := load(ctx, s, user)
	return r, cmp.Or(before, reg.notBeingMade(user), err)
}

// saveRecord writes the record of a user, and lets memory know.
func (reg *register) saveRecord(ctx context.Context, s logical.Storage, user string, r *Record) error {
	if err := reg.storeRecord(ctx, s, user, r); err != nil {
		return err
	}
	reg.index.put(user, reg.entryOf(r))
	return nil
}

// storeRecord is saveRecord where memory knows more than the record says.
func (reg *register) storeRecord(ctx context.Context, s logical.Storage, user string, r *Record) error {
	return reg.Proving(func() error { return engine.Save(ctx, s, recordKey(user), r) })
}

// dropRecord ends the record of a user, which AWS has no more, and what stands for it in
// the WAL: that first, since nothing would remember it otherwise.
func (reg *register) dropRecord(ctx context.Context, s logical.Storage, user string, mirrored bool) error {
	if mirrored {
		if err := dropMirror(ctx, s, user); err != nil {
			return err
		}
	}
	if err := reg.Proving(func() error { return s.Delete(ctx, recordKey(user)) }); err != nil {
		return fmt.Errorf("forgetting IAM user %s, which is gone: %w", user, err)
	}
	reg.index.drop(user)
	reg.gone(user)
	return nil
}

// dropNoted ends the record that the end of a lease without one may have noted down.
func (reg *register) dropNoted(ctx context.Context, s logical.Storage, l *Lease) error {
	r, err := load(ctx, s, l.Username)
	if err != nil || r == nil || l.AccessKeyID == "" || r.AccessKeyID != l.AccessKeyID {
		return nil //nolint:nilerr // what nobody can read is not what was noted
	}
	return engine.IgnoreReadOnly(reg.dropRecord(ctx, s, l.Username, r.pending()))
}

// notBeingMade refuses to touch the record of a user that a request is making: its end is that
// request's.
func (reg *register) notBeingMade(user string) error {
	if e, known := reg.index.get(user); known && e.request {
		return engine.UserErrorf("username: a request is making the IAM user %q at this moment; try again when the request has ended", user)
	}
	return nil
}

// IssuedHere reports whether this mount issues a user, or is making it or ending it. Names
// compare as AWS's do, without case. What cannot be read is the rollback's to tell.
func (reg *register) IssuedHere(ctx context.Context, s logical.Storage, user string) (bool, error) {
	if err := reg.Fill(ctx, s); err != nil {
		return false, err
	}
	if _, recorded := reg.index.get(user); recorded {
		return true, nil
	}
	return reg.nameInWAL(ctx, s, user)
}
