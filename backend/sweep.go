// SPDX-License-Identifier: MPL-2.0

package backend

// The sweep deletes users that outlived their lease: Vault dropped it by force or in a
// crash, gave it up, or AWS did not show the user when it was revoked. It goes by the
// register, once a minute, and believes no clock alone: AWS has to say as well that
// the user is older than its lease could become.

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/hashicorp/vault/sdk/logical"
	"golang.org/x/sync/errgroup"

	"vault-plugin-secrets-aws-dyn/backend/engine"
	"vault-plugin-secrets-aws-dyn/internal/awscreds"
)

const (
	// DefaultSweepGrace is how long after the last moment of its lease a user is left
	// alone. Until then its end is Vault's to bring about. Vault counts a lease from when
	// it hears our answer, which is later than we do.
	DefaultSweepGrace = 15 * time.Minute

	// sweepsAtOnce is how many users a tick deletes at the same time.
	sweepsAtOnce = 8

	// sweepStart is how long a tick goes on beginning deletions.
	sweepStart = 30 * time.Second

	// youngLook is when to look again at a user that AWS's clock calls too young.
	youngLook = 10 * time.Minute
)

// dueBy is when the sweep is to look at a record, if nobody else renewed the lease.
func (b *backend) dueBy(r *issued) time.Time {
	if !r.Ending.IsZero() {
		return r.Ending.Add(b.LagWindow) // Vault tries as well, and AWS may not show the user yet
	}
	return r.Ends.Add(b.sweepGrace)
}

// sweep deletes all users that are due.
func (b *backend) sweep(ctx context.Context, s logical.Storage) error {
	if err := b.known(ctx, s); err != nil {
		return fmt.Errorf("reading the register: %w", err)
	}
	watch, err := b.keepWatch(ctx, s)
	if err != nil {
		return err
	}
	began := b.Now()
	var (
		group  errgroup.Group
		mu     sync.Mutex
		first  error
		failed int
	)
	group.SetLimit(sweepsAtOnce)
	for _, user := range b.register.due(began) {
		group.Go(func() (none error) {
			if ctx.Err() != nil || b.Now().Sub(began) > sweepStart {
				return none // the next tick's
			}
			if err := b.sweepUser(ctx, s, user, watch); err != nil {
				mu.Lock()
				defer mu.Unlock()
				if failed++; first == nil {
					first = err
				}
			}
			return none
		})
	}
	_ = group.Wait() // the errors are counted
	if failed > 0 {
		return fmt.Errorf("%d IAM users that outlived their lease are left for the next time: %w", failed, first)
	}
	return nil
}

// sweepUser deletes a user whose time is over, if storage and AWS say so too.
func (b *backend) sweepUser(ctx context.Context, s logical.Storage, user string, w *watch) (err error) {
	defer b.Recover(&err)
	r, err := engine.Load[issued](ctx, s, issuedKey(user))
	if err != nil {
		return err
	}
	if r == nil {
		b.register.drop(user)
		return nil
	}
	now := b.Now()
	r.Ends = w.latest(r, b.Vault.MaxLeaseTTL())
	if due := b.dueBy(r); now.Before(due) {
		b.register.put(user, r.Role, due)
		return nil
	}
	existed, err := b.deleteIssued(ctx, s, user, r)
	var young *awscreds.TooYoungError
	if errors.As(err, &young) {
		b.Log.Warn("this server's clock says that a lease is over, and AWS's does not; the user is left alone", "iam_user", user, "aws", young)
		b.register.put(user, r.Role, now.Add(youngLook))
		return nil
	}
	if err != nil {
		return err
	}
	if !existed && now.Sub(r.Issued) < b.LagWindow {
		b.register.put(user, r.Role, now)
		return nil // AWS may not show it yet; look again
	}
	b.Log.Info("swept an IAM user that outlived its lease", "iam_user", user, "role", r.Role, "lease_ended", engine.Stamp(r.Ends), "existed", existed)
	return b.strike(ctx, s, user)
}

// deleteIssued deletes the user of a record.
func (b *backend) deleteIssued(ctx context.Context, s logical.Storage, user string, r *issued) (existed bool, err error) {
	client, err := b.AWS(ctx, s)
	if err != nil {
		return false, fmt.Errorf("deleting IAM user %s: %w", user, err)
	}
	age := awscreds.Age{Most: b.Now().Sub(r.Issued)}
	if r.Ending.IsZero() {
		age.Least = r.life()
	}
	return client.DeleteUserByName(ctx, user, age, b.namesRepeat(ctx, s))
}

// endLater has the sweep delete a user, from some minutes on: Vault may try as well.
func (b *backend) endLater(ctx context.Context, s logical.Storage, l *lease, began time.Time) error {
	r, err := engine.Load[issued](ctx, s, issuedKey(l.Username))
	if err != nil {
		return err
	}
	if r == nil {
		r = newIssued(l, began)
	}
	if !r.Ending.IsZero() {
		return nil
	}
	now := b.Now().UTC()
	r.Ending = now
	if r.Written.IsZero() {
		r.prolong(now, now)
	}
	return b.enter(ctx, s, l.Username, r)
}
