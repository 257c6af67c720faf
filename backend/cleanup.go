// SPDX-License-Identifier: MPL-2.0

package backend

// What a mount does when Vault disables or unloads it: at "secrets disable", at a reload, when
// the server is sealed or steps down. After a disable there is no storage any more, so nobody
// ever looks for what is left in AWS.

import (
	"context"
	"sync"
	"time"
)

// All mounts of the process stand still while Vault lets go of one. To clean up after a
// request takes two round trips to AWS.
const (
	cancelTime = 10 * time.Second // for requests under way to give up and clean up
	endTime    = 20 * time.Second // for users that a disable would leave behind
)

// inFlight is the requests under way, as long as Vault keeps the mount.
type inFlight struct {
	mu      sync.Mutex
	closed  bool
	next    int
	cancels map[int]context.CancelFunc
	idle    chan struct{} // closed once all are done, after end
}

// begin counts a request in, or what one leaves to do after its answer. Its context ends when the
// mount does. In a mount that is closing, what requests of before begin is waited for as they are.
func (f *inFlight) begin(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancel(ctx)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		cancel()
		if len(f.cancels) == 0 {
			return ctx, func() {} // nobody waits any more
		}
	}
	if f.cancels == nil {
		f.cancels = map[int]context.CancelFunc{}
	}
	id := f.next
	f.next++
	f.cancels[id] = cancel
	return ctx, func() {
		cancel()
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.cancels, id)
		if f.closed && len(f.cancels) == 0 {
			close(f.idle)
		}
	}
}

// end gives up what is under way, and returns what tells that all is done.
func (f *inFlight) end() (idle <-chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return f.idle
	}
	f.closed, f.idle = true, make(chan struct{})
	for _, cancel := range f.cancels {
		cancel()
	}
	if len(f.cancels) == 0 {
		close(f.idle)
	}
	return f.idle
}

// cleanUp has the requests under way give up and waits until they have cleaned up. Where
// the mount is being disabled, it deletes what is left.
func (b *backend) cleanUp(ctx context.Context) {
	var panicked error // is logged
	defer b.Recover(&panicked)
	b.shared.Close()
	b.tidy.Close()
	b.staticRoles.Close()
	defer b.Flush()
	if b.Storage == nil {
		return // it never was a mount
	}
	patience := time.NewTimer(cancelTime)
	defer patience.Stop()
	select {
	case <-b.requests.end():
	case <-patience.C:
		b.Log.Error("the mount ends while requests are under way; what they have made in AWS may stay there")
	case <-ctx.Done():
	}
	ctx, cancel := context.WithTimeout(ctx, endTime)
	defer cancel()
	disabled := b.Vault.Tainted()
	if disabled { // the denials are each cluster's own
		b.tellLeft(ctx) // first: to delete users may take all the time that there is
	}
	if !b.Writable() {
		return
	}
	if !disabled { // a reload, a seal, or the hand-over to the built-in engine
		if err := b.users.Mirror(ctx, b.Storage); err != nil {
			b.Log.Warn("writing down for the built-in engine what is to end", "error", err)
		}
		return
	}
	if err := b.users.EndAll(ctx); err != nil {
		b.Log.Error("the mount is disabled, and IAM users are left in AWS", "error", err)
	}
}

// tellLeft tells which policies a mount leaves in AWS that is being disabled.
func (b *backend) tellLeft(ctx context.Context) {
	if left, err := b.sessions.Left(ctx, b.Storage); err != nil || len(left) > 0 {
		b.Log.Warn("the mount is disabled, and policies that deny its revoked sessions are left in AWS, since to remove them would give the sessions back; "+
			"delete each when its time has come", "policies", left, "error", err)
	}
}
