// SPDX-License-Identifier: MPL-2.0

package crash

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"vault-plugin-secrets-aws-dyn/internal/e2e/check"
	"vault-plugin-secrets-aws-dyn/internal/e2e/programs"
	"vault-plugin-secrets-aws-dyn/internal/e2e/server"
	"vault-plugin-secrets-aws-dyn/internal/e2e/stepping"
)

// This file is the crash matrix: every operation is interrupted at every boundary between two of its steps, in every
// way. One Vault has a mount for each case, all are held at their boundary, and then the process dies, once for all.

// useToldAfter is how old a key must be before the engine takes AWS's word that nobody has used it.
const useToldAfter = 15 * time.Minute

// TestSoakCrash prints how large the matrix is, and its three zeros. At its short length each way interrupts a quarter
// of the boundaries, and each way another quarter.
func TestSoakCrash(t *testing.T) {
	t.Parallel()
	var all total
	t.Cleanup(func() { t.Log(all.String()) })
	for i, k := range kinds {
		t.Run(k.name, func(t *testing.T) {
			t.Parallel()
			m := newMatrix(t, k.late())
			m.count(operations, k.dies)
			m.thin(i)
			m.setUp(m.cases)
			m.hold()
			k.interrupt(t, m.v, m.cases)
			m.settle()
			all.add(m.report(k))
		})
	}
}

// matrix is the cases of one kind.
type matrix struct {
	t          *testing.T
	v          *stepping.Vault
	cases      []*crashCase
	boundaries map[string]int // of each operation

	endedBefore atomic.Int32 // operations that ended before the boundary at which they were to be interrupted

	began    time.Time       // when the operations had been interrupted
	dead     map[string]bool // found at any time: leases without a user
	lonely   map[string]bool // and users without a lease or a record
	recorded int             // users that had a record alone when they were first looked at
}

// newMatrix starts a Vault with the one mount to which nothing happens. late is how late AWS may do what it has heard.
func newMatrix(t *testing.T, late time.Duration) *matrix {
	t.Helper()
	m := &matrix{t: t, v: stepping.Start(t, late), boundaries: map[string]int{}, dead: map[string]bool{}, lonely: map[string]bool{}}
	m.setUp([]*crashCase{newCase(operation{name: "nothing"}, bystander, 0)})
	return m
}

func newCase(o operation, mount string, number int) *crashCase {
	return &crashCase{operation: o, Mounted: check.Mounted{Mount: mount}, plugin: "aws", number: number, seq: stepping.NewSequence(number)}
}

// each does something with every case, several at once, and ends the test if it fails with one.
func (m *matrix) each(what string, cases []*crashCase, do func(c *crashCase) error) {
	m.t.Helper()
	var group errgroup.Group
	group.SetLimit(16)
	errs := make([]error, len(cases))
	for i, c := range cases {
		group.Go(func() (none error) {
			if err := do(c); err != nil {
				errs[i] = fmt.Errorf("%s: %w", c, err)
			}
			return none
		})
	}
	_ = group.Wait() // the errors are in errs
	if err := errors.Join(errs...); err != nil {
		m.t.Fatalf("%s:\n%v", what, err)
	}
}

// setUp makes the mounts, and then what lasts only a minute.
func (m *matrix) setUp(cases []*crashCase) {
	m.each("setting mounts up", cases, func(c *crashCase) error { return c.begin(m.v) })
	m.t.Cleanup(func() {
		for _, c := range cases {
			c.seq.Release(stepping.Lost) // where the test has failed: Close waits for what is held
			_ = c.Account.Close()        // it is the process's end that counts
		}
	})
	m.each("preparing operations", cases, func(c *crashCase) error {
		if c.prepare == nil {
			return nil
		}
		return c.prepare(m.v, c)
	})
}

// dryRuns is how often an operation is counted. In the midst of one, Vault's timer may come by, whose calls of AWS look
// like the operation's. It comes by all mounts at once, so the runs follow one another.
const dryRuns = 2

