// SPDX-License-Identifier: MPL-2.0

package tidy

// How a run of tidy begins in the background, how it ends, and what is remembered of it:
// in memory while it runs, in storage when it begins and when it ends, so that a run that
// ended with its process is known to have done so.

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/engine"
)

// lastWord bounds the writing of a report when the run is over, perhaps because
// the server is being sealed.
const lastWord = 5 * time.Second

var (
	errBusy      = engine.UserErrorf("tidy is running already: tidy/status shows its progress, and tidy/cancel stops it")
	errCancelled = errors.New("cancelled")
	errStopped   = errors.New("the mount is being closed")
)

// current is what this process knows of tidy. The lock guards the fields and the report,
// and is never held while anything else happens.
type current struct {
	mu     sync.Mutex
	closed bool
	report *runReport // of the run of this process, under way or the last one
	cancel context.CancelCauseFunc
	ended  chan struct{} // closed when the run has ended
	runs   sync.WaitGroup
}

// begin makes a report the current one, unless the mount goes away.
func (c *current) begin(report *runReport, cancel context.CancelCauseFunc) (ended chan struct{}, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil, false
	}
	c.runs.Add(1)
	c.report, c.cancel, c.ended = report, cancel, make(chan struct{})
	return c.ended, true
}

// over reports whether the mount goes away.
func (c *current) over() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closed
}

// note changes a report.
func (c *current) note(report *runReport, change func(*runReport)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change(report)
}

// last copies the report of this process; nil if it has none.
func (c *current) last() *runReport {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.report == nil {
		return nil
	}
	return c.report.copy()
}

// stop ends the run for a cause. The channel is nil when there is none.
func (c *current) stop(cause error) <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.report == nil || c.report.State != stateRunning {
		return nil
	}
	c.cancel(cause)
	return c.ended
}

// Close ends the run, if there is one, for good: Vault lets go of the mount.
func (t *Tidy) Close() {
	t.current.mu.Lock()
	t.current.closed = true
	t.current.mu.Unlock()
	t.current.stop(errStopped)
	t.current.runs.Wait()
}

// last is the report of the last run, of this process or an earlier one.
func (t *Tidy) last(ctx context.Context, s logical.Storage) (*runReport, error) {
	if report := t.current.last(); report != nil {
		return report, nil
	}
	report, err := engine.LoadOr(ctx, s, engine.KeyTidyStatus, newReport)
	if engine.IsUnreadable(err) { // no more than what the last run found
		report, err = newReport(), nil
	}
	if err == nil && report.State == stateRunning {
		report.stopped()
	}
	return report, err
}

// start begins a run.
func (t *Tidy) start(ctx context.Context, s logical.Storage, o order, scheduled bool) error {
	ctx, unlock, ok := t.Locks.TryLock(ctx, engine.LockTidy)
	if !ok {
		return errBusy
	}
	begun := false
	defer func() {
		if !begun {
			unlock()
		}
	}()
	if t.current.over() {
		return errStopped
	}
	last, err := t.last(ctx, s)
	if err != nil {
		return err
	}
	report := last.begun(o, scheduled, t.Now().UTC())
	if err := engine.Save(ctx, s, engine.KeyTidyStatus, report); err != nil {
		return err
	}
	run, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	ended, open := t.current.begin(report, cancel)
	if !open {
		cancel(errStopped)
		return errStopped
	}
	begun = true
	go func() {
		defer t.current.runs.Done()
		defer close(ended)
		defer cancel(nil)
		t.carryOut(run, s, report, unlock)
	}()
	return nil
}

// carryOut goes through a run and writes its report.
func (t *Tidy) carryOut(ctx context.Context, s logical.Storage, report *runReport, unlock func()) {
	run := run{t: t, storage: s, lost: map[engine.AssumeRole]error{}, order: report.order, scheduled: report.Scheduled, note: func(change func(*runReport)) { t.current.note(report, change) }}
	err := run.tidy(ctx)
	final := report.copy() // nobody else changes it
	final.end(err, context.Cause(ctx), t.Now().UTC())
	if err := t.keepReport(ctx, s, final); err != nil {
		t.Log.Warn("the report of tidy could not be stored", "error", err)
	}
	say := t.Log.Info
	if final.State == stateFailed {
		say = t.Log.Error
	}
	say("tidy ended", "state", final.State, "error", final.Error, "users", final.Seen, "found", final.Orphans, "deleted", final.Deleted, "errors", final.Failures)
	unlock()
	t.current.note(report, func(r *runReport) { *r = *final })
}

// keepReport stores a report, also when its run was told to end.
func (t *Tidy) keepReport(ctx context.Context, s logical.Storage, report *runReport) (err error) {
	defer t.Recover(&err)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWord)
	defer cancel()
	return engine.Save(ctx, s, engine.KeyTidyStatus, report)
}

// end says how the run ended.
func (r *runReport) end(err, cause error, now time.Time) {
	r.State, r.Finished = stateFinished, now
	switch {
	case err == nil:
	case errors.Is(cause, errCancelled):
		r.State = stateCancelled
	case errors.Is(cause, errStopped):
		r.stopped()
	default:
		r.State, r.Error = stateFailed, cutShort(err)
	}
}
