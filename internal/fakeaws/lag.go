// SPDX-License-Identifier: MPL-2.0

package fakeaws

import "time"

// This file says how long AWS takes to hear of what is new, and of what is gone: "Changes that I make are not always
// immediately visible" (IAM User Guide, "Troubleshoot IAM"). AWS names no bound. Reports: a new key is not accepted for up to
// 15 s; a deleted key still signs for 3 to 4 s (OFFENSAI, December 2025); DeleteUser answers DeleteConflict after all was
// removed (hashicorp/terraform-provider-aws#49260). Which part lags behind which is a guess; a client has to live with all.

// delay is how long something takes to arrive: a time, or a number of looks, whichever is longer.
type delay struct {
	time  time.Duration
	looks int // of each action
}

// arrival is when something arrives, or how many looks by each action do not see it yet. None is nil.
type arrival struct {
	at     time.Time
	looks  int
	looked map[string]int // by action
}

// from begins a delay; nil is none.
func (d delay) from(now time.Time) *arrival {
	if d == (delay{}) {
		return nil
	}
	return &arrival{at: now.Add(d.time), looks: d.looks, looked: map[string]int{}}
}

// late reports whether a look comes too early to see what arrives, and counts the look.
func (a *arrival) late(action string, now time.Time) bool {
	switch {
	case a == nil:
		return false
	case now.Before(a.at):
		return true
	case a.looked[action] >= a.looks:
		return false
	}
	a.looked[action]++
	return true
}

// pass makes time go by. Looks belong to the moments after a change.
func (a *arrival) pass(d time.Duration) {
	if a != nil && d > 0 {
		a.at, a.looks = a.at.Add(-d), 0
	}
}

// lag is what takes time.
type lag struct {
	user    time.Duration // until a new user is known
	calls   int           // calls about a new user that do not know it
	key     delay         // until a new key signs
	listing delay         // until a new key is listed
	removal delay         // until what was taken away does not show any more
	oldKey  delay         // until a key that was deleted or made inactive does not sign any more
	use     time.Duration // until GetAccessKeyLastUsed reports a use
}

// SetLag sets for how long a new user, and a new key, are not known: for user after CreateUser, every other call
// about the user answers NoSuchEntity and ListUsers leaves it out, while CreateUser says EntityAlreadyExists; for
// key after CreateAccessKey, calls signed with the key are refused InvalidClientTokenId. It is about what is made
// from now on.
func (s *Server) SetLag(user, key time.Duration) {
	s.withAll(func(a *account) { a.lag.user, a.lag.key.time = user, key })
}

// SetLagCalls is SetLag for users, counted instead of timed: the first n other calls about a new user answer
// NoSuchEntity.
func (s *Server) SetLagCalls(n int) {
	s.withAll(func(a *account) { a.lag.calls = n })
}

// SetKeyLagCalls is SetLag for keys, counted instead of timed: the first n calls signed with a new key are refused.
func (s *Server) SetKeyLagCalls(n int) {
	s.with(func(a *account) { a.lag.key.looks = n })
}

// SetListingLag keeps a new key out of ListAccessKeys for a time, and out of the first so many lists, whichever is longer.
// Everything else knows the key: DeleteUser answers DeleteConflict for it, and it counts against the quota.
func (s *Server) SetListingLag(d time.Duration, lists int) {
	s.withAll(func(a *account) { a.lag.listing = delay{d, lists} })
}

// SetDeletionLag sets for how long a user shows what was just taken from it: lists go on naming it, quotas count it, and
// DeleteUser goes on answering DeleteConflict, while whoever removes it again hears NoSuchEntity. A user that was deleted
// shows as well, and its name is free: CreateUser knows what is, as removals do (a guess).
func (s *Server) SetDeletionLag(d time.Duration) {
	s.withAll(func(a *account) { a.lag.removal.time = d })
}

// SetDeletionLagCalls is SetDeletionLag, counted instead of timed: after a removal, the first n calls of each action that
// could see it do not. So the first DeleteUser answers DeleteConflict, however fast it comes, and no test has to wait.
func (s *Server) SetDeletionLagCalls(n int) {
	s.withAll(func(a *account) { a.lag.removal.looks = n })
}

// SetOldKeyLag sets for how long, and for how many calls, a key that was deleted or made inactive still signs.
func (s *Server) SetOldKeyLag(d time.Duration, calls int) {
	s.withAll(func(a *account) { a.lag.oldKey = delay{d, calls} })
}

// Settle lets all that lags arrive: what somebody changed long ago. Users that nobody has heard of yet stay unknown.
func (s *Server) Settle() {
	s.withAll(func(a *account) {
		for _, u := range a.users {
			u.removals = nil
		}
		for _, key := range a.keys {
			key.listed, key.ended = nil, nil
		}
		clear(a.gone)
		clear(a.oldKeys)
	})
}

// Age makes users, their keys and all sessions d older, and brings the ends of sessions d nearer: what the account
// looks like after that time, while the clocks of whoever calls stand still.
func (s *Server) Age(d time.Duration) {
	s.withAll(func(a *account) {
		for _, u := range a.users {
			u.created, u.hidden = u.created.Add(-d), u.hidden.Add(-d)
			for _, r := range u.removals {
				r.seen.pass(d)
			}
		}
		for _, g := range a.gone {
			g.seen.pass(d)
		}
		for _, key := range a.oldKeys {
			key.ended.pass(d)
			key.shows.pass(d)
		}
		for _, key := range a.keys {
			key.age(d)
		}
	})
	s.with(func(a *account) {
		for _, made := range a.among.signinTokens {
			made.made = made.made.Add(-d)
		}
	})
}

// age makes a key older.
func (k *accessKey) age(d time.Duration) {
	k.created = k.created.Add(-d)
	k.usable.pass(d)
	k.listed.pass(d)
	k.ended.pass(d)
	for i := range k.uses {
		k.uses[i].at = k.uses[i].at.Add(-d)
	}
	if !k.expires.IsZero() {
		k.expires = k.expires.Add(-d)
	}
}
