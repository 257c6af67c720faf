// SPDX-License-Identifier: MPL-2.0

package engine

import "sync"

// mostKept is how many values a Memo keeps; it begins anew when there are more.
const mostKept = 1000

// Memo keeps what was read from storage until somebody changes it. The values are shared, so
// nobody may change them. The zero value is ready for use; the mutex guards the fields and is
// never held while anything else happens.
type Memo[K comparable, V any] struct {
	mu     sync.Mutex
	kept   map[K]V
	resets int
}

// Get returns what is kept under a key, or else what load returns.
func (m *Memo[K, V]) Get(key K, load func() (V, error)) (V, error) {
	m.mu.Lock()
	v, ok := m.kept[key]
	resets := m.resets
	m.mu.Unlock()
	if ok {
		return v, nil
	}
	v, err := load()
	if err == nil {
		m.keep(key, v, resets)
	}
	return v, err
}

// keep keeps a value that was read when there had been so many resets: a later one may have
// been about it.
func (m *Memo[K, V]) keep(key K, v V, resets int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.resets != resets {
		return
	}
	if m.kept == nil || len(m.kept) >= mostKept {
		m.kept = map[K]V{}
	}
	m.kept[key] = v
}

// Peek returns what is kept under a key, if anything is.
func (m *Memo[K, V]) Peek(key K) (v V, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	v, ok = m.kept[key]
	return v, ok
}

// Reset makes the next Get of every key read storage anew.
func (m *Memo[K, V]) Reset() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.kept = nil
	m.resets++
}
