// SPDX-License-Identifier: MPL-2.0

package backend

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

// dueBy is when the sweep is to look at a record that no request stands behind, if nobody
// renews the lease.
func (u *users) dueBy(r *userRecord) time.Time {
	switch {
	case r.State == stateCreating:
		return time.Time{} // now: whoever was making it is no more
	case !r.Ending.IsZero():
		asked := r.Ending
		if now := u.Now(); asked.After(now) {
			asked = now // a clock in the future has written it
		}
		return asked.Add(u.LagWindow) // Vault tries as well, and AWS may not show the user yet
	}
	return r.Ends.Add(u.sweepGrace)
}

// sweep ends all users that are due.
func (u *users) sweep(ctx context.Context, s logical.Storage) error {
	if err := u.OpenTerm(ctx, s); err != nil { // else nobody knows which renewals are known
		return err
	}
	began := u.Now()
	due := u.index.due(began, u.unconfirmedTTL(ctx, s))
	more := func() bool { return u.Age(began) <= sweepStart } // the rest is the next tick's
	left := engine.EachByAccount(ctx, u.Mount, sweepsAtOnce, due, u.accountOf, more, func(ctx context.Context, user string) error {
		err := u.sweepUser(ctx, s, user)
		u.memory.Ended(user, err)
		return err
	})
	errs := make([]error, len(left))
	for i, l := range left {
		where := ""
		if l.Account != "" {
			where = " of AWS account " + l.Account
		}
		errs[i] = fmt.Errorf("%s%s could not be deleted and will be tried again: %w", counted(l.Items, "IAM user"), where, l.Errs[0])
	}
	return errors.Join(errs...)
}

// accountOf is the account of a user, as far as memory knows.
func (u *users) accountOf(user string) string {
	e, _ := u.index.get(user)
	return e.in()
}

// sweepUser ends a user whose time is over, if storage and AWS say so too.
func (u *users) sweepUser(ctx context.Context, s logical.Storage, user string) error {
	ctx, unlock, ok := u.Locks.TryLock(ctx, engine.LockRecord(user))
	if !ok {
		return nil // its lease is being renewed or revoked
	}
	defer unlock()
	r, err := loadRecord(ctx, s, user)
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

// latest is the latest moment that the lease of a record can live to. Where another engine
// may have renewed it, that is as long as the mount allows at all.
func (u *users) latest(r *userRecord) time.Time {
	if !r.Written.Before(u.KnownSince()) {
		return r.Ends
	}
	last := r.Issued.Add(u.askBounds().longest)
	if len(r.Handouts) > 0 {
		last = last.Add(longestShare) // it counts from when a lease was given
	}
	if last.After(r.Ends) {
		return last
	}
	return r.Ends
}

// mendClock moves a record that a clock in the future has written to now: its age would tell
// nothing before that future has come.
func (u *users) mendClock(ctx context.Context, s logical.Storage, user string, r *userRecord) error {
	wrong := r.Issued.Sub(u.Now())
	if wrong <= clockSlack || !r.pending() {
		return nil
	}
	for _, t := range []*time.Time{&r.Issued, &r.Ends, &r.Written} {
		if !t.IsZero() {
			*t = t.Add(-wrong)
		}
	}
	return u.saveRecord(ctx, s, user, r)
}

// sweepGhosts looks whether the users with the oldest records still exist, and ends the
// records of those that AWS does not have.
func (u *users) sweepGhosts(ctx context.Context, s logical.Storage) error {
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
func (u *users) isGone(ctx context.Context, s logical.Storage, user string) (bool, error) {
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
func (u *users) endGhost(ctx context.Context, s logical.Storage, user string) (gone bool, err error) {
	ctx, unlock, ok := u.Locks.TryLock(ctx, engine.LockRecord(user))
	if !ok {
		return false, nil
	}
	defer unlock()
	r, err := loadRecord(ctx, s, user)
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
	if decide(user, r, f, u.windows(), u.Now()).ending != endGone {
		return false, nil
	}
	u.Log.Info("forgot an IAM user that AWS does not have any more", "iam_user", user, "role", r.Role)
	return true, u.dropRecord(ctx, s, user, r.pending())
}

// Answered, and perhaps nobody heard it: between our answer and Vault's write of the lease both
// may die. The user has a record then and no lease, and would live as long as a lease could.
// Which records that may be true of is known from the heartbeat.

// leastUnconfirmed is the shortest unconfirmed_ttl: who got a credential has this long to
// use it for the first time.
const leastUnconfirmed = 24 * time.Hour

// unconfirmed reports whether perhaps nobody got the credential of a record.
func (u *users) unconfirmed(r *userRecord) bool {
	return !r.pending() && !r.Confirmed && r.Term != "" && !u.Answered(r.Term, r.Issued)
}

// unconfirmedTTL is what config/users says; 0 where nobody can read it.
func (u *users) unconfirmedTTL(ctx context.Context, s logical.Storage) time.Duration {
	set, err := u.anySettings(ctx, s)
	if err != nil {
		return 0
	}
	return set.users.UnconfirmedTTL
}
