// SPDX-License-Identifier: MPL-2.0

package engine

// Whether this server still leads its cluster. A server that was paused goes on where it
// stopped: leases that look expired to it may have been renewed by the next leader meanwhile,
// and what storage tells it is of then. Only a write that storage takes proves that it leads.

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/vault/sdk/logical"
)

// leaderProof is for how long a write proves it. A cluster needs longer to choose another
// leader, and that one to begin.
const leaderProof = time.Second

// Proving does a write of storage. If it goes well, this server led when it began, by the clock
// of the machine and not by the mount's: it matters how long the process was paused.
func (m *Mount) Proving(write func() error) error {
	began := time.Now()
	err := write()
	m.writes.note(m.Now(), err)
	if err == nil {
		m.wrote.Store(&began)
	}
	return err
}

// ProveLeader makes sure that this server leads, before something is taken away in AWS: it
// writes storage unless a write went well within the last second. What it writes is a
// heartbeat, which ticks may have missed: they begin anew with each leader. On a cluster whose storage
// is another's, whose leases are its own all the same, there is nothing to prove.
func (m *Mount) ProveLeader(ctx context.Context, s logical.Storage) error {
	if last := m.wrote.Load(); last != nil && passed(*last, time.Now()) < leaderProof && !m.silent() {
		return nil
	}
	err := m.writeBeat(ctx, s, func(*beat) {})
	switch {
	case errors.Is(err, logical.ErrReadOnly):
		return nil
	case err != nil:
		return fmt.Errorf("nothing is deleted in AWS, since this server cannot write storage and may not be the leader any more: %w", err)
	}
	return nil
}

// passed is how long lies between two moments, by the clock of the machine or by that of the
// wall: the first stands still while the machine is suspended.
func passed(from, to time.Time) time.Duration {
	return max(to.Sub(from), to.Round(0).Sub(from.Round(0)))
}
