// SPDX-License-Identifier: MPL-2.0

package bench

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// This file measures one cell of the table: a role, a latency of AWS, and so many clients at once.

// benchCell says what is measured.
type benchCell struct {
	role    string
	latency time.Duration // of each call to AWS
	clients int
	rounds  int // how often it is measured: an odd number
}

func (c benchCell) String() string {
	return fmt.Sprintf("%s at %d ms with %d clients", c.role, c.latency.Milliseconds(), c.clients)
}

// benchResult is a cell with what each engine was measured to need.
type benchResult struct {
	benchCell
	of     []benchFigures
	rounds [][]benchRound // by engine
}

// benchFigures are what one engine needs in a cell.
type benchFigures struct {
	create, revoke pace
	calls          float64 // to AWS, for a credential's whole life
	cpu            cpuTime // likewise, on average over all rounds
	lives          int     // in all rounds
}

// pace is how fast credentials were made, or revoked.
type pace struct {
	p50, p99  time.Duration
	perSecond float64
}

// measureAll measures a cell for all engines, in turn. Who was last in one round is first in the next: a machine that
// becomes slower all the time would else be to the disadvantage of the same one in every round.
func (c benchCell) measureAll(engines []*benchEngine) benchResult {
	all := make([][]benchRound, len(engines))
	for _, e := range engines {
		e.aws.SetLatency(c.latency)
		c.live(e, soOften(c.clients)) // connections are open from here on
	}
	order := make([]int, len(engines))
	for i := range order {
		order[i] = i
	}
	for range c.rounds {
		for _, i := range order {
			all[i] = append(all[i], c.live(engines[i], whileInBox(max(benchFewest, c.clients))))
		}
		slices.Reverse(order)
	}
	r := benchResult{benchCell: c, rounds: all}
	for _, lives := range all {
		r.of = append(r.of, summary(lives))
	}
	return r
}

// spread is the lowest and the highest of ours to the built-in's in one round: how much the machine has its say.
func (r benchResult) spread(of func(benchRound) float64) (lowest, highest float64) {
	var ratios []float64
	for i, ours := range r.rounds[0] {
		ratios = append(ratios, of(ours)/of(r.rounds[1][i]))
	}
	return slices.Min(ratios), slices.Max(ratios)
}

// benchRound is one measurement: credentials made by so many clients at once, and then all of them revoked likewise.
type benchRound struct {
	count          int
	create, revoke pace
	calls          int
	cpu            cpuTime
}

// live makes credentials while more says so, and revokes them.
func (c benchCell) live(e *benchEngine, more func() bool) benchRound {
	t := e.v.T
	t.Helper()
	e.aws.ResetCalls()
	before := e.used()
	var mu sync.Mutex
	var leases []string
	created, err := allAtOnce(c.clients, more, func() error {
		lease, err := e.create(c.role)
		mu.Lock()
		defer mu.Unlock()
		if lease != "" {
			leases = append(leases, lease)
		}
		return err
	})
	next := make(chan string, len(leases))
	for _, lease := range leases {
		next <- lease
	}
	revoked, revokeErr := allAtOnce(c.clients, soOften(len(leases)), func() error { return e.revoke(<-next) })
	if err := errors.Join(err, revokeErr); err != nil {
		t.Fatalf("%s: %s: %v", e.name, c, err)
	}
	return benchRound{count: len(leases), create: created, revoke: revoked, calls: len(e.aws.Calls()), cpu: e.used().minus(before)}
}

// soOften says yes so many times.
func soOften(n int) func() bool {
	var asked atomic.Int64
	return func() bool { return asked.Add(1) <= int64(n) }
}

// whileInBox says yes at least so many times, and until the box is full.
func whileInBox(least int) func() bool {
	enough, end := soOften(least), time.Now().Add(benchBox)
	return func() bool { return enough() || time.Now().Before(end) }
}

// allAtOnce does work in so many goroutines at once while more says so, and measures each piece. The
// first error ends it.
func allAtOnce(clients int, more func() bool, work func() error) (pace, error) {
	took := make([][]time.Duration, clients)
	var group errgroup.Group
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	began := time.Now()
	for i := range clients {
		group.Go(func() error {
			for ctx.Err() == nil && more() {
				start := time.Now()
				if err := work(); err != nil {
					cancel()
					return err
				}
				took[i] = append(took[i], time.Since(start))
			}
			return nil
		})
	}
	err := group.Wait()
	elapsed := time.Since(began)
	all := slices.Concat(took...)
	slices.Sort(all)
	return pace{quantile(all, 0.50), quantile(all, 0.99), float64(len(all)) / elapsed.Seconds()}, err
}

// quantile is the value of a sorted list that a share q of it does not exceed.
func quantile(sorted []time.Duration, q float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[min(len(sorted)-1, int(q*float64(len(sorted))))]
}

// summary is the median of the rounds; processor time, which the kernel counts in steps of 10 ms, is their average.
func summary(lives []benchRound) (m benchFigures) {
	calls, cpu := 0, cpuTime{}
	for _, l := range lives {
		m.lives, calls, cpu = m.lives+l.count, calls+l.calls, cpu.plus(l.cpu)
	}
	m.calls = float64(calls) / float64(m.lives)
	m.cpu = cpuTime{cpu.plugin / time.Duration(m.lives), cpu.vault / time.Duration(m.lives)}
	m.create = medianPace(lives, func(l benchRound) pace { return l.create })
	m.revoke = medianPace(lives, func(l benchRound) pace { return l.revoke })
	return m
}

func medianPace(lives []benchRound, of func(benchRound) pace) pace {
	return pace{
		p50:       median(lives, func(l benchRound) time.Duration { return of(l).p50 }),
		p99:       median(lives, func(l benchRound) time.Duration { return of(l).p99 }),
		perSecond: median(lives, func(l benchRound) float64 { return of(l).perSecond }),
	}
}

// median is the middle one of an odd number of values.
func median[T any, N cmp.Ordered](list []T, of func(T) N) N {
	values := make([]N, len(list))
	for i, v := range list {
		values[i] = of(v)
	}
	slices.Sort(values)
	return values[len(values)/2]
}
