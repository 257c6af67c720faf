// SPDX-License-Identifier: MPL-2.0

package e2e

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// This file waits until Vault's timer has done its work, and says what came of it.

// settle looks at every case right after the crash, after the first tick, and after the one that follows the last
// moment of everything. What then still has to be waited for is Vault's own next attempt to revoke a lease.
func (m *matrix) settle() {
	m.began = time.Now()
	for _, c := range m.cases {
		select {
		case <-c.ended:
		case <-time.After(time.Minute):
			m.t.Fatalf("%s: the request did not end with the process", c)
		}
	}
	m.lookAt(m.cases, true)
	m.again()
	m.awaitTick(m.began)
	m.lookAt(m.cases, false)
	m.awaitTick(m.began.Add(shortLease*time.Second + sweepGrace))
	left := m.lookAt(m.cases, false)
	for patience := time.Now().Add(rollback); len(left) > 0 && time.Now().Before(patience); {
		left = m.lookAt(left, false)
	}
	for _, c := range left {
		m.t.Errorf("%s:\n\t\t%s", c, c.found)
	}
}

// again asks once more for what nobody does of his own accord.
func (m *matrix) again() {
	m.t.Helper()
	m.each("asking once more", m.cases, func(c *crashCase) error {
		if c.again == nil {
			return nil
		}
		return c.again(m.v, c)
	})
	said := map[string]int{}
	for _, c := range m.cases {
		if c.said != "" {
			said[c.said]++
		}
	}
	m.t.Logf("what tidy/status said after the crash: %v", said)
}

// lookAt looks at cases and returns those where something is wrong or left to do.
func (m *matrix) lookAt(cases []*crashCase, first bool) (left []*crashCase) {
	m.t.Helper()
	m.each("looking", cases, func(c *crashCase) (err error) {
		c.found, err = m.v.look(c)
		return err
	})
	for _, c := range cases {
		for _, one := range c.found.dead {
			m.dead[fmt.Sprintf("%s: %s", c, one)] = true
		}
		for _, one := range c.found.lonely {
			m.lonely[fmt.Sprintf("%s: %s", c, one)] = true
		}
		if first {
			m.recorded += len(c.found.ending)
		}
		if !c.found.well() {
			left = append(left, c)
		}
	}
	return left
}

// awaitTick waits until Vault's timer has come by every mount after a moment.
func (m *matrix) awaitTick(after time.Time) {
	m.t.Helper()
	waitFor(m.t, time.Until(after)+rollback, "Vault's timer to come by every mount", func() bool {
		return !slices.ContainsFunc(m.cases, func(c *crashCase) bool { return !m.v.ticked(c.mount).After(after) })
	})
}

// total is the size of a matrix, and its zeros.
type total struct {
	mu                       sync.Mutex
	kinds, boundaries, cases int
	recorded                 int // users that had a record alone when Vault was back
	zeros
}

func (s *total) add(o *total) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kinds++
	s.boundaries, s.cases, s.recorded = max(s.boundaries, o.boundaries), s.cases+o.cases, s.recorded+o.recorded
	s.zeros.add(o.zeros)
}

func (s *total) String() string {
	return fmt.Sprintf("%d boundaries, %d kinds of crash, %d cases; %d users had a record alone when Vault was back\n\t%s",
		s.boundaries, s.kinds, s.cases, s.recorded, s.zeros)
}

// table is a line for each operation.
func (m *matrix) table() string {
	var lines strings.Builder
	for _, o := range operations {
		cases := 0
		for _, c := range m.cases {
			if c.name == o.name {
				cases++
			}
		}
		if m.boundaries[o.name] > 0 {
			fmt.Fprintf(&lines, "\t%-46s %3d boundaries %4d cases\n", o.name, m.boundaries[o.name], cases)
		}
	}
	return lines.String()
}

// heldFor is how long an operation was held at most: where the process lives on, the kind's late has to cover it.
func (m *matrix) heldFor() (longest time.Duration) {
	for _, c := range m.cases {
		longest = max(longest, c.seq.heldFor())
	}
	return longest
}

// report prints what was interrupted in this way, and what came of it.
func (m *matrix) report(k kind) *total {
	s := &total{kinds: 1, cases: len(m.cases), recorded: m.recorded, zeros: zeros{dead: len(m.dead), lonely: len(m.lonely)}}
	for _, n := range m.boundaries {
		s.boundaries += n
	}
	for _, c := range m.cases {
		s.zeros.add(c.found.left())
	}
	for _, found := range []map[string]bool{m.dead, m.lonely} {
		for _, one := range slices.Sorted(maps.Keys(found)) {
			m.t.Error(one)
		}
	}
	if !m.t.Failed() {
		m.each("using the mounts once more", m.cases, m.v.use)
	}
	m.t.Logf("%s (calls were held for %.0f s at most), while:\n%s\t%s", k.name, m.heldFor().Seconds(), m.table(), s)
	return s
}
