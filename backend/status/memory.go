// SPDX-License-Identifier: MPL-2.0

// Package status says what is wrong with a mount, and what to do about it. It makes no calls; it
// remembers what it is told.
//
//   - memory.go: the room's type, and what memory keeps, within bounds
//   - calls.go: what memory keeps of calls to AWS
//   - facts.go: what an answer is made from
//   - problems.go: turns that into sentences, the worst first
//   - remedies.go: the sentences about calls that fail
//   - answer.go: the answer of status
//   - checks.go: the answer of a check, which does ask AWS; look.go: its single questions
package status

import (
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"vault-plugin-secrets-aws-dyn/internal/awscreds"
)

// How much memory keeps. An outage makes thousands of failures, of a few kinds.
const (
	mostCalls = 256
	mostEnds  = 200
	mostWords = 600 // bytes of one text
)

// Memory is what a process remembers of a mount's work. The lock guards the fields and is never held
// while anything else happens.
type Memory struct {
	now func() time.Time

	mu       sync.Mutex
	calls    map[callKey]*call
	answered map[client]time.Time // the last success
	ahead    time.Duration        // AWS's clock, at the last answer
	aheadAt  time.Time
	ends     map[string]failure // users that did not end, with the last reason
	chores   map[string]failure // whose last run failed
}

// New returns the memory of a mount with a clock.
func New(now func() time.Time) *Memory {
	return &Memory{now: now, calls: map[callKey]*call{}, answered: map[client]time.Time{}, ends: map[string]failure{}, chores: map[string]failure{}}
}

// failure is what went wrong with something, at last.
type failure struct {
	at      time.Time
	reason  awscreds.Reason
	fromAWS bool
	words   string
}

func (m *Memory) failureOf(err error) failure {
	return failure{at: m.now(), reason: awscreds.ReasonOf(err), fromAWS: awscreds.IsFromAWS(err), words: abridged(awscreds.Explain(err))}
}

// Ended notes that somebody tried to end an IAM user, and why it did not end; nil says that it did.
func (m *Memory) Ended(user string, why error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if why == nil {
		delete(m.ends, user)
		return
	}
	if _, known := m.ends[user]; known || len(m.ends) < mostEnds {
		m.ends[user] = m.failureOf(why)
	}
}

// Chore notes that one of the things that are done once a minute was done, and why not; it returns that.
func (m *Memory) Chore(name string, why error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.chores, name)
	if why != nil {
		m.chores[name] = m.failureOf(why)
	}
	return why
}

// Forget drops failures of calls that were for something, which somebody has changed: an empty text is
// all of them.
func (m *Memory) Forget(about string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	maps.DeleteFunc(m.calls, func(key callKey, c *call) bool { return (about == "" || key.about == about) && !c.failed.IsZero() })
}

// Renewed drops what AWS has refused, since a moment, to the sessions with which a client worked until now.
func (m *Memory) Renewed(role string, since time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	maps.DeleteFunc(m.calls, func(key callKey, c *call) bool {
		return key.role == role && c.reason == awscreds.ReasonDenied && c.failed.After(since.Add(-time.Second))
	})
}

// snapshot is a copy of what is remembered.
type snapshot struct {
	calls   []call // in the order of their last failures, the latest first
	ends    map[string]failure
	chores  map[string]failure
	ahead   time.Duration
	aheadAt time.Time
	success time.Time // of any call
}

func (m *Memory) snapshot() snapshot {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := snapshot{ends: maps.Clone(m.ends), chores: maps.Clone(m.chores), ahead: m.ahead, aheadAt: m.aheadAt}
	for _, c := range m.calls {
		own := *c
		own.answered, own.answeredAny = m.answered[c.client], m.lastSuccess(c.role)
		for _, other := range m.calls {
			if other.client == c.client && other.action == c.action {
				own.done = later(own.done, other.succeeded)
			}
		}
		s.calls = append(s.calls, own)
	}
	for _, at := range m.answered {
		s.success = later(s.success, at)
	}
	slices.SortFunc(s.calls, func(a, c call) int {
		if order := c.failed.Compare(a.failed); order != 0 {
			return order
		}
		return strings.Compare(a.name(), c.name())
	})
	return s
}

// abridged cuts a text that AWS or somebody else has written.
func abridged(text string) string {
	if len(text) <= mostWords {
		return text
	}
	return strings.ToValidUTF8(text[:mostWords], "") + "…"
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
