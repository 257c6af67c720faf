// SPDX-License-Identifier: MPL-2.0

package backend

// The timer that goes on with interrupted rotations of the root key and begins those
// that are due. It is Vault's rollback manager, which comes by once a minute; no
// rotation manager of Vault Enterprise is needed.

import (
	"context"
	"errors"
	"time"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/engine"
)

// rotationTime is what a tick must have left to begin a rotation of its own accord.
const rotationTime = 60 * time.Second

// tendRootKey goes on with what an interrupted rotation left, and rotates when it is time.
func (b *backend) tendRootKey(ctx context.Context, s logical.Storage) error {
	if !b.Writable() {
		return nil // the primary's
	}
	ctx, unlock, ok := b.Locks.TryLock(ctx, engine.LockRootKey)
	if !ok {
		return nil // under way
	}
	defer unlock()
	strays := b.dropStrays(ctx, s)
	err := b.advanceRootKey(ctx, s)
	if err != nil {
		err = errors.Join(err, b.noteFailure(ctx, s, err))
	}
	return errors.Join(strays, err)
}

func (b *backend) advanceRootKey(ctx context.Context, s logical.Storage) error {
	n, err := loadNext(ctx, s)
	if err != nil {
		return err
	}
	if n != nil {
		_, err := b.establish(ctx, s, n)
		return err
	}
	cfg, err := engine.Load[engine.RootConfig](ctx, s, engine.KeyRootConfig)
	if err != nil || cfg == nil {
		return err
	}
	var due time.Time
	err = b.remember(ctx, s, func(r *rootRotation) bool {
		changed := r.follow(cfg, b.Now())
		due = r.next(cfg, b.Now())
		return changed
	})
	if err != nil || due.IsZero() || b.Now().Before(due) {
		return err
	}
	if end, ok := ctx.Deadline(); ok && time.Until(end) < rotationTime {
		return nil // the rollback took long; at the next tick
	}
	_, left, err := b.rotateRootKey(ctx, s)
	return errors.Join(left, err)
}

// remember changes what is remembered.
func (b *backend) remember(ctx context.Context, s logical.Storage, change func(*rootRotation) (changed bool)) error {
	ctx, unlock, err := b.Locks.Lock(ctx, engine.LockConfigRoot)
	if err != nil {
		return err
	}
	defer unlock()
	return rememberInTurn(ctx, s, change)
}

// rememberInTurn is remember for whoever has the turn of config/root.
func rememberInTurn(ctx context.Context, s logical.Storage, change func(*rootRotation) bool) error {
	r, err := engine.LoadOr(ctx, s, engine.KeyRootRotation, newRootRotation)
	if err != nil || !change(r) {
		return err
	}
	return engine.Save(ctx, s, engine.KeyRootRotation, r)
}

func (b *backend) noteRotation(ctx context.Context, s logical.Storage, n *rootNext) error {
	return b.remember(ctx, s, func(r *rootRotation) bool {
		*r = rootRotation{Plan: r.Plan, Key: n.AccessKey, Since: r.Since, Last: b.Now().UTC()}
		return true
	})
}

func (b *backend) noteFailure(ctx context.Context, s logical.Storage, cause error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanUpTime)
	defer cancel()
	return b.remember(ctx, s, func(r *rootRotation) bool {
		r.Error, r.At = cause.Error(), b.Now().UTC()
		r.Times++
		return true
	})
}
