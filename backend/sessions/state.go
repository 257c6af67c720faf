// SPDX-License-Identifier: MPL-2.0

package sessions

// What memory keeps of the policies that deny sessions, for who asks how the mount is.

import (
	"cmp"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/vault/sdk/logical"
)

// State is how the policy of an AWS role is that denies sessions.
type State struct {
	Role, Account string
	Denied        int       // sessions that it denies
	Room          int       // about how many more it can deny; none where AWS said so
	First         time.Time // when there will be more room

	// Failed is why a revocation failed at last, and Until is when its session ends by itself.
	Failed        error
	Since, Until  time.Time
	Untended      error // why the last tick could not make the policy what it should be
	UntendedSince time.Time
}

// room is about how many more sessions fit into a role without other policies: as many of the names that there are.
func (d denials) room() int {
	each := len(`"AROA0123456789ABCDEFG:vault-0123456789-abcdefghijklmnopqrst",`)
	if n := len(d.Sessions); n > 0 {
		each = 0
		for id := range d.Sessions {
			each += len(id) + len(`"",`)
		}
		each /= n
	}
	if d.Before.IsZero() {
		d.denyBefore(time.Unix(0, 0), time.Unix(1, 0))
	}
	return max(0, mostPolicies-len(d.text())) / each
}

// mostStates is how many roles are remembered.
const mostStates = 200

// states are those of the roles, by the key of their record. The mutex guards the map and is never held while anything else
// happens.
type states struct {
	mu sync.Mutex
	of map[string]State
}

// change changes what is remembered of a role. Of one about which there is nothing to say, nothing is.
func (s *states) change(r Role, now time.Time, do func(*State)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	state, known := s.of[r.key()]
	if !known && len(s.of) >= mostStates {
		maps.DeleteFunc(s.of, func(_ string, old State) bool {
			return old.Denied == 0 && old.Untended == nil && !now.Before(old.Until) // its sessions have ended
		})
	}
	if !known && len(s.of) >= mostStates {
		return
	}
	state.Role, state.Account = r.Name, r.Account.String()
	if do(&state); state.Failed != nil && !now.Before(state.Until) {
		state.Failed = nil
	}
	if state.Denied == 0 && state.Failed == nil && state.Untended == nil {
		delete(s.of, r.key())
		return
	}
	if s.of == nil {
		s.of = map[string]State{}
	}
	s.of[r.key()] = state
}

// counted notes what a policy denies.
func (s *states) counted(r Role, now time.Time, d denials) {
	s.change(r, now, func(state *State) {
		state.Denied, state.Room, state.First = len(d.Sessions), d.room(), d.first().Add(margin)
	})
}

// written notes what came of changes. One that went well shows that there is room, and that AWS allows it.
func (s *states) written(r Role, now time.Time, changes []*change) {
	for _, c := range changes {
		if errors.Is(c.err, logical.ErrReadOnly) {
			continue
		}
		s.change(r, now, func(state *State) {
			if c.err == nil {
				state.Failed = nil
				return
			}
			if state.Failed == nil {
				state.Since = now
			}
			state.Failed, state.Until = c.err, later(state.Until, c.until)
		})
	}
}

// tended notes what came of a tick's look at a role; nil is that all is well.
func (s *states) tended(r Role, now time.Time, err error) {
	s.change(r, now, func(state *State) {
		if state.Untended == nil {
			state.UntendedSince = now
		}
		state.Untended = err
	})
}

// States are those of the AWS roles whose sessions this server denies or failed to deny, the most urgent first.
func (s *Sessions) States() (list []State) {
	s.states.mu.Lock()
	defer s.states.mu.Unlock()
	for _, state := range s.states.of {
		if !s.Now().Before(state.Until) {
			state.Failed = nil
		}
		list = append(list, state)
	}
	slices.SortFunc(list, func(a, b State) int {
		return cmp.Or(a.Room-b.Room, cmp.Compare(a.Account, b.Account), cmp.Compare(a.Role, b.Role))
	})
	return list
}
