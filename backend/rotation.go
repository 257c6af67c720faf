// SPDX-License-Identifier: MPL-2.0

package backend

// Static roles are rotated when they are due. What is due stands in storage; the queue
// only remembers when it is worth looking, so that a tick need not read every role.
// The first tick of a process fills it.

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/vault/sdk/logical"
	"golang.org/x/sync/errgroup"

	"vault-plugin-secrets-aws-dyn/backend/engine"
)

const (
	// rotationsAtOnce is how many keys a tick rotates at the same time.
	rotationsAtOnce = 8

	// rotationsStart is how long a tick goes on beginning rotations. Vault gives a tick
	// 90 seconds; what is begun shall end within them.
	rotationsStart = 45 * time.Second

	// A rotation that failed is tried again after firstRetry, then twice that, and so on
	// up to lastRetry.
	firstRetry = 30 * time.Second
	lastRetry  = 15 * time.Minute
)

// queue knows when each static role is to be looked at. The lock guards the map and is
// never held while anything else happens.
type queue struct {
	mu     sync.Mutex
	filled bool
	looks  map[string]look
}

// look is when a role is to be looked at next, and what went wrong at the last look.
type look struct {
	at       time.Time
	failures int
	failure  string
}

// set says when to look next at a role, which is well now if cured.
func (q *queue) set(role string, at time.Time, cured bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	l := q.looks[role]
	if cured {
		l = look{}
	}
	l.at = at
	q.put(role, l)
}

func (q *queue) put(role string, l look) {
	if q.looks == nil {
		q.looks = map[string]look{}
	}
	q.looks[role] = l
}

// fail notes a failure and returns whether it is news.
func (q *queue) fail(role string, err error, now time.Time) (news bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	l := q.looks[role]
	news = l.failures == 0
	wait := lastRetry
	if l.failures < 5 {
		wait = firstRetry << l.failures
	}
	q.put(role, look{at: now.Add(wait), failures: l.failures + 1, failure: err.Error()})
	return news
}

func (q *queue) drop(role string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	delete(q.looks, role)
}

// forget makes the next tick read storage again.
func (q *queue) forget() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.filled = false
}

func (q *queue) get(role string) look {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.looks[role]
}

// due lists the roles that are to be looked at now, those that wait longest first.
func (q *queue) due(now time.Time) []string {
	q.mu.Lock()
	defer q.mu.Unlock()
	names := slices.DeleteFunc(slices.Collect(maps.Keys(q.looks)), func(role string) bool { return q.looks[role].at.After(now) })
	slices.SortFunc(names, func(a, c string) int { return q.looks[a].at.Compare(q.looks[c].at) })
	return names
}

// fill has every role of storage looked at, once in the life of a process.
func (q *queue) fill(ctx context.Context, s logical.Storage) error {
	q.mu.Lock()
	filled := q.filled
	q.filled = true // first: who says "forget" meanwhile shall be heard
	q.mu.Unlock()
	if filled {
		return nil
	}
	names, err := s.List(ctx, engine.PrefixStaticRole)
	if err != nil {
		q.forget()
		return fmt.Errorf("listing the static roles to rotate: %w", err)
	}
	for _, name := range names {
		q.set(name, time.Time{}, false)
	}
	return nil
}

// rotateStatic rotates what is due. What fails is told in the role and once in the
// log; the tick itself fails only if it cannot know the roles.
func (b *backend) rotateStatic(ctx context.Context, s logical.Storage) error {
	if !b.Writable() {
		return nil // another server's, or another cluster's, task
	}
	if err := b.queue.fill(ctx, s); err != nil {
		return err
	}
	began := b.Now()
	var group errgroup.Group
	group.SetLimit(rotationsAtOnce)
	for _, name := range b.queue.due(b.Now()) {
		group.Go(func() (none error) {
			if ctx.Err() == nil && b.Now().Sub(began) < rotationsStart {
				b.lookAt(ctx, s, name)
			}
			return none
		})
	}
	return group.Wait()
}

// lookAt rotates a static role if it is due.
func (b *backend) lookAt(ctx context.Context, s logical.Storage, name string) {
	ctx, unlock, ok := b.Locks.TryLock(ctx, engine.LockStaticRole(name))
	if !ok {
		return // whoever changes the role sets the time of the next look
	}
	defer unlock()
	err := b.rotateIfDue(ctx, s, name)
	if err == nil {
		return
	}
	if b.queue.fail(name, err, b.Now()) {
		b.Log.Error("rotating a static role; the role tells when it is tried again", "static_role", name, "error", err)
	}
}

func (b *backend) rotateIfDue(ctx context.Context, s logical.Storage, name string) (err error) {
	defer b.Recover(&err)
	r, c, err := loadStatic(ctx, s, name)
	if err != nil {
		return err
	}
	if r == nil {
		b.queue.drop(name)
		return nil
	}
	now := b.Now()
	if c == nil || c.Ending || !now.Before(c.due(r, now)) {
		_, err = b.rotate(ctx, s, r, c)
		return err
	}
	if ends := c.previousEnds(r); !ends.IsZero() && !now.Before(ends) {
		if err := b.endPrevious(ctx, s, r, c); err != nil {
			return err
		}
	}
	b.queue.set(name, c.look(r, now), false)
	return nil
}

// look is when a role is to be looked at next.
func (c *staticCreds) look(r *staticRole, now time.Time) time.Time {
	due := c.due(r, now)
	if ends := c.previousEnds(r); !ends.IsZero() && ends.Before(due) {
		return ends
	}
	return due
}

// rotate gives a static role a new key, now. The caller holds the role's turn.
func (b *backend) rotate(ctx context.Context, s logical.Storage, r *staticRole, old *staticCreds) (*staticCreds, error) {
	c, err := b.makeKey(ctx, s, keyChange{role: r, old: old, commit: func(ctx context.Context, c *staticCreds) error {
		return engine.Save(ctx, s, engine.PrefixStaticCreds+r.Name, c)
	}})
	if err != nil {
		b.queue.set(r.Name, b.Now(), false) // the old key may be gone
		return nil, err
	}
	if failures := b.queue.get(r.Name).failures; failures > 0 {
		b.Log.Info("a static role is rotated after all", "static_role", r.Name, "failures", failures)
	}
	b.queue.set(r.Name, c.look(r, b.Now()), true)
	return c, nil
}

// endPrevious deletes the key before the last rotation.
func (b *backend) endPrevious(ctx context.Context, s logical.Storage, r *staticRole, c *staticCreds) error {
	client, err := b.clientOf(ctx, s, r.account)
	if err != nil {
		return err
	}
	if err := client.DeleteKey(ctx, r.Username, c.PreviousKey); err != nil {
		return err
	}
	c.PreviousKey = ""
	return engine.Save(ctx, s, engine.PrefixStaticCreds+r.Name, c)
}

// loadStatic reads a static role and its key; nil where there is none.
func loadStatic(ctx context.Context, s logical.Storage, name string) (*staticRole, *staticCreds, error) {
	r, err := loadStaticRole(ctx, s, name)
	if err != nil || r == nil {
		return nil, nil, err
	}
	c, err := engine.Load[staticCreds](ctx, s, engine.PrefixStaticCreds+name)
	return r, c, err
}
