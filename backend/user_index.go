// SPDX-License-Identifier: MPL-2.0

package backend

// What memory keeps of the records, so that neither caps nor the sweep read thousands of
// them. It is filled from storage once in the life of a process, when it is first needed,
// and never at the start.

import (
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"vault-plugin-secrets-aws-dyn/backend/engine"
	"vault-plugin-secrets-aws-dyn/internal/awscreds"
)

// userIndex is what is kept in memory, by the name of the user in lower case: to AWS case
// does not matter. The mutex guards the fields and is never held while anything else
// happens.
type userIndex struct {
	mu        sync.Mutex
	filled    bool
	stale     map[string]string // keys of storage that another server has changed, with their users
	users     map[string]indexEntry
	ofRole    map[string]int // how many of users
	ofAccount map[string]int // by the account of how they are reached
	// filling says that records are being read, and changed of which users more is known
	// by now than storage said.
	filling bool
	changed map[string]bool
}

// indexEntry is what is kept of one user.
type indexEntry struct {
	name    string
	role    string
	entity  string // of who asked
	issued  time.Time
	look    time.Time // when the sweep is to look at it
	pending bool      // the record is not one of a lease that may live
	ending  time.Time // since when it is to go; zero where nobody has asked for its end
	request bool      // a request of this process stands behind it
	mirror  bool      // an entry of the WAL stands for it as well, or never will
	account awscreds.Account
	by      engine.Interned // how its account is reached
	earlier bool            // its lease began in an earlier term, and was not renewed since
}

// in is the account of a user; empty for the one of config/root.
func (e indexEntry) in() string { return e.by.Value().Account() }

// entryOf is what memory keeps of a record that no request stands behind.
func (u *users) entryOf(r *userRecord) indexEntry {
	return indexEntry{role: r.Role, entity: r.EntityID, issued: r.Issued, look: u.dueBy(r), pending: r.pending(), ending: r.Ending, account: r.Account, by: r.AssumeRole.Interned(),
		earlier: !r.Confirmed && r.Term != "" && r.Term != u.Term()}
}

// admit counts a user that a request is about to make, unless a cap is reached or there is a
// user of that name already. Zero is no cap; home is the account of config/root.
func (x *userIndex) admit(user string, e indexEntry, ofRole, ofAccount int, home string) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if known, taken := x.users[strings.ToLower(user)]; taken {
		return nameTaken(known.name, known.look)
	}
	if n, where := x.inAccount(e.in(), home); ofAccount > 0 && n >= ofAccount {
		return engine.UserErrorf("max_users: this mount has %s%s, and config/users allows %d; revoke leases that nobody needs, or raise max_users at config/users", counted(n, "IAM user"), where, ofAccount)
	}
	if n := x.ofRole[e.role]; ofRole > 0 && n >= ofRole {
		return engine.UserErrorf("max_users: the role %q has %s, and allows %d; revoke leases that nobody needs, or raise max_users at roles/%s", e.role, counted(n, "IAM user"), ofRole, e.role)
	}
	e.request, e.pending = true, true
	x.set(user, e)
	return nil
}

// release says that no request stands behind a user any more; look is when the sweep is
// to look at it, if it is still there.
func (x *userIndex) release(user string, look time.Time) {
	x.mu.Lock()
	defer x.mu.Unlock()
	e, known := x.users[strings.ToLower(user)]
	if known && e.request {
		e.request = false
		if e.pending {
			e.look = look
		}
		x.set(user, e)
	}
}

// put takes what a record says. Whether a request stands behind it does not change.
func (x *userIndex) put(user string, e indexEntry) {
	x.mu.Lock()
	defer x.mu.Unlock()
	old := x.users[strings.ToLower(user)]
	e.request, e.mirror = old.request, old.mirror
	x.set(user, e)
}

// lookAt says when to look at a user again.
func (x *userIndex) lookAt(user string, at time.Time) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if e, known := x.users[strings.ToLower(user)]; known {
		e.look, e.earlier = at, false
		x.set(user, e)
	}
}

// mirrored says that an entry of the WAL stands for a user as well.
func (x *userIndex) mirrored(user string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if e, known := x.users[strings.ToLower(user)]; known {
		e.mirror = true
		x.set(user, e)
	}
}

func (x *userIndex) drop(user string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.remove(user)
}