// count runs every operation without interrupting it, and makes a case for each boundary that it passes, and
// another for those where AWS may do what it heard last and that makes a difference.
func (m *matrix) count(of []operation, dies bool) {
	passed := make([][]string, len(of))
	for run := range dryRuns {
		for i, boundaries := range m.dry(of, run) {
			if run == 0 || len(boundaries) < len(passed[i]) {
				passed[i] = boundaries
			}
		}
	}
	for i, o := range of {
		m.boundaries[o.name] = len(passed[i])
		for n, what := range passed[i] {
			mount := fmt.Sprintf("case-%d-%d", i, n+1)
			m.cases = append(m.cases, newCase(o, mount, n+1))
			if dies && changes(what) {
				other := newCase(o, mount+"-late", n+1)
				other.late = true
				m.cases = append(m.cases, other)
			}
		}
		m.t.Logf("%s: %s", o.name, strings.Join(passed[i], ", "))
	}
}

// dry runs every operation once, and returns the boundaries that each has passed.
func (m *matrix) dry(of []operation, run int) (passed [][]string) {
	var cases []*crashCase
	for i, o := range of {
		cases = append(cases, newCase(o, fmt.Sprintf("dry-%d-%d", run+1, i), 0))
	}
	m.setUp(cases)
	for _, c := range cases {
		c.start(m.v)
	}
	for _, c := range cases {
		<-c.ended
		if c.err != nil {
			m.t.Fatalf("%s, uninterrupted: %v", c.name, c.err)
		}
		boundaries := c.seq.Boundaries()
		if end := slices.Index(boundaries, stepping.TheAnswer); end >= 0 && c.seq.Count(tidyReport) == 0 {
			boundaries = boundaries[:end+1] // what follows is Vault's timer, which came by
		}
		passed = append(passed, boundaries)
	}
	return passed
}

// changes says whether what comes after a boundary is a call that changes something in AWS.
func changes(boundary string) bool {
	moment, call, _ := strings.Cut(boundary, " ")
	return moment == "before" && !strings.Contains(call, " ") && !strings.HasPrefix(call, "Get") && !strings.HasPrefix(call, "List")
}

// thin leaves a quarter of the cases, unless the tests run at their full length.
func (m *matrix) thin(offset int) {
	const share = 4
	var some []*crashCase
	for i, c := range m.cases {
		if *programs.Soak || (i+offset)%share == 0 {
			some = append(some, c)
		}
	}
	m.cases = some
}

// hold starts every operation and waits until each stands at its boundary.
func (m *matrix) hold() {
	for _, c := range m.cases {
		c.start(m.v)
	}
	for _, c := range m.cases {
		if err := m.reach(c); err != nil {
			m.t.Fatal(err)
		}
		if c.held != nil {
			c.held(c)
		}
	}
	m.fewEnded()
}

// reach waits until an operation stands at its boundary. One that ends well with fewer steps than were counted, because
// a call did not have to be made again, is interrupted after its end.
func (m *matrix) reach(c *crashCase) error {
	select {
	case <-c.seq.Reached:
		return nil
	case <-c.ended:
	case <-time.After(time.Minute):
	}
	ended := server.Closed(c.ended)
	if server.Closed(c.seq.Reached) { // what runs on after its answer may end at its boundary
		return nil
	}
	passed := strings.Join(c.seq.Boundaries(), ", ")
	if !ended {
		return fmt.Errorf("%s (%s) did not come to boundary %d; it passed %s", c.name, c.Mount, c.number, passed)
	}
	if c.err != nil {
		return fmt.Errorf("%s (%s) ended before boundary %d: %w; it passed %s", c.name, c.Mount, c.number, c.err, passed)
	}
	m.t.Logf("%s (%s) ended before boundary %d; it passed %s", c.name, c.Mount, c.number, passed)
	m.endedBefore.Add(1)
	c.seq.Release(stepping.GoesOn)
	return nil
}

// fewEnded sees that nearly all operations were interrupted.
func (m *matrix) fewEnded() {
	m.t.Helper()
	if ended := int(m.endedBefore.Load()); ended > len(m.cases)/20 {
		m.t.Errorf("%d of %d operations ended before their boundaries", ended, len(m.cases))
	}
}
