// SPDX-License-Identifier: MPL-2.0

package users

// What memory keeps of the records, so that neither caps nor the sweep read thousands of
// them. It is filled from storage once in the life of a process, when it is first needed,
// and never at the start.

import (
	"slices"
	"strings"
	"sync"
	"time"

	"vault-plugin-secrets-aws-dyn/backend/engine"
	"vault-plugin-secrets-aws-dyn/internal/awscreds"
)

// index is what is kept in memory, by the name of the user in lower case: to AWS case
// does not matter. The mutex guards the fields and is never held while anything else
// happens.
type index struct {
	mu        sync.Mutex
	filled    bool
	stale     map[string]string // keys of storage that another server has changed, with their users
	users     map[string]entry
	ofRole    map[string]int // how many of users
	ofAccount map[string]int // by the account of how they are reached
	// filling says that records are being read, and changed of which users more is known
	// by now than storage said.
	filling bool
	changed map[string]bool
}

// entry is what is kept of one user.
type entry struct {
	name    string
	role    string
	entity  string // of who asked
	issued  time.Time
	look    time.Time // when the sweep is to look at it
	pending bool      // the record is not one of a lease that may live
	ending  time.Time // since when it is to go; zero where nobody has asked for its end
	request bool      // a request of this process stands behind it
	failed  bool      // a request of this process was to make it and failed: nobody has it, whatever storage says
	never   bool      // and AWS certainly made no user for it: only its record is left
	mirror  bool      // an entry of the WAL stands for it as well, or never will
	account awscreds.Account
	by      engine.Interned // how its account is reached
	earlier bool            // its lease began in an earlier term, and was not renewed since
}

// in is the account of a user; empty for the one of config/root.
func (e entry) in() string { return e.by.Value().Account() }

// admit counts a user that a request is about to make, unless a cap is reached or there is a
// user of that name already. Zero is no cap; home is the account of config/root.
func (x *index) admit(user string, e entry, ofRole, ofAccount int, home string) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if known, taken := x.users[strings.ToLower(user)]; taken {
		until := known.look
		if known.pending || !until.After(e.issued) { // nobody knows when AWS lets it go
			until = time.Time{}
		}
		return nameTaken(known.name, until)
	}
	if n, where := x.inAccount(e.in(), home); ofAccount > 0 && n >= ofAccount {
		return engine.UserErrorf("max_users: this mount has %s%s, and config/users allows %d; revoke leases that nobody needs, or raise max_users at config/users", engine.Counted(n, "IAM user"), where, ofAccount)
	}
	if n := x.ofRole[e.role]; ofRole > 0 && n >= ofRole {
		return engine.UserErrorf("max_users: the role %q has %s, and allows %d; revoke leases that nobody needs, or raise max_users at roles/%s", e.role, engine.Counted(n, "IAM user"), ofRole, e.role)
	}
	e.request, e.pending = true, true
	x.set(user, e)
	return nil
}

// release says that no request stands behind a user any more; look is when the sweep is
// to look at it, if it is still there.
func (x *index) release(user string, look time.Time) {
	x.mu.Lock()
	defer x.mu.Unlock()
	e, known := x.users[strings.ToLower(user)]
	if known && e.request {
		e.request = false
		if e.pending {
			e.look, e.failed = look, true
		}
		x.set(user, e)
	}
}

// neverMade says that AWS made no user for a request whose record could not be deleted.
func (x *index) neverMade(user string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if e, known := x.users[strings.ToLower(user)]; known {
		e.never = true
		x.set(user, e)
	}
}

// put takes what a record says. Whether a request stands behind it does not change.
func (x *index) put(user string, e entry) {
	x.mu.Lock()
	defer x.mu.Unlock()
	old := x.users[strings.ToLower(user)]
	e.request, e.mirror = old.request, old.mirror
	x.set(user, e)
}

