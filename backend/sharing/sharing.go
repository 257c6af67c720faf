// SPDX-License-Identifier: MPL-2.0

// Package sharing keeps credentials in memory, to return them again when the same caller repeats
// a request within a time. It knows nothing of AWS, and nothing of what it keeps.
//
//   - sharing.go: the store, and Get, its only function for requests. Begin there
//   - ask.go: who asks, and for what
//   - making.go: a credential that is being made, for which others wait
//   - kept.go: the credentials that are kept: how many, for how long, and what removes them
package sharing

import (
	"context"
	"crypto/rand"
	"fmt"
	"sync"
	"time"
)

// MostHandouts is how often a credential is given at a time. Then there is a new one.
const MostHandouts = 256

// mostFailures is how many others may fail whom a request waits for. Then it makes its own.
const mostFailures = 2

// Store keeps credentials C, of which requests get answers A. The mutex guards the fields and is
// never held while anything else happens.
type Store[C, A any] struct {
	now func() time.Time

	mu     sync.Mutex
	kept   map[Key]*kept[C]
	making map[Key]*making
	closed bool
	quiet  time.Time // until when nothing that expires by itself is kept
}

// New makes a store that goes by a clock.
func New[C, A any](now func() time.Time) *Store[C, A] {
	return &Store[C, A]{now: now, kept: map[Key]*kept[C]{}, making: map[Key]*making{}}
}

// Credential is one that may be given again.
type Credential[C any] struct {
	Value C
	User  string        // the IAM user that it is of, which may end
	Made  time.Time     // at the earliest
	For   time.Duration // how long after that it is given again
}

// Get answers what a key stands for, asked of a role. Where a credential is kept, hand gives it
// once more; it returns false where that is not possible any more. Else issue makes one, and who
// asks the same meanwhile waits for it, as long as its own context lets it. Both are told the ID
// of the handout. Who has waited for a failure tries for itself.
func (s *Store[C, A]) Get(ctx context.Context, key Key, role string, hand func(c C, id string) (A, bool, error), issue func(id string) (A, *Credential[C], error)) (answer A, err error) {
	for failures := 0; failures < mostFailures && ctx.Err() == nil; {
		id := rand.Text()[:12]
		k, m, mine := s.look(key, role, id)
		switch {
		case k != nil:
			given, ok, err := hand(k.Value, id)
			if ok && err == nil {
				return given, nil
			}
			s.takeBack(key, k, id, err == nil)
			if err != nil {
				return answer, err
			}
		case mine:
			return s.make(key, m, id, issue)
		default:
			select {
			case <-m.done:
				if !m.made {
					failures++
				}
			case <-ctx.Done():
			}
		}
	}
	if err := ctx.Err(); err != nil {
		return answer, fmt.Errorf("waiting for another request, which makes the credential that this one would share: %w", err)
	}
	answer, _, err = issue(rand.Text()[:12])
	return answer, err
}

// look finds what is kept under a key, and counts a handout of it; else what is being made;
// else mine says that the caller has to make it.
func (s *Store[C, A]) look(key Key, role, id string) (k *kept[C], m *making, mine bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if k := s.kept[key]; k != nil {
		if !k.over(s.now()) && len(k.ids) < MostHandouts {
			k.ids[id] = true
			return k, nil, false
		}
		delete(s.kept, key)
	}
	m = s.making[key]
	if m == nil {
		m, mine = &making{role: role, done: make(chan struct{})}, true
		s.making[key] = m
	}
	return nil, m, mine
}
