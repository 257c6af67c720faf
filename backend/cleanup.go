// SPDX-License-Identifier: MPL-2.0

package backend

// What a mount does when Vault lets go of it: at "secrets disable", at a reload, when
// the server is sealed or steps down. After a disable there is no storage any more, and
// nothing that is left in AWS then is ever looked for.

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"vault-plugin-secrets-aws-dyn/backend/engine"
)

// All mounts of the process stand still while Vault lets go of one. To clean up after a
// request takes two round trips to AWS.
const (
	leaveTime = 10 * time.Second // for requests under way to give up and clean up
	clearTime = 20 * time.Second // for users that a disable would leave behind
)

// stay is the requests under way, as long as Vault keeps the mount.
type stay struct {
	mu      sync.Mutex
	left    bool
	next    int
	cancels map[int]context.CancelFunc
	idle    chan struct{} // closed once all are done, when left
}

// begin counts a request in. Its context ends when the mount does.
func (s *stay) begin(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancel(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.left {
		cancel()
		return ctx, func() {}
	}
	if s.cancels == nil {
		s.cancels = map[int]context.CancelFunc{}
	}
	id := s.next
	s.next++
	s.cancels[id] = cancel
	return ctx, func() {
		cancel()
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.cancels, id)
		if s.left && len(s.cancels) == 0 {
			close(s.idle)
		}
	}
}

// end gives up what is under way, and returns what tells that all is done.
func (s *stay) end() (idle <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.left {
		return s.idle
	}
	s.left, s.idle = true, make(chan struct{})
	for _, cancel := range s.cancels {
		cancel()
	}
	if len(s.cancels) == 0 {
		close(s.idle)
	}
	return s.idle
}

// leave has the requests under way give up and waits until they have cleaned up. Where
// the mount is being disabled, it deletes what is left.
func (b *backend) leave(ctx context.Context) {
	b.tidy.Close()
	if b.Storage == nil {
		return // it never was a mount
	}
	patience := time.NewTimer(leaveTime)
	defer patience.Stop()
	select {
	case <-b.stay.end():
	case <-patience.C:
		b.Log.Error("the mount ends while requests are under way; what they have made in AWS may stay there")
	case <-ctx.Done():
	}
	if !b.Writable() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, clearTime)
	defer cancel()
	if !b.Vault.Tainted() { // a reload, a seal, or the hand-over to the built-in engine
		if err := b.mirrorAll(ctx); err != nil {
			b.Log.Warn("writing down for the built-in engine what is to end", "error", err)
		}
		return
	}
	if err := b.clear(ctx); err != nil {
		b.Log.Error("the mount is gone, and leaves IAM users in AWS", "error", err)
	}
}

// mirrorAll is mirror for a process that may not have read the records yet: it reads them
// when they are first needed, which is at its first tick as a rule.
func (b *backend) mirrorAll(ctx context.Context) error {
	if err := b.known(ctx, b.Storage); err != nil {
		return fmt.Errorf("reading the records: %w", err)
	}
	return b.mirror(ctx, b.Storage)
}

// clear deletes every user that is written down. Vault has revoked all leases that it knew
// when the disable began: those left are of requests that were answered since.
func (b *backend) clear(ctx context.Context) error {
	rolledBack := b.rollBack(ctx, b.Storage, true)
	if err := b.known(ctx, b.Storage); err != nil {
		return errors.Join(rolledBack, err)
	}
	users := slices.Collect(maps.Keys(b.index.holders("")))
	return errors.Join(rolledBack, engine.Each(ctx, b.Mount, sweepsAtOnce, users, nil, b.clearUser))
}

func (b *backend) clearUser(ctx context.Context, user string) error {
	r, err := loadRecord(ctx, b.Storage, user)
	if err != nil || r == nil {
		return err
	}
	r.Ending = b.Now() // however long its lease would have lived
	v, err := b.end(ctx, b.Storage, user, r)
	switch {
	case err != nil:
		return fmt.Errorf("deleting IAM user %s of the disabled mount: %w", user, err)
	case v.ending == endNotOurs, v.ending == endOtherAccount:
		return v.why
	}
	return b.dropRecord(ctx, b.Storage, user, r)
}
