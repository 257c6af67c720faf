// SPDX-License-Identifier: MPL-2.0

package sharing

// making is a credential that one request makes, while others wait.
type making struct {
	role  string
	stale bool          // what it is made by has changed: nobody else is to get it
	made  bool          // it went well; to be read once done is closed
	done  chan struct{} // closed when it has ended, in whatever way
}

// make has a credential made, keeps it, and lets those go who wait.
func (s *Store[C, A]) make(key Key, m *making, id string, issue func(id string) (A, *Credential[C], error)) (answer A, err error) {
	var c *Credential[C]
	defer func() { // also where it panics
		s.end(key, m, id, c)
		close(m.done)
	}()
	answer, c, err = issue(id)
	if err != nil {
		c = nil
	}
	m.made = err == nil
	return answer, err
}

// end keeps what was made, unless it is nobody else's any more.
func (s *Store[C, A]) end(key Key, m *making, id string, c *Credential[C]) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.making[key] == m {
		delete(s.making, key)
	}
	if c == nil || m.stale || s.closed || c.User == "" && s.now().Before(s.quiet) {
		return
	}
	s.makeRoom(key)
	s.kept[key] = &kept[C]{Credential: *c, role: m.role, ids: map[string]bool{id: true}}
}
