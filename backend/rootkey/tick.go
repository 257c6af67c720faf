// SPDX-License-Identifier: MPL-2.0

package rootkey

// The timer that goes on with interrupted rotations of the root key and begins those
// that are due. It is Vault's rollback manager, which comes by once a minute; no
// rotation manager of Vault Enterprise is needed.

import (
	"context"
	"errors"
	"time"

	"github.com/hashicorp/vault/sdk/framework"
	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/engine"
	"vault-plugin-secrets-aws-dyn/internal/awscreds"
)

// rotationTime is what a tick must have left to begin a rotation of its own accord.
//
// A new key is known everywhere within 5 to 15 seconds as a rule; where it takes longer,
// the next tick goes on.
const rotationTime = 20 * time.Second

// cleanUpTime bounds what has to be done whether or not anybody waits for it.
const cleanUpTime = 60 * time.Second

// Tick goes on with what an interrupted rotation left, and rotates when it is time.
func (r *Rotator) Tick(ctx context.Context, s logical.Storage) error {
	if err := r.OpenTerm(ctx, s); err != nil {
		return err
	}
	if r.idle(ctx, s) {
		return nil
	}
	ctx, unlock, ok := r.Locks.TryLock(ctx, engine.LockRootKey)
	if !ok {
		return nil // under way
	}
	defer unlock()
	strays := r.dropStrays(ctx, s, bySchedule)
	ctx, moment := r.Moment(ctx, engine.Asked{Path: pathRotate})
	err := r.advance(ctx, s)
	var wait *engine.WaitError
	switch {
	case errors.As(err, &wait):
		err = r.noteWait(ctx, s, wait, moment)
	case err != nil:
		err = errors.Join(err, r.noteFailure(ctx, s, err, moment))
	}
	return errors.Join(strays, err)
}

// idle says that a tick has nothing to do. It takes no lock: a request to rotate is never refused because of a tick that
// only looks. What cannot be read is something to do, and told by whoever does it.
func (r *Rotator) idle(ctx context.Context, s logical.Storage) bool {
	ids, err := framework.ListWAL(ctx, s)
	if err != nil {
		return false
	}
	for _, id := range ids {
		if entry, err := engine.ReadWAL(ctx, s, id); err != nil || entry != nil && entry.Kind == WALKind {
			return false
		}
	}
	next, err := loadNext(ctx, s)
	if err != nil || next != nil {
		return false
	}
	cfg, err := engine.Load[engine.RootConfig](ctx, s, engine.KeyRootConfig)
	if err != nil || cfg == nil {
		return err == nil
	}
	st, _, err := loadState(ctx, s)
	if err != nil || st.follow(cfg, r.Now()) {
		return false
	}
	due := st.next(cfg, r.Now())
	return due.IsZero() || r.Now().Before(due)
}

func (r *Rotator) advance(ctx context.Context, s logical.Storage) error {
	n, err := loadNext(ctx, s)
	if err != nil {
		return err
	}
	if n != nil {
		_, err := r.establish(ctx, s, n, r.causeOf(n))
		return err
	}
	cfg, err := engine.Load[engine.RootConfig](ctx, s, engine.KeyRootConfig)
	if err != nil || cfg == nil {
		return err
	}
	var due time.Time
	err = r.remember(ctx, s, func(was *state) bool {
		changed := was.follow(cfg, r.Now())
		due = was.next(cfg, r.Now())
		return changed
	})
	if err != nil || due.IsZero() || r.Now().Before(due) {
		return err
	}
	if end, ok := ctx.Deadline(); ok && time.Until(end) < rotationTime {
		return nil // at the next tick
	}
	_, left, err := r.rotate(ctx, s, bySchedule)
	return errors.Join(left, err)
}

// remember changes what is remembered.
func (r *Rotator) remember(ctx context.Context, s logical.Storage, change func(*state) (changed bool)) error {
	ctx, unlock, err := r.Locks.Lock(ctx, engine.LockConfigRoot)
	if err != nil {
		return err
	}
	defer unlock()
	return r.rememberLocked(ctx, s, change)
}

// rememberLocked is remember for whoever holds the lock of config/root.
func (r *Rotator) rememberLocked(ctx context.Context, s logical.Storage, change func(*state) bool) error {
	st, unreadable, err := loadState(ctx, s)
	if err != nil || !change(st) {
		return err
	}
	if unreadable != nil {
		r.Log.Warn("when the root key was last rotated cannot be read; the schedule counts from now on", "error", unreadable)
	}
	return engine.Save(ctx, s, engine.KeyRootRotation, st)
}

// noteSwitched writes down that config/root has a new key.
func (r *Rotator) noteSwitched(ctx context.Context, s logical.Storage, n *nextKey) error {
	return r.remember(ctx, s, func(was *state) bool {
		*was = state{Plan: was.Plan, Key: n.AccessKey, Made: n.AccessKey, Since: was.Since, Last: r.Now().UTC(), Settled: was.Settled}
		return true
	})
}

// noteEnded writes down that the old key is gone.
func (r *Rotator) noteEnded(ctx context.Context, s logical.Storage, n *nextKey) error {
	return r.remember(ctx, s, func(was *state) bool {
		last := r.Now().UTC()
		if !n.Switched.IsZero() {
			last = was.Last
		}
		*was = state{Plan: was.Plan, Key: n.AccessKey, Made: n.AccessKey, Since: was.Since, Last: last, Settled: was.Settled}
		if !r.GapAfter(was.Settled).Noticed.IsZero() { // whoever asked has decided, or time has
			was.Settled = r.Now().UTC()
		}
		return true
	})
}

// noteWait writes down why a rotation waits, and tells the log once.
func (r *Rotator) noteWait(ctx context.Context, s logical.Storage, wait *engine.WaitError, moment *engine.Moment) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanUpTime)
	defer cancel()
	return r.remember(ctx, s, func(was *state) bool {
		if was.Waits == wait.Text {
			return false
		}
		moment.Waits("the rotation of the root key waits", wait)
		was.Waits, was.At = wait.Text, r.Now().UTC()
		return true
	})
}

// failedText is what the log has of a rotation that failed.
const failedText = "rotating the root key failed"

// noteFailure writes down why a rotation failed, and tells it; the log has the first of several as an error.
func (r *Rotator) noteFailure(ctx context.Context, s logical.Storage, why error, moment *engine.Moment) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanUpTime)
	defer cancel()
	return r.remember(ctx, s, func(was *state) bool {
		was.Error, was.At, was.Waits = awscreds.Explain(why), r.Now().UTC(), ""
		moment.RotationFailed(engine.RootRotateFailed, failedText, was.Times == 0, why)
		was.Times++
		return true
	})
}