func (x *userIndex) set(user string, e indexEntry) {
	x.remove(user)
	if x.users == nil {
		x.users, x.ofRole, x.ofAccount = map[string]indexEntry{}, map[string]int{}, map[string]int{}
	}
	e.name = user
	x.users[strings.ToLower(user)] = e
	x.ofRole[e.role]++
	x.ofAccount[e.in()]++
}

func (x *userIndex) remove(user string) {
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
func (x *userIndex) get(user string) (e indexEntry, known bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	e, known = x.users[strings.ToLower(user)]
	return e, known
}

// due lists the users that the sweep is to look at, those that wait longest first: after
// unconfirmed also those of earlier terms, unless that is zero. Nothing that is to go waits
// longer than strangeLook, unless a clock in the future has said when.
func (x *userIndex) due(now time.Time, unconfirmed time.Duration) []string {
	return x.pick(func(e indexEntry) bool {
		maybe := e.earlier && !e.pending && unconfirmed > 0 && now.Sub(e.issued) >= unconfirmed
		wrong := e.pending && e.look.After(now.Add(strangeLook+clockSlack))
		return !e.request && (maybe || wrong || !e.look.After(now))
	}, func(a, c indexEntry) int { return a.look.Compare(c.look) })
}

// unmirrored lists the users that are to go and that no entry of the WAL stands for.
func (x *userIndex) unmirrored() []string {
	return x.pick(func(e indexEntry) bool { return !e.request && e.pending && !e.mirror }, byAge)
}

// oldestRequest is when the oldest request under way began; zero is none.
func (x *userIndex) oldestRequest() (oldest time.Time) {
	x.each(func(e indexEntry) {
		if e.request && (oldest.IsZero() || e.issued.Before(oldest)) {
			oldest = e.issued
		}
	})
	return oldest
}

// oldest lists the users that leases have, those with the longest first.
func (x *userIndex) oldest() []string {
	return x.pick(func(e indexEntry) bool { return !e.pending }, byAge)
}

func byAge(a, c indexEntry) int { return a.issued.Compare(c.issued) }

// pick lists some users in some order.
func (x *userIndex) pick(which func(indexEntry) bool, order func(a, c indexEntry) int) []string {
	var picked []indexEntry
	x.each(func(e indexEntry) {
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
func (x *userIndex) each(do func(indexEntry)) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, e := range x.users {
		do(e)
	}
}

// holders returns the users that have a record and no request behind it: of one role or of
// all, and of one entity or of all.
func (x *userIndex) holders(role, entity string) (names []string) {
	x.each(func(e indexEntry) {
		if !e.request && (role == "" || role == e.role) && (entity == "" || entity == e.entity) {
			names = append(names, e.name)
		}
	})
	return names
}

// changedElsewhere makes the next use read a record again that another server has written.
func (x *userIndex) changedElsewhere(key string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.stale == nil {
		x.stale = map[string]string{}
	}
	x.stale[key] = userOf(strings.TrimPrefix(key, engine.PrefixIssued))
}

// begin opens the index for being filled, and says which keys are to be read: all, the
// stale ones, or none.
func (x *userIndex) begin() (all bool, stale map[string]string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	all, stale = !x.filled, x.stale
	x.stale = nil // first: who tells of a change meanwhile shall be heard
	if all || len(stale) > 0 {
		x.filled, x.filling, x.changed = true, true, map[string]bool{}
	}
	if all {
		maps.DeleteFunc(x.users, func(_ string, e indexEntry) bool {
			if !e.request {
				x.ofRole[e.role]--
				x.ofAccount[e.in()]--
			}
			return !e.request
		})
	}
	return all, stale
}

// found takes what storage says of a user, unless more is known by now; nil is no record.
func (x *userIndex) found(user string, e *indexEntry) {
	x.mu.Lock()
	defer x.mu.Unlock()
	key := strings.ToLower(user)
	if x.changed[key] || x.users[key].request {
		return
	}
	x.remove(user)
	if e != nil {
		x.set(user, *e)
	}
	delete(x.changed, key) // it was we who changed it
}

// end closes the index. After an error the next use goes on with what is left to read; nil is
// all. However slow storage is, many records are read in the end.
func (x *userIndex) end(left map[string]string, err error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.filling, x.changed = false, nil
	if err == nil {
		return
	}
	if x.filled = x.filled && left != nil; x.stale == nil {
		x.stale = map[string]string{}
	}
	maps.Copy(x.stale, left)
}
