// SPDX-License-Identifier: MPL-2.0

package sessions

// Changes of one role's policy are gathered: those that come while a write is under way go into the next one together. A
// prefix of a hundred leases costs a few writes so.

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/engine"
)

// writeTime bounds a write, with the wait for the one before it.
const writeTime = 40 * time.Second

// queue is the changes that wait, by the key of their role's record. The mutex guards the map and is never held while
// anything else happens.
type queue struct {
	mu    sync.Mutex
	waits map[string]*batch
}

// batch is changes that are written together.
type batch struct {
	changes []*change
	done    chan struct{} // closed when it is known what came of each
}

// join adds a change to the next batch of a role; first says that the caller has to see to the batch.
func (q *queue) join(key string, c *change) (b *batch, first bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	b = q.waits[key]
	if b == nil {
		if q.waits == nil {
			q.waits = map[string]*batch{}
		}
		b, first = &batch{done: make(chan struct{})}, true
		q.waits[key] = b
	}
	b.changes = append(b.changes, c)
	return b, first
}

// take closes the batch that waits: what comes now goes into the next one.
func (q *queue) take(key string) []*change {
	q.mu.Lock()
	defer q.mu.Unlock()
	b := q.waits[key]
	delete(q.waits, key)
	return b.changes
}

// gather has a change written with others, and waits for what comes of it.
func (s *Sessions) gather(ctx context.Context, st logical.Storage, role Role, c *change) error {
	b, first := s.queue.join(role.key(), c)
	if first { // for all, whoever goes away meanwhile
		work, end := s.Begin(context.WithoutCancel(ctx))
		go func() {
			defer end()
			defer close(b.done)
			s.writeNext(work, st, role)
		}()
	}
	select {
	case <-b.done:
		return c.explain()
	case <-ctx.Done():
		return fmt.Errorf("waiting until the policy of AWS role %s is written, which goes on: %w", role.Name, ctx.Err())
	}
}

// writeNext writes the batch of a role when its turn has come.
func (s *Sessions) writeNext(ctx context.Context, st logical.Storage, role Role) {
	ctx, cancel := context.WithTimeout(ctx, writeTime)
	defer cancel()
	ctx, unlock, err := s.Locks.Lock(ctx, engine.LockDeniedRole(role.key()))
	changes := s.queue.take(role.key())
	if err == nil {
		err = func() (err error) {
			defer unlock()
			defer s.Recover(&err)
			return s.write(ctx, st, role, changes)
		}()
	}
	done := 0
	for _, c := range changes {
		if c.err == nil {
			c.err = err
		}
		if c.err == nil {
			done++
		}
	}
	s.states.written(role, s.Now(), changes)
	s.Log.Debug("wrote the policy that denies sessions of an AWS role", "aws_role", role.Name, "account", role.Account.String(), "denied", done, "of", len(changes))
}

// Waiting is how many changes wait for the write before theirs. Only tests ask.
func (s *Sessions) Waiting() (n int) {
	s.queue.mu.Lock()
	defer s.queue.mu.Unlock()
	for _, b := range s.queue.waits {
		n += len(b.changes)
	}
	return n
}
