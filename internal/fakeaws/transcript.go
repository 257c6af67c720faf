// SPDX-License-Identifier: MPL-2.0

package fakeaws

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"sync"
	"time"
)

// This file remembers every call with its start and end, so that a test can assert order and overlap instead
// of measuring time.

// Call is one request to IAM, STS or the sign-in to the console. Instance-metadata requests are not calls.
type Call struct {
	Service     string     // iam, sts or signin
	Action      string     // as on the wire: CreateUser
	Account     string     // the number of the account that it is about: of the key that signed it, or of the role to assume
	User        string     // whom it is about, "" if nobody: UserName, or the caller where AWS takes that for granted
	Params      url.Values // as sent, passwords and tokens blanked
	AccessKeyID string     // the key that signed it, whether or not the key was any good
	Start       time.Time  // the request was fully read
	End         time.Time  // the answer was about to be written, or the connection to be cut: never later than what the client saw
	Status      int        // 0 if the connection was cut
	Code        string     // AWS's error code, "" if it went well
	Fault       string     // the faults that it met, by name: "hang, refuse"
}

// transcript holds the calls that have ended and counts those that have not.
type transcript struct {
	mu      sync.Mutex
	ended   []Call
	calls   int             // read, and not yet ended
	serving int             // requests of any sort inside serve
	closed  bool            // no request gets in any more
	idle    []chan struct{} // closed when serving is 0
}

func newTranscript() *transcript { return &transcript{} }

// enter counts a request in, unless the server is closing.
func (t *transcript) enter() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return false
	}
	t.serving++
	return true
}

// leave counts a request out.
func (t *transcript) leave() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.serving--
	if t.serving > 0 {
		return
	}
	for _, idle := range t.idle {
		close(idle)
	}
	t.idle = nil
}

// close lets no further request in.
func (t *transcript) close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closed = true
}

// wait returns once no request is being served.
func (t *transcript) wait(ctx context.Context) error {
	idle := make(chan struct{})
	t.mu.Lock()
	serving := t.serving
	if serving == 0 {
		close(idle)
	} else {
		t.idle = append(t.idle, idle)
	}
	t.mu.Unlock()
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("waiting for %d requests under way: %w", serving, ctx.Err())
	}
}

func (t *transcript) begin() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.calls++
}

func (t *transcript) end(c Call) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.calls--
	t.ended = append(t.ended, c)
}

// Calls returns the calls that have ended, in order of Start. A call whose answer the client has is among them.
func (s *Server) Calls() []Call {
	s.calls.mu.Lock()
	calls := slices.Clone(s.calls.ended)
	s.calls.mu.Unlock()
	slices.SortStableFunc(calls, func(a, b Call) int { return a.Start.Compare(b.Start) })
	return calls
}

// ResetCalls forgets the calls that have ended.
func (s *Server) ResetCalls() {
	s.calls.mu.Lock()
	defer s.calls.mu.Unlock()
	s.calls.ended = nil
}

// Actions returns the actions of [Server.Calls].
func (s *Server) Actions() []string {
	calls := s.Calls()
	actions := make([]string, len(calls))
	for i, c := range calls {
		actions[i] = c.Action
	}
	return actions
}

// InFlight counts the calls that were read and have not ended, those that hang included.
func (s *Server) InFlight() int {
	s.calls.mu.Lock()
	defer s.calls.mu.Unlock()
	return s.calls.calls
}

// Waves groups calls: one that starts after all of the current wave have ended begins a new wave. Calls
// without latency can end before their sisters start, so set a latency, or use [Server.Barrier].
func Waves(calls []Call) [][]Call {
	calls = slices.Clone(calls)
	slices.SortStableFunc(calls, func(a, b Call) int { return a.Start.Compare(b.Start) })
	var waves [][]Call
	var last time.Time // the latest end in the current wave
	for _, c := range calls {
		if len(waves) == 0 || !c.Start.Before(last) {
			waves = append(waves, nil)
		}
		waves[len(waves)-1] = append(waves[len(waves)-1], c)
		if c.End.After(last) {
			last = c.End
		}
	}
	return waves
}
