// SPDX-License-Identifier: MPL-2.0

package backend

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

const (
	// tidyLastWord bounds the writing of a report when the run is over, perhaps because
	// the server is being sealed.
	tidyLastWord = 5 * time.Second
)

var (
	errTidyBusy      = engine.UserErrorf("tidy is running already: tidy/status shows how far it is, and tidy/cancel ends it")
	errTidyCancelled = errors.New("cancelled")
	errTidyStopped   = errors.New("the mount goes away")
)

// tidying is what this process knows of tidy. The lock guards the fields and the report,
// and is never held while anything else happens.
type tidying struct {
	mu     sync.Mutex
	closed bool
	report *tidyReport // of the run of this process, under way or the last one
	cancel context.CancelCauseFunc
	ended  chan struct{} // closed when the run has ended
	runs   sync.WaitGroup
}

// begin makes a report the current one, unless the mount goes away.
func (t *tidying) begin(report *tidyReport, cancel context.CancelCauseFunc) (ended chan struct{}, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return nil, false
	}
	t.runs.Add(1)
	t.report, t.cancel, t.ended = report, cancel, make(chan struct{})
	return t.ended, true
}

// over reports whether the mount goes away.
func (t *tidying) over() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.closed
}

// note changes a report.
func (t *tidying) note(report *tidyReport, change func(*tidyReport)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	change(report)
}

// last copies the report of this process; nil if it has none.
func (t *tidying) last() *tidyReport {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.report == nil {
		return nil
	}
	return t.report.copy()
}

// stop ends the run for a cause. The channel is nil when there is none.
func (t *tidying) stop(cause error) <-chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.report == nil || t.report.State != tidyRunning {
		return nil
	}
	t.cancel(cause)
	return t.ended
}

// endTidy ends the run, if there is one, for good: Vault lets go of the mount.
func (b *backend) endTidy() {
	b.tidying.mu.Lock()
	b.tidying.closed = true
	b.tidying.mu.Unlock()
	b.tidying.stop(errTidyStopped)
	b.tidying.runs.Wait()
}

// lastTidy is the report of the last run, of this process or an earlier one.
func (b *backend) lastTidy(ctx context.Context, s logical.Storage) (*tidyReport, error) {
	if report := b.tidying.last(); report != nil {
		return report, nil
	}
	report, err := engine.LoadOr(ctx, s, engine.KeyTidyStatus, newTidyReport)
	if err == nil && report.State == tidyRunning {
		report.stopped()
	}
	return report, err
}

// startTidy begins a run.
func (b *backend) startTidy(ctx context.Context, s logical.Storage, o tidyOrder, scheduled bool) error {
	ctx, unlock, ok := b.Locks.TryLock(ctx, engine.LockTidy)
	if !ok {
		return errTidyBusy
	}
	begun := false
	defer func() {
		if !begun {
			unlock()
		}
	}()
	if b.tidying.over() {
		return errTidyStopped
	}
	last, err := b.lastTidy(ctx, s)
	if err != nil {
		return err
	}
	report := last.begun(o, scheduled, b.Now().UTC())
	if err := engine.Save(ctx, s, engine.KeyTidyStatus, report); err != nil {
		return err
	}
	run, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	ended, open := b.tidying.begin(report, cancel)
	if !open {
		cancel(errTidyStopped)
		return errTidyStopped
	}
	begun = true
	go func() {
		defer b.tidying.runs.Done()
		defer close(ended)
		defer cancel(nil)
		b.runTidy(run, s, report, unlock)
	}()
	return nil
}

// runTidy goes through a run and writes its report.
func (b *backend) runTidy(ctx context.Context, s logical.Storage, report *tidyReport, unlock func()) {
	run := tidyRun{b: b, storage: s, order: report.tidyOrder, note: func(change func(*tidyReport)) { b.tidying.note(report, change) }}
	err := run.tidy(ctx)
	final := report.copy() // nobody else changes it
	final.end(err, context.Cause(ctx), b.Now().UTC())
	if err := b.keepReport(ctx, s, final); err != nil {
		b.Log.Warn("the report of tidy could not be stored", "error", err)
	}
	b.Log.Info("tidy has ended", "state", final.State, "error", final.Error, "users", final.Seen, "found", final.Orphans, "deleted", final.Deleted, "errors", final.Failures)
	unlock()
	b.tidying.note(report, func(r *tidyReport) { *r = *final })
}

// keepReport stores a report, also when its run was told to end.
func (b *backend) keepReport(ctx context.Context, s logical.Storage, report *tidyReport) (err error) {
	defer b.Recover(&err)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), tidyLastWord)
	defer cancel()
	return engine.Save(ctx, s, engine.KeyTidyStatus, report)
}

// end says how the run ended.
func (r *tidyReport) end(err, cause error, now time.Time) {
	r.State, r.Finished = tidyFinished, now
	switch {
	case err == nil:
	case errors.Is(cause, errTidyCancelled):
		r.State = tidyCancelled
	case errors.Is(cause, errTidyStopped):
		r.stopped()
	default:
		r.State, r.Error = tidyFailed, cutShort(err)
	}
}
