// SPDX-License-Identifier: MPL-2.0

package sharing

import (
	"crypto/sha256"
	"maps"
	"slices"
	"strings"
	"time"
)

// mostKept is how many credentials are kept.
const mostKept = 1000

// kept is a credential that may be given again.
type kept[C any] struct {
	Credential[C]
	role string
	ids  map[string]bool // the handouts that were not returned
}

// over reports whether the time has passed in which it is given again. A clock that was set back
// tells nothing about that.
func (k *kept[C]) over(now time.Time) bool {
	age := now.Sub(k.Made)
	return age < 0 || age >= k.For
}

// makeRoom makes sure that there is room for one more: those go that are over, else the one of the
// caller with the most that would be the next. So nobody takes more from others than an equal share.
func (s *Store[C, A]) makeRoom(more Key) {
	if len(s.kept) < mostKept {
		return
	}
	s.drop(func(k *kept[C]) bool { return k.over(s.now()) })
	if len(s.kept) < mostKept {
		return
	}
	of := map[[sha256.Size]byte]int{more.caller: 1}
	for key := range s.kept {
		of[key.caller]++
	}
	most := slices.Max(slices.Collect(maps.Values(of)))
	var next Key
	var at time.Time
	for key, k := range s.kept {
		if end := k.Made.Add(k.For); of[key.caller] == most && (at.IsZero() || end.Before(at)) {
			next, at = key, end
		}
	}
	delete(s.kept, next)
}

func (s *Store[C, A]) drop(which func(*kept[C]) bool) {
	maps.DeleteFunc(s.kept, func(_ Key, k *kept[C]) bool { return which(k) })
}

// takeBack takes a handout back that did not go well; ended says that no other would.
func (s *Store[C, A]) takeBack(key Key, k *kept[C], id string, ended bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(k.ids, id)
	if ended && s.kept[key] == k {
		delete(s.kept, key)
	}
}

// Return says that the lease of a handout is over. With the last one the credential goes: whoever
// ends all leases of it wants nobody to get it again.
func (s *Store[C, A]) Return(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drop(func(k *kept[C]) bool {
		had := k.ids[id]
		delete(k.ids, id)
		return had && len(k.ids) == 0
	})
}

// EndUser drops what is of an IAM user, whose case does not matter to AWS.
func (s *Store[C, A]) EndUser(user string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drop(func(k *kept[C]) bool { return k.User != "" && strings.EqualFold(k.User, user) })
}

// EndRole drops what was made by a role as it was, and what is being made by it.
func (s *Store[C, A]) EndRole(role string) {
	s.endAll(func(of string) bool { return of == role })
}

// EndAll drops all: what everything is made by has changed.
func (s *Store[C, A]) EndAll() {
	s.endAll(func(string) bool { return true })
}

// EndSessions drops all, and keeps no session that is made until a moment: it may be one of those that were ended.
func (s *Store[C, A]) EndSessions(until time.Time) {
	s.mu.Lock()
	if until.After(s.quiet) {
		s.quiet = until
	}
	s.mu.Unlock()
	s.EndAll()
}

// endAll drops what was made by some roles. Who asks from now on does not wait for what is being
// made by them either.
func (s *Store[C, A]) endAll(of func(role string) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drop(func(k *kept[C]) bool { return of(k.role) })
	maps.DeleteFunc(s.making, func(_ Key, m *making) bool {
		m.stale = m.stale || of(m.role)
		return of(m.role)
	})
}

// Close drops all, and keeps nothing from now on.
func (s *Store[C, A]) Close() {
	s.EndAll()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
}

// Prune drops what is over: no secret stays longer than it can be given.
func (s *Store[C, A]) Prune() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drop(func(k *kept[C]) bool { return k.over(s.now()) })
}