// lookAt says when to look at a user again.
func (x *index) lookAt(user string, at time.Time) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if e, known := x.users[strings.ToLower(user)]; known {
		e.look, e.earlier = at, false
		x.set(user, e)
	}
}

// toTheBack has the sweep look at others first: one that cannot be deleted must not hold them up at each tick.
func (x *index) toTheBack(user string, now time.Time) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if e, known := x.users[strings.ToLower(user)]; known && e.look.Before(now) {
		e.look = now
		x.set(user, e)
	}
}

// mirrored says that an entry of the WAL stands for a user as well.
func (x *index) mirrored(user string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if e, known := x.users[strings.ToLower(user)]; known {
		e.mirror = true
		x.set(user, e)
	}
}

func (x *index) drop(user string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.remove(user)
}

func (x *index) set(user string, e entry) {
	x.remove(user)
	if x.users == nil {
		x.users, x.ofRole, x.ofAccount = map[string]entry{}, map[string]int{}, map[string]int{}
	}
	e.name = user
	x.users[strings.ToLower(user)] = e
	x.ofRole[e.role]++
	x.ofAccount[e.in()]++
}

func (x *index) remove(user string) {
	key := strings.ToLower(user)
	if x.filling {
		x.changed[key] = true
	}
	e, known := x.users[key]
	if !known {
		return
	}
	delete(x.users, key)
	if x.ofRole[e.role]--; x.ofRole[e.role] == 0 {
		delete(x.ofRole, e.role)
	}
	if x.ofAccount[e.in()]--; x.ofAccount[e.in()] == 0 {
		delete(x.ofAccount, e.in())
	}
}

// get returns what is kept of a user.
func (x *index) get(user string) (e entry, known bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	e, known = x.users[strings.ToLower(user)]
	return e, known
}

// due lists the users that the sweep is to look at, those that wait longest first: after
// unconfirmed also those of earlier terms, unless that is zero. Nothing that is to go waits
// longer than strangeLook, unless a clock in the future has said when.
func (x *index) due(now time.Time, unconfirmed time.Duration) []string {
	return x.pick(func(e entry) bool {
		maybe := e.earlier && !e.pending && unconfirmed > 0 && now.Sub(e.issued) >= unconfirmed
		wrong := e.pending && e.look.After(now.Add(strangeLook+clockSlack))
		return !e.request && (maybe || wrong || !e.look.After(now))
	}, func(a, c entry) int { return a.look.Compare(c.look) })
}

// unmirrored lists the users that are to go and that no entry of the WAL stands for.
func (x *index) unmirrored() []string {
	return x.pick(func(e entry) bool { return !e.request && e.pending && !e.mirror }, byAge)
}

// oldestRequest is when the oldest request under way began; zero is none.
func (x *index) oldestRequest() (oldest time.Time) {
	x.each(func(e entry) {
		if e.request && (oldest.IsZero() || e.issued.Before(oldest)) {
			oldest = e.issued
		}
	})
	return oldest
}

// oldest lists the users that leases have, those with the longest first.
func (x *index) oldest() []string {
	return x.pick(func(e entry) bool { return !e.pending }, byAge)
}

func byAge(a, c entry) int { return a.issued.Compare(c.issued) }

// pick lists some users in some order.
func (x *index) pick(which func(entry) bool, order func(a, c entry) int) []string {
	var picked []entry
	x.each(func(e entry) {
		if which(e) {
			picked = append(picked, e)
		}
	})
	slices.SortFunc(picked, order)
	names := make([]string, len(picked))
	for i, e := range picked {
		names[i] = e.name
	}
	return names
}

// each calls do with every user.
func (x *index) each(do func(entry)) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, e := range x.users {
		do(e)
	}
}

// holders returns the users that have a record and no request behind it: of one role or of
// all, and of one entity or of all.
func (x *index) holders(role, entity string) (names []string) {
	x.each(func(e entry) {
		if !e.request && (role == "" || role == e.role) && (entity == "" || entity == e.entity) {
			names = append(names, e.name)
		}
	})
	return names
}
