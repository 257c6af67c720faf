// SPDX-License-Identifier: MPL-2.0

package stepping

import (
	"context"
	"sync"
	"time"

	"vault-plugin-secrets-aws-dyn/internal/e2e/server"
	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

// This file numbers the boundaries between the steps of an operation, and stops it at one of them. A boundary is
// the moment before or after a write to storage, or a call's work in AWS; and the one before the answer. Calls that run
// at once are numbered as they come, so a boundary of the same number is not always the same one: whatever it is,
// the process dies when so many have been passed and no more.

// Fate is what becomes of what stands at a boundary once it is opened.
type Fate int

// The step of a boundary is taken, or not, and what AWS does then.
const (
	GoesOn Fate = iota // the step is taken
	Lost               // the process is dead, and a call that stands before its work never reached AWS
	Late               // the process is dead, and AWS does the work all the same
)

// Sequence is the boundaries of one mount.
type Sequence struct {
	mu     sync.Mutex
	armed  bool
	stop   int      // number of the boundary at which all stops; 0: none
	Others bool     // what comes to a boundary after that one goes on
	passed []string // the boundaries that were reached while it was armed
	at     string   // the one at which it stopped
	since  time.Time
	held   time.Duration // from when it was armed until it was released

	Reached chan struct{} // closed when it has stopped
	Open    chan struct{} // closed when it goes on
	fate    Fate          // of what stood at a boundary then
}

// NewSequence returns one that stops at a boundary; 0 is none.
func NewSequence(stop int) *Sequence {
	return &Sequence{stop: stop, Reached: make(chan struct{}), Open: make(chan struct{})}
}

// Arm has the boundaries counted from now on.
func (s *Sequence) Arm() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.armed, s.since = true, time.Now()
}

// step is taken at every boundary. It returns when the sequence may go on, or the process that waits is gone.
func (s *Sequence) step(ctx context.Context, what string) Fate {
	s.mu.Lock()
	if !s.armed {
		s.mu.Unlock()
		return GoesOn
	}
	s.passed = append(s.passed, what)
	number := len(s.passed)
	if number == s.stop {
		s.at = what
		close(s.Reached)
	}
	s.mu.Unlock()
	if s.stop == 0 || number < s.stop || number > s.stop && s.Others {
		return GoesOn
	}
	select {
	case <-s.Open:
	case <-ctx.Done():
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.fate
}

// Release opens all boundaries, for good. It may be called again.
func (s *Sequence) Release(f Fate) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if server.Closed(s.Open) {
		return
	}
	s.armed, s.fate, s.held = false, f, time.Since(s.since)
	close(s.Open)
}

// Boundaries are those that were reached so far.
func (s *Sequence) Boundaries() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string{}, s.passed...)
}

// Count is how often a boundary was reached so far.
func (s *Sequence) Count(what string) (times int) {
	for _, one := range s.Boundaries() {
		if one == what {
			times++
		}
	}
	return times
}

// Where is the boundary at which it stopped.
func (s *Sequence) Where() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.at
}

// HeldFor is how long it was not released after it was armed.
func (s *Sequence) HeldFor() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.held
}

// AWSStep is the sequence as an account sees it. A call waits for its leave even if its client is gone: AWS may do it
// all the same.
func (s *Sequence) AWSStep(c fakeaws.Call, done bool) bool {
	moment := "before"
	if done {
		moment = "after"
	}
	return s.step(context.Background(), moment+" "+c.Action) != Lost
}
