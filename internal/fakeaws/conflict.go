// SPDX-License-Identifier: MPL-2.0

package fakeaws

// This file refuses changes of a user that overlap: "The request was rejected because multiple requests to change this object
// were submitted simultaneously" (IAM API Reference, ConcurrentModification).

// SetConflicts makes a change of a user that overlaps another change of the same user answer 409
// ConcurrentModification. A change holds the user for as long as the call takes, held and delayed time included,
// so a test needs a latency, a hang or a barrier for changes to overlap.
func (s *Server) SetConflicts(on bool) {
	s.withAll(func(a *account) { a.guarded = on })
}

// claim holds the user for a change until done is called. It says so if another change holds the user already.
func (s *Server) claim(act action, call *Call) (overlaps bool, done func()) {
	name := fold(call.User)
	held, in := false, (*account)(nil)
	s.withSigner(call.AccessKeyID, func(a *account) {
		if !a.guarded || !act.changes || name == "" {
			return
		}
		overlaps = a.changing[name]
		held, in = !overlaps, a
		a.changing[name] = true
	})
	if !held {
		return overlaps, func() {}
	}
	return false, func() {
		s.withAll(func(a *account) {
			if a == in {
				delete(a.changing, name)
			}
		})
	}
}
