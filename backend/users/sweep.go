// SPDX-License-Identifier: MPL-2.0

package users

// The sweep ends users that no lease has, once a minute: those of requests that failed or
// died, those whose revocation failed, and those that outlived their lease because Vault
// dropped it by force or in a crash, or gave it up. Of the last ones it believes no clock
// alone: AWS has to say as well that the user is older than its lease could become.

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/engine"
	"vault-plugin-secrets-aws-dyn/internal/awscreds"
)

const (
	// DefaultSweepGrace is how long after the last moment of its lease a user is left
	// alone. Until then its end is Vault's to bring about. Vault counts a lease from when
	// it hears our answer, which is later than we do.
	DefaultSweepGrace = 15 * time.Minute

	// sweepsAtOnce is how many users a tick deletes at the same time. Issuing goes on
	// meanwhile and shares AWS's rate limits.
	sweepsAtOnce = 8

	// sweepStart is how long a tick goes on beginning deletions.
	sweepStart = 30 * time.Second

	// ghostLooks is how many of the longest records a tick asks AWS about, by one GetUser
	// each: a user that is gone leaves its record behind where a server lost its office
	// between the two.
	ghostLooks = 2
)

// Sweep ends all users that are due.
func (u *Users) Sweep(ctx context.Context, s logical.Storage) error {
	if err := u.OpenTerm(ctx, s); err != nil { // else nobody knows which renewals are known
		return err
	}
	began := u.Now()
	due := u.index.due(began, u.o.Unconfirmed(ctx, s))
	more := func() bool { return u.Age(began) <= sweepStart } // the rest is the next tick's
	left := engine.EachByAccount(ctx, u.Mount, sweepsAtOnce, due, u.accountOf, more, func(ctx context.Context, user string) error {
		err := u.sweepUser(ctx, s, user)
		u.o.Ended(user, err)
		return err
	})
	errs := make([]error, len(left))
	for i, l := range left {
		where := ""
		if l.Account != "" {
			where = " of AWS account " + l.Account
		}
		errs[i] = fmt.Errorf("%s%s could not be deleted and will be tried again: %w", engine.Counted(l.Items, "IAM user"), where, l.Errs[0])
	}
	return errors.Join(errs...)
}

// sweepUser ends a user whose time is over, if storage and AWS say so too.
func (u *Users) sweepUser(ctx context.Context, s logical.Storage, user string) error {
	ctx, unlock, ok := u.Locks.TryLock(ctx, engine.LockRecord(user))
	if !ok {
		return nil // its lease is being renewed or revoked
	}
	defer unlock()
	if u.notBeingMade(user) != nil {
		return nil // the user that was due is gone, and a request is making one of the same name
	}
	u.index.toTheBack(user, u.Now())
	if e, known := u.index.get(user); known && e.never {
		return u.dropRecord(ctx, s, user, true)
	}
	r, err := load(ctx, s, user)
	if engine.IsUnreadable(err) {
		return fmt.Errorf("nobody can read until when IAM user %s is to live, so its lease alone ends it; delete issued/%s to end it now, or write issued/%s/forget to drop the record: %w", user, user, user, err)
	}
	if err != nil {
		return err
	}
	if r == nil {
		u.index.drop(user)
		return nil
	}
	if err := u.mendClock(ctx, s, user, r); err != nil {
		return err
	}
	if e, known := u.index.get(user); known && e.failed && !r.pending() { // storage did not take that its request has failed
		r.Ending = u.Now().UTC()
		if err := u.saveRecord(ctx, s, user, r); err != nil {
			return err
		}
	}
	unused, err := u.unused(ctx, s, r)
	if err != nil {
		return err
	}
	if unused {
		r.Ending = u.Now().UTC()
		u.Log.Warn("deleting an IAM user that was answered right before its server stopped, and that AWS says was never used", "iam_user", user, "role", r.Role)
	}
	r.Ends = u.latest(r)
	if due := u.dueBy(r); !r.pending() && u.Now().Before(due) {
		u.index.lookAt(user, due)
		return nil
	}
	ctx, moment := r.moment(ctx, u.Mount, user, engine.Asked{Path: "issued/" + user})
	gone, why := u.settle(ctx, s, user, r)
	if gone {
		moment.Ends = r.Ends // the latest that its lease could live to
		moment.Tell(engine.CredsSwept, engine.Line{Level: hclog.Info, Text: "deleted an IAM user that no lease has"})
		return why
	}
	var young *awscreds.TooYoungError
	if errors.As(why, &young) {
		u.Log.Warn("this server's clock says that a lease is over, and AWS's does not; the user is left alone", "iam_user", user, "aws", young)
		return nil
	}
	return why
}

// SweepGhosts looks whether the users with the oldest records still exist, and ends the
// records of those that AWS does not have.
func (u *Users) SweepGhosts(ctx context.Context, s logical.Storage) error {
	oldest := u.index.oldest()
	if len(oldest) == 0 {
		return nil
	}
	var errs []error
	from := int(u.ghosts.Load())
	for i := range min(ghostLooks, len(oldest)) {
		user := oldest[(from+i)%len(oldest)]
		if gone, _ := u.isGone(ctx, s, user); gone { // what needs AWS says that it is away
			_, err := u.endGhost(ctx, s, user)
			errs = append(errs, err)
		}
	}
	u.ghosts.Store(int64((from + ghostLooks) % len(oldest)))
	return errors.Join(errs...)
}

// isGone reports whether AWS says that there is no such user.
func (u *Users) isGone(ctx context.Context, s logical.Storage, user string) (bool, error) {
	e, _ := u.index.get(user)
	client, _, err := u.reach(ctx, s, e.by.Value(), e.role)
	if err != nil {
		return false, err
	}
	switch _, err := client.ReadUser(ctx, user); {
	case awscreds.IsNotFound(err):
		return true, nil
	case err == nil || awscreds.IsRefused(err):
		return false, nil // it exists, or nobody can tell
	default:
		return false, err
	}
}

// endGhost ends the record of a user of a lease that AWS does not have. It deletes nothing: the
// lease may live, and AWS's word may be wrong or be another account's.
func (u *Users) endGhost(ctx context.Context, s logical.Storage, user string) (gone bool, err error) {
	ctx, unlock, ok := u.Locks.TryLock(ctx, engine.LockRecord(user))
	if !ok {
		return false, nil
	}
	defer unlock()
	r, err := load(ctx, s, user)
	if err != nil || r == nil || r.pending() {
		return false, err
	}
	client, _, err := u.reach(ctx, s, r.AssumeRole, r.Role)
	if err != nil {
		return false, err
	}
	if name, err := nameNow(ctx, client, user, r); err != nil || name != "" {
		return false, err // its holder has renamed it, and its record stays until the lease ends
	}
	f := facts{absent: true, here: client.KnownAccount()}
	if f.made, err = u.madeIn(ctx, s, r, f.here); err != nil {
		return false, err
	}
	if err := u.whoseWord(ctx, s, client, user, r, &f); err != nil {
		return false, err
	}
	if decide(user, r, f, windows{u.LagWindow, u.o.LateWindow}, u.Now()).ending != endGone {
		return false, nil
	}
	u.Log.Info("forgot an IAM user that AWS does not have any more", "iam_user", user, "role", r.Role)
	return true, u.dropRecord(ctx, s, user, r.pending())
}
