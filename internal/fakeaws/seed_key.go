// SPDX-License-Identifier: MPL-2.0

package fakeaws

import "time"

// This file is about users that exist before Vault comes and whose keys it rotates.

// AddKey gives a user one more key, which is no leftover and whose CreateDate is later than that of the others. The
// key is zero if there is no such user or it has no room.
func (s *Server) AddKey(user string) (key Key) {
	s.with(func(a *account) {
		u := a.users[fold(user)]
		if u == nil || len(u.keys) >= maxAccessKeys {
			return
		}
		now := time.Now()
		for _, other := range u.keys {
			if earliest := other.created.Add(time.Second); now.Before(earliest) {
				now = earliest // CreateDate has whole seconds: AWS's own keys may tie, seeded ones shall not
			}
		}
		added := a.addKey(u, now)
		added.expected = true
		key = added.key()
	})
	return key
}

// Keys are a user's access keys, inactive ones too, in the order in which they were made.
func (s *Server) Keys(user string) []Key {
	var keys []Key
	s.with(func(a *account) {
		if u := a.users[fold(user)]; u != nil {
			for _, key := range u.keys {
				keys = append(keys, key.key())
			}
		}
	})
	return keys
}

// Adopt makes the keys that are made over the wire from now on, for a user that is there, no leftovers: whoever
// rotates a user's keys leaves the last one behind.
func (s *Server) Adopt(user string) {
	s.with(func(a *account) {
		if u := a.users[fold(user)]; u != nil {
			u.adopted = true
		}
	})
}
