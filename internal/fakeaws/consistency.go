// SPDX-License-Identifier: MPL-2.0

package fakeaws

import (
	"maps"
	"slices"
	"time"
)

// This file has what lag does to a call: AWS has not heard of a new user yet, or of what was taken from a user, or of
// the end of a user or a key.

// removal is what one call took from a user, and until when it shows.
type removal struct {
	what *user // only what was taken
	seen *arrival
}

// gone is a user that was deleted.
type gone struct {
	user *user
	seen *arrival
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

// look lets a call see the user that it is about as AWS shows it: reads find that user in the account until done is called,
// and quotas, and DeleteUser, look at q.seen. Removals see what is.
func (a *account) look(act action, q *request) (done func()) {
	name, done := fold(q.userName), func() {}
	u, exists := a.users[name]
	switch {
	case !exists:
		q.seen = q.caller.user // of the root user, who is in no list
		if g := a.gone[name]; g != nil && !act.changes && g.seen.late(q.action(), q.at) {
			a.users[name] = g.user
			done = func() { delete(a.users, name) }
		}
	case act.removes || act.makesUser:
	default:
		q.seen = a.shown(u, q.action(), q.at)
		if !act.changes {
			a.users[name] = q.seen
			done = func() { a.users[name] = u }
		}
	}
	return done
}

// remember keeps a user as it is before something is taken from it, if what is taken is to show.
func (a *account) remember(u *user, act action) *user {
	if u == nil || !act.removes || a.lag.removal == (delay{}) {
		return nil
	}
	before := *u
	before.keys, before.groups = slices.Clone(u.keys), maps.Clone(u.groups)
	before.attached, before.inline = maps.Clone(u.attached), maps.Clone(u.inline)
	before.sshKeys, before.certificates, before.services = slices.Clone(u.sshKeys), slices.Clone(u.certificates), slices.Clone(u.services)
	before.devices = a.devicesOf(u)
	return &before
}

// took notes what a call took from a user, who was like before.
func (a *account) took(u, before *user, now time.Time) {
	if before == nil {
		return
	}
	what := before
	what.keys, what.devices = without(before.keys, u.keys), without(before.devices, a.devicesOf(u))
	what.sshKeys, what.certificates = without(before.sshKeys, u.sshKeys), without(before.certificates, u.certificates)
	what.services = without(before.services, u.services)
	for group := range u.groups {
		delete(what.groups, group)
	}
	for arn := range u.attached {
		delete(what.attached, arn)
	}
	for name := range u.inline {
		delete(what.inline, name)
	}
	if u.login != nil {
		what.login = nil
	}
	u.removals = append(u.removals, &removal{what, a.lag.removal.from(now)})
}

// without are the items of a list that another does not have.
func without[T comparable](list, other []T) []T {
	return slices.DeleteFunc(list, func(item T) bool { return slices.Contains(other, item) })
}

// with is a list with the items of another that it does not have.
func with[T comparable](list, other []T) []T {
	return append(slices.Clone(list), without(slices.Clone(other), list)...)
}

// shown is a user as a look by an action sees it: with what was taken from it a little earlier. Without lag that is the user.
func (a *account) shown(u *user, action string, now time.Time) *user {
	shown := u
	for _, r := range u.removals {
		if !r.seen.late(action, now) {
			continue
		}
		if shown == u {
			seen := *u
			seen.devices, seen.groups = a.devicesOf(u), maps.Clone(u.groups)
			seen.attached, seen.inline = maps.Clone(u.attached), maps.Clone(u.inline)
			shown = &seen
		}
		shown.keep(r.what)
	}
	return shown
}

// keep gives a user what was taken from it, where it does not have it anew.
func (u *user) keep(taken *user) {
	u.keys, u.devices = with(u.keys, taken.keys), with(u.devices, taken.devices)
	u.sshKeys, u.certificates = with(u.sshKeys, taken.sshKeys), with(u.certificates, taken.certificates)
	u.services = with(u.services, taken.services)
	maps.Copy(u.groups, taken.groups)
	maps.Copy(u.attached, taken.attached)
	for name, document := range taken.inline {
		if _, anew := u.inline[name]; !anew {
			u.inline[name] = document
		}
	}
	if u.login == nil {
		u.login = taken.login
	}
}

// end notes that a user is gone.
func (a *account) end(u *user, now time.Time) {
	delete(a.users, fold(u.name))
	if seen := a.lag.removal.from(now); seen != nil {
		a.gone[fold(u.name)] = &gone{u, seen}
	}
}

// endKey notes that a key is gone.
func (a *account) endKey(key *accessKey, now time.Time) {
	a.removeKey(key)
	key.ended, key.shows = a.lag.oldKey.from(now), a.lag.removal.from(now)
	if key.ended != nil || key.shows != nil {
		a.oldKeys[key.id] = key
	}
}

// lingers says whether a name of a user that was deleted still counts for an action.
func (a *account) lingers(name, action string, now time.Time) bool {
	g := a.gone[fold(name)]
	return g != nil && g.seen.late(action, now)
}

// signs says whether a key that was deleted or made inactive still does, and counts the call.
func (k *accessKey) signs(now time.Time) bool { return k.ended.late("", now) }
