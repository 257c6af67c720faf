// SPDX-License-Identifier: MPL-2.0

package e2e

import (
	"context"
	"sync"
	"time"

	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

// This file numbers the boundaries between the steps of an operation, and stops it at one of them. A boundary is
// the moment before or after a write to storage, or a call's work in AWS; and the one before the answer. Calls that run
// at once are numbered as they come, so a boundary of the same number is not always the same one: whatever it is,
// the process dies when so many have been passed and no more.

// fate is what becomes of what stands at a boundary once it is opened.
type fate int

const (
	goesOn fate = iota // the step is taken
	lost               // the process is dead, and a call that stands before its work never reached AWS
	late               // the process is dead, and AWS does the work all the same
)

// sequence is the boundaries of one mount.
type sequence struct {
	mu     sync.Mutex
	armed  bool
	stop   int      // number of the boundary at which all stops; 0: none
	others bool     // what comes to a boundary after that one goes on
	passed []string // the boundaries that were reached while it was armed
	at     string   // the one at which it stopped
	since  time.Time
	held   time.Duration // from when it was armed until it was released

	reached chan struct{} // closed when it has stopped
	open    chan struct{} // closed when it goes on
	fate    fate          // of what stood at a boundary then
}

func newSequence(stop int) *sequence {
	return &sequence{stop: stop, reached: make(chan struct{}), open: make(chan struct{})}
}

// arm has the boundaries counted from now on.
func (s *sequence) arm() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.armed, s.since = true, time.Now()
}

// step is taken at every boundary. It returns when the sequence may go on, or the process that waits is gone.
func (s *sequence) step(ctx context.Context, what string) fate {
	s.mu.Lock()
	if !s.armed {
		s.mu.Unlock()
		return goesOn
	}
	s.passed = append(s.passed, what)
	number := len(s.passed)
	if number == s.stop {
		s.at = what
		close(s.reached)
	}
	s.mu.Unlock()
	if s.stop == 0 || number < s.stop || number > s.stop && s.others {
		return goesOn
	}
	select {
	case <-s.open:
	case <-ctx.Done():
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.fate
}

// release opens all boundaries, for good. It may be called again.
func (s *sequence) release(f fate) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if closed(s.open) {
		return
	}
	s.armed, s.fate, s.held = false, f, time.Since(s.since)
	close(s.open)
}

// closed says whether a channel is.
func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// boundaries are those that were reached so far.
func (s *sequence) boundaries() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string{}, s.passed...)
}

// count is how often a boundary was reached so far.
func (s *sequence) count(what string) (times int) {
	for _, one := range s.boundaries() {
		if one == what {
			times++
		}
	}
	return times
}

// where is the boundary at which it stopped.
func (s *sequence) where() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.at
}

// heldFor is how long it was not released after it was armed.
func (s *sequence) heldFor() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.held
}

// awsStep is the sequence as an account sees it. A call waits for its leave even if its client is gone: AWS may do it
// all the same.
func (s *sequence) awsStep(c fakeaws.Call, done bool) bool {
	moment := "before"
	if done {
		moment = "after"
	}
	return s.step(context.Background(), moment+" "+c.Action) != lost
}
