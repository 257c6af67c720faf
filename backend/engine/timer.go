// SPDX-License-Identifier: MPL-2.0

package engine

// What has to be done at a moment does not wait for Vault's rollback manager, which comes by
// once a minute. That one is the timer's safety net: it looks as well, and sets the timer anew.

import (
	"context"
	"sync"
	"time"

	"github.com/hashicorp/vault/sdk/logical"
)

const (
	// TimerPause is how long the timer waits for what is due already: until then, whoever made
	// it due has ended, and what fails or is busy is not tried without a pause.
	TimerPause = 5 * time.Second

	// timerTime bounds one piece of work.
	timerTime = 65 * time.Second
)

// Timer has something done at a moment, as long as Vault keeps the mount and this server may
// write its storage.
type Timer struct {
	mount *Mount
	name  string
	do    func(context.Context, logical.Storage) error

	mu    sync.Mutex // guards what follows
	next  time.Time  // by the mount's clock; zero for never
	timer *time.Timer
	ended bool
}

// NewTimer returns a timer that is not set. What it does is named, for the log.
func NewTimer(m *Mount, name string, do func(context.Context, logical.Storage) error) *Timer {
	return &Timer{mount: m, name: name, do: do}
}

// By sets the timer, unless it is set for an earlier moment. Zero is no moment.
func (t *Timer) By(at time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !at.IsZero() && (t.next.IsZero() || at.Before(t.next)) {
		t.set(at)
	}
}

// At sets the timer, whatever it was set for; zero is for never.
func (t *Timer) At(at time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.set(at)
}

// set does so for whoever holds the lock.
func (t *Timer) set(at time.Time) {
	if t.timer != nil {
		t.timer.Stop()
	}
	if t.next = at; at.IsZero() || t.ended {
		return
	}
	wait := at.Sub(t.mount.Now())
	if wait <= 0 {
		wait = TimerPause
	}
	t.timer = time.AfterFunc(wait, t.fire)
}

// Close stops the timer for good. Work that is under way is a request's like any other.
func (t *Timer) Close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ended = true
	if t.timer != nil {
		t.timer.Stop()
	}
}

// fire runs in a goroutine of its own.
func (t *Timer) fire() {
	t.mu.Lock()
	t.next = time.Time{}
	ended := t.ended
	t.mu.Unlock()
	if ended {
		return
	}
	if err := t.work(); err != nil {
		t.mount.Log.Warn("what was due failed; it is tried again within a minute", "what", t.name, "error", err)
	}
}

func (t *Timer) work() (err error) {
	defer t.mount.Recover(&err)
	ctx, end := t.mount.Begin(context.Background())
	defer end()
	ctx, cancel := context.WithTimeout(ctx, timerTime)
	defer cancel()
	if ctx.Err() != nil || !t.mount.Writable() {
		return nil // Vault has let go of the mount; or it is another server's, or another cluster's, task
	}
	return t.do(ctx, t.mount.Storage)
}
