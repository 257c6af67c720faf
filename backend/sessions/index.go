// SPDX-License-Identifier: MPL-2.0

package sessions

// What memory keeps of the records of sessions, so that a list reads none of them. It is filled from storage when it is first needed.

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/engine"
)

const (
	// clockSlack is how long after its end a session still counts: AWS's clock and ours differ.
	clockSlack = 2 * time.Minute

	recordsAtOnce = 16
	dropsAtOnce   = 8

	// dropTime is how long a tick goes on dropping records.
	dropTime = 5 * time.Second
)

// index is what is kept in memory, by the ID of the access key. The mutex guards the fields and is never held while anything else
// happens.
type index struct {
	mu       sync.Mutex
	filled   bool
	stale    map[string]bool // IDs whose records another server has changed
	sessions map[string]entry
	changed  map[string]bool // since records are being read; nil while none are
}

type entry struct {
	role, entity string
	ends         time.Time
}

func entryOf(r *Session) entry { return entry{r.Role, r.EntityID, r.over()} }

func (x *index) put(id string, e entry) { x.set(id, &e) }
func (x *index) drop(id string)         { x.set(id, nil) }

// set takes what this process has written of a session; nil is no record.
func (x *index) set(id string, e *entry) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.changed != nil {
		x.changed[id] = true
	}
	x.keep(id, e)
}

// found takes what storage says of a session, unless this process has written it meanwhile.
func (x *index) found(id string, e *entry) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if !x.changed[id] {
		x.keep(id, e)
	}
}

func (x *index) keep(id string, e *entry) {
	if e == nil {
		delete(x.sessions, id)
		return
	}
	if x.sessions == nil {
		x.sessions = map[string]entry{}
	}
	x.sessions[id] = *e
}

// mostStale is how many records are remembered that another server has changed. Where nobody lists, none is read.
const mostStale = 10_000

// changedElsewhere makes the next use read a record again.
func (x *index) changedElsewhere(id string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if reading := x.changed != nil; len(x.stale) >= mostStale && !reading {
		x.filled, x.stale, x.sessions = false, nil, nil // the next use reads all
	}
	if x.stale == nil {
		x.stale = map[string]bool{}
	}
	x.stale[id] = true
}

// begin says what is to be read: all, or some.
func (x *index) begin() (all bool, stale []string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	stale = slices.Collect(maps.Keys(x.stale))
	x.stale, x.changed = nil, map[string]bool{} // first: who tells of a change meanwhile shall be heard
	return !x.filled, stale
}

// end says that all were read, or not.
func (x *index) end(all bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.filled, x.changed = x.filled || all, nil
}

// pick lists the sessions that fit, in the order of their IDs.
func (x *index) pick(which func(entry) bool) (ids []string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for id, e := range x.sessions {
		if which(e) {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// Holders lists the sessions that live, of one role or all, and of one entity or all.
func (s *Sessions) Holders(ctx context.Context, st logical.Storage, role, entity string) (ids []string, err error) {
	if err := s.fill(ctx, st); err != nil {
		return nil, err
	}
	now := s.Now()
	return s.index.pick(func(e entry) bool {
		return now.Before(e.ends.Add(clockSlack)) && (role == "" || role == e.role) && (entity == "" || entity == e.entity)
	}), nil
}

// fill reads the records that memory does not know. One that cannot be read is listed all the same.
func (s *Sessions) fill(ctx context.Context, st logical.Storage) error {
	ctx, unlock, err := s.Locks.Lock(ctx, engine.LockSessions)
	if err != nil {
		return err
	}
	defer unlock()
	all, ids := s.index.begin()
	if err = s.readRecords(ctx, st, all, ids); err != nil {
		for _, id := range ids { // some of which it may not have come to
			s.index.changedElsewhere(id)
		}
	}
	s.index.end(all && err == nil)
	return err
}

// readRecords reads all records, or some.
func (s *Sessions) readRecords(ctx context.Context, st logical.Storage, all bool, ids []string) (err error) {
	if all {
		if ids, err = st.List(ctx, engine.PrefixSessions); err != nil {
			return err
		}
	}
	return engine.Each(ctx, s.Mount, recordsAtOnce, ids, nil, func(ctx context.Context, id string) error {
		r, err := load(ctx, st, id)
		switch {
		case engine.IsUnreadable(err):
			s.index.found(id, &entry{ends: s.Now().Add(longestSession)})
		case err != nil:
			s.index.changedElsewhere(id)
			return err
		case r == nil:
			s.index.found(id, nil)
		default:
			e := entryOf(r)
			s.index.found(id, &e)
		}
		return nil
	})
}

// dropEnded drops the records of sessions that have ended.
func (s *Sessions) dropEnded(ctx context.Context, st logical.Storage) error {
	if err := s.fill(ctx, st); err != nil {
		return err
	}
	now := s.Now()
	ended := s.index.pick(func(e entry) bool { return !now.Before(e.ends.Add(margin)) })
	return engine.Each(ctx, s.Mount, dropsAtOnce, ended, func() bool { return s.Now().Sub(now) < dropTime }, func(ctx context.Context, id string) error { return s.Forget(ctx, st, id) })
}
