// SPDX-License-Identifier: MPL-2.0

package engine

import (
	"errors"
	"sync"
	"time"

	"github.com/hashicorp/vault/sdk/logical"
)

// Writes are how the last writes of storage went that the engine's work depends on: those of
// records and of the heartbeat.
type Writes struct {
	Went   time.Time // when the last one went well
	Failed time.Time // when the first one failed since then
	Err    error     // of the last one that failed; nil where none did since then
}

// writes keeps them. The lock guards the fields and is never held while anything else happens.
type writes struct {
	mu   sync.Mutex
	last Writes
}

// note takes the outcome of a write. That storage is another server's to write is no failure.
func (w *writes) note(now time.Time, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case errors.Is(err, logical.ErrReadOnly):
	case err == nil:
		w.last = Writes{Went: now}
	default:
		if w.last.Err == nil {
			w.last.Failed = now
		}
		w.last.Err = err
	}
}

// Writes are how the last writes of storage went.
func (m *Mount) Writes() Writes {
	m.writes.mu.Lock()
	defer m.writes.mu.Unlock()
	return m.writes.last
}

// Heartbeat is the term of this process as far as it is open, and the last heartbeat.
func (m *Mount) Heartbeat() (open Term, last time.Time) {
	m.heart.mu.Lock()
	defer m.heart.mu.Unlock()
	return m.heart.terms.Open, m.heart.beat.Seen
}
