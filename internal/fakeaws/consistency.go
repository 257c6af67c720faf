// SPDX-License-Identifier: MPL-2.0

package fakeaws

import (
	"maps"
	"slices"
	"time"
)

// This file has the ways in which AWS itself, without any fault, gets between a call and its work: it has not heard of
// a new user yet, or of what was taken from a user, or another change of the user is under way.

// lag is how long AWS takes to hear of what is new: "Changes that I make are not always immediately visible"
// (IAM User Guide, "Troubleshoot IAM").
type lag struct {
	user, key time.Duration
	calls     int
	removal   time.Duration
	use       time.Duration
}

// begin hides a new user for a while.
func (l lag) begin(u *user, now time.Time) {
	u.hidden, u.hideFor = now.Add(l.user), l.calls
}

// hides says whether a call about a user cannot see it yet, and counts the call.
func (a *account) hides(u *user, act action, now time.Time) bool {
	if act.makesUser {
		return false
	}
	if now.Before(u.hidden) {
		return true
	}
	if u.hideFor > 0 {
		u.hideFor--
		return true
	}
	return false
}

// remember keeps a user as it is before something is taken from it, if reads are to lag.
func (a *account) remember(u *user, act action) *user {
	if u == nil || !act.removes || a.lag.removal == 0 {
		return nil
	}
	before := *u
	before.before = nil
	before.keys, before.groups = slices.Clone(u.keys), maps.Clone(u.groups)
	before.attached, before.inline = maps.Clone(u.attached), maps.Clone(u.inline)
	before.sshKeys, before.certificates, before.services = slices.Clone(u.sshKeys), slices.Clone(u.certificates), slices.Clone(u.services)
	before.devices = a.devicesOf(u)
	return &before
}

// lag shows a user to reads as it was before, from now on for as long as removals lag. What was taken from it a little
// earlier and still shows goes on showing.
func (u *user) lag(before *user, now time.Time, removal time.Duration) {
	if before == nil {
		return
	}
	if !now.Before(u.outdated) {
		u.before = before
	}
	u.outdated = now.Add(removal)
}

// shown is a user as reads see it. With no lag that is the user.
func (u *user) shown(now time.Time) *user {
	if u.before != nil && now.Before(u.outdated) {
		return u.before
	}
	return u
}

// SetDeletionLag sets for how long a user shows what was just taken from it: lists go on naming it, and DeleteUser goes
// on answering DeleteConflict, while whoever removes it again hears NoSuchEntity. IAM User Guide, "Changes that I make
// are not always immediately visible", says that IAM is eventually consistent; that DeleteUser itself looks at what is
// out of date, and removals do not, are guesses, from reports of conflicts after all was removed.
func (s *Server) SetDeletionLag(d time.Duration) {
	s.with(func(a *account) { a.lag.removal = d })
}

// SetLag sets for how long a new user, and a new key, are not known: for user after CreateUser, every other call
// about the user answers NoSuchEntity and ListUsers leaves it out, while CreateUser says EntityAlreadyExists; for
// key after CreateAccessKey, calls signed with the key are refused InvalidClientTokenId. It is about what is made
// from now on.
func (s *Server) SetLag(user, key time.Duration) {
	s.with(func(a *account) { a.lag.user, a.lag.key = user, key })
}

// SetLagCalls is SetLag for users, counted instead of timed: the first n other calls about a new user answer
// NoSuchEntity.
func (s *Server) SetLagCalls(n int) {
	s.with(func(a *account) { a.lag.calls = n })
}

// Age makes users, their keys and all sessions d older, and brings the ends of sessions d nearer: what the account
// looks like after that time, while the clocks of whoever calls stand still.
func (s *Server) Age(d time.Duration) {
	s.with(func(a *account) {
		for _, u := range a.users {
			u.created, u.hidden, u.outdated = u.created.Add(-d), u.hidden.Add(-d), u.outdated.Add(-d)
		}
		for _, key := range a.keys {
			key.created = key.created.Add(-d)
			for i := range key.uses {
				key.uses[i].at = key.uses[i].at.Add(-d)
			}
			if !key.expires.IsZero() {
				key.expires = key.expires.Add(-d)
			}
		}
	})
}

// SetConflicts makes a change of a user that overlaps another change of the same user answer 409
// ConcurrentModification. A change holds the user for as long as the call takes, held and delayed time included,
// so a test needs a latency, a hang or a barrier for changes to overlap.
func (s *Server) SetConflicts(on bool) {
	s.with(func(a *account) { a.guarded = on })
}

// claim holds the user for a change until done is called. It says so if another change holds the user already.
func (s *Server) claim(act action, call *Call) (overlaps bool, done func()) {
	name := fold(call.User)
	held := false
	s.with(func(a *account) {
		if !a.guarded || !act.changes || name == "" {
			return
		}
		overlaps = a.changing[name]
		held = !overlaps
		a.changing[name] = true
	})
	if !held {
		return overlaps, func() {}
	}
	return false, func() { s.with(func(a *account) { delete(a.changing, name) }) }
}
