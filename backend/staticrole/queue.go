// SPDX-License-Identifier: MPL-2.0

package staticrole

// What is due stands in storage; the queue only remembers when it is worth looking, so
// that a tick need not read every role. The first tick of a process fills it.

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/engine"
	"vault-plugin-secrets-aws-dyn/internal/awscreds"
)

// A rotation that failed is tried again after firstRetry, then twice that, and so on
// up to lastRetry.
const (
	firstRetry = 30 * time.Second
	lastRetry  = 15 * time.Minute
)

// longestWait is how long a rotation that waits is left alone.
const longestWait = time.Hour

// queue knows when each static role is to be looked at. The lock guards the map and is
// never held while anything else happens.
type queue struct {
	mu     sync.Mutex
	filled bool
	looks  map[string]look
	soon   func(time.Time) // hears of each look to come
}

// look is when a role is to be looked at next, and what went wrong at the last look.
type look struct {
	at       time.Time
	failures int
	failure  string
	mended   time.Time // the decision about gaps after which the key was looked for in AWS
}

// set says when to look next at a role, which is well now if cured.
func (q *queue) set(role string, at time.Time, cured bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	l := q.looks[role]
	if cured {
		l = look{mended: l.mended}
	}
	l.at = at
	q.put(role, l)
}

func (q *queue) put(role string, l look) {
	if q.looks == nil {
		q.looks = map[string]look{}
	}
	q.looks[role] = l
	if q.soon != nil {
		q.soon(l.at)
	}
}

// next is when the first of all looks is; zero where there is none.
func (q *queue) next() (first time.Time) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, l := range q.looks {
		if first.IsZero() || l.at.Before(first) {
			first = l.at
		}
	}
	return first
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
	q.put(role, look{at: now.Add(wait), failures: l.failures + 1, failure: awscreds.Explain(err), mended: l.mended})
	return news
}

// wait notes why a rotation waits, which is no failure, and returns whether it is news. What
// it waits for may come to pass before its time.
func (q *queue) wait(role string, why *engine.WaitError, now time.Time) (news bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	l := q.looks[role]
	news = l.failure != why.Text
	at := now.Add(longestWait)
	if !why.Until.IsZero() && why.Until.Before(at) {
		at = why.Until
	}
	q.put(role, look{at: at, failure: why.Text, mended: l.mended})
	return news
}

// mend notes that the key of a role was looked for in AWS after a decision about gaps.
func (q *queue) mend(role string, decided time.Time) {
	q.mu.Lock()
	defer q.mu.Unlock()
	l := q.looks[role]
	l.mended = decided
	q.put(role, l)
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

// failing are the roles whose last look failed or waits, and why, in the order of their names; all is
// how many roles there are.
func (q *queue) failing() (all int, names, words []string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, name := range slices.Sorted(maps.Keys(q.looks)) {
		if l := q.looks[name]; l.failure != "" {
			names, words = append(names, name), append(words, l.failure)
		}
	}
	return len(q.looks), names, words
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
