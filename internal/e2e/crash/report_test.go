// SPDX-License-Identifier: MPL-2.0

package crash

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"vault-plugin-secrets-aws-dyn/internal/e2e/check"
	"vault-plugin-secrets-aws-dyn/internal/e2e/server"
)

// This file waits until Vault's timer has done its work, and says what came of it.

// settle looks at every case right after the crash, after the first tick, after the one that follows the last
// moment of everything, and once AWS can tell whether the keys that a rotation may have left are in use. What each time
// still has to be waited for is Vault's own next attempt, to revoke a lease or to rotate a key.
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
	m.awaitTick(m.began.Add(shortLease*time.Second + check.SweepGrace))
	m.await(check.Findings.Settled)
	m.untilUseIsTold()
	m.untilDenialsEnd()
	m.awaitTick(time.Now())
	m.await(check.Findings.Well)
}

// await looks until all cases are as they should be, for as long as it takes Vault's timer to come by.
func (m *matrix) await(right func(check.Findings) bool) {
	m.t.Helper()
	left := m.cases
	for patience := time.Now().Add(server.RollbackTime); ; {
		m.lookAt(left, false)
		left = slices.DeleteFunc(slices.Clone(left), func(c *crashCase) bool { return right(c.found) })
		if len(left) == 0 || time.Now().After(patience) {
			break
		}
	}
	for _, c := range left {
		m.t.Errorf("%s:\n\t\t%s", c, c.found)
	}
}

// untilUseIsTold has AWS and the mounts grow older, until AWS has told of every use of a key. They do so by turns, and
// by so little each time that a key is never much older or younger than the record of it.
func (m *matrix) untilUseIsTold() {
	m.t.Helper()
	strays := 0
	for _, c := range m.cases {
		if len(c.found.Stray) > 0 {
			strays++
		}
	}
	m.t.Logf("cases with a key that a rotation may have left, before AWS can tell whether it is in use: %d", strays)
	const step = 30 * time.Second
	for range useToldAfter/step + 1 {
		m.v.Pass(step)
		m.v.Call(http.MethodGet, bystander+"/config/root", nil) // with the answer the plugin hears of it
		for _, c := range m.cases {
			c.Account.Age(step)
		}
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

// lookAt looks at cases.
func (m *matrix) lookAt(cases []*crashCase, first bool) {
	m.t.Helper()
	m.each("looking", cases, func(c *crashCase) (err error) {
		c.found, err = look(m.v, c)
		return err
	})
	for _, c := range cases {
		for _, one := range c.found.Dead {
			m.dead[fmt.Sprintf("%s: %s", c, one)] = true
		}
		for _, one := range c.found.Lonely {
			m.lonely[fmt.Sprintf("%s: %s", c, one)] = true
		}
		if first {
			m.recorded += len(c.found.Ending)
		}
	}
}

// awaitTick waits until Vault's timer has come by every mount after a moment.
func (m *matrix) awaitTick(after time.Time) {
	m.t.Helper()
	server.WaitFor(m.t, time.Until(after)+server.RollbackTime, "Vault's timer to come by every mount", func() bool {
		return !slices.ContainsFunc(m.cases, func(c *crashCase) bool { return !m.v.Ticked(c.Mount).After(after) })
	})
}

// total is the size of a matrix, and its zeros.
type total struct {
	mu                       sync.Mutex
	kinds, boundaries, cases int
	recorded                 int // users that had a record alone when Vault was back
	check.Zeros
}

func (s *total) add(o *total) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kinds++
	s.boundaries, s.cases, s.recorded = max(s.boundaries, o.boundaries), s.cases+o.cases, s.recorded+o.recorded
	s.Add(o.Zeros)
}

func (s *total) String() string {
	return fmt.Sprintf("%d boundaries, %d kinds of crash, %d cases; %d users had a record alone when Vault was back\n\t%s",
		s.boundaries, s.kinds, s.cases, s.recorded, s.Zeros)
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
		longest = max(longest, c.seq.HeldFor())
	}
	return longest
}

// report prints what was interrupted in this way, and what came of it.
func (m *matrix) report(k kind) *total {
	s := &total{kinds: 1, cases: len(m.cases), recorded: m.recorded, Zeros: check.Zeros{Dead: len(m.dead), Lonely: len(m.lonely)}}
	for _, n := range m.boundaries {
		s.boundaries += n
	}
	for _, c := range m.cases {
		s.Add(c.found.Left())
	}
	for _, found := range []map[string]bool{m.dead, m.lonely} {
		for _, one := range slices.Sorted(maps.Keys(found)) {
			m.t.Error(one)
		}
	}
	if !m.t.Failed() {
		m.each("using the mounts once more", m.cases, func(c *crashCase) error { return use(m.v, c) })
	}
	m.t.Logf("%s (calls were held for %.0f s at most), while:\n%s\t%s", k.name, m.heldFor().Seconds(), m.table(), s)
	return s
}
