// SPDX-License-Identifier: MPL-2.0

package fakeaws

import (
	"context"
	"sync"
	"time"
)

// This file decides, in one place, what becomes of a call before anybody looks at its signature. The order is:
// hangs and barriers hold it; the rate refuses it; the oldest fault with an answer refuses or cuts it; and
// whatever becomes of it, it takes its latency.

// network is all that can befall a call on its way.
type network struct {
	stopped chan struct{} // closed when the server closes: nothing holds any more
	stop    sync.Once

	mu       sync.Mutex
	faults   []*Injected
	barriers []*Barrier
	latency  time.Duration
	rates    map[string]rate    // by action, "" for those without their own
	buckets  map[string]*bucket // by action
}

// rate is a limit on calls: a bucket of burst tokens that fills at perSecond.
type rate struct {
	perSecond float64
	burst     int
}

// bucket is the tokens left of one action's rate at a moment.
type bucket struct {
	tokens float64
	at     time.Time
}

func newNetwork() *network {
	return &network{stopped: make(chan struct{}), rates: map[string]rate{}, buckets: map[string]*bucket{}}
}

// close ends every wait, for good.
func (n *network) close() { n.stop.Do(func() { close(n.stopped) }) }

// verdict is what the network does to one call that it no longer holds.
type verdict struct {
	refusal *Refusal      // answered instead of the work
	cut     bool          // the connection is closed instead of the work
	lost    bool          // the connection is closed instead of the answer
	foreign *reply        // answered instead of AWS's answer
	undone  bool          // and instead of the work
	after   []*Injected   // hit once the work is done
	latency time.Duration // the call takes at least this, from its start
	names   []string      // the faults met
}

// settled says that an earlier fault has decided how the call is answered.
func (v *verdict) settled() bool { return v.refusal != nil || v.cut || v.lost || v.foreign != nil }

// meets counts a call against a fault and says whether the fault applies. The lock of the network keeps the counts.
func (i *Injected) meets(c *Call) bool {
	if !i.fault.matches(c) {
		return false
	}
	i.seen++
	late := i.seen - i.fault.After - 1
	if late < 0 || late%max(i.fault.Every, 1) != 0 || (i.fault.Times > 0 && i.hits >= i.fault.Times) {
		return false
	}
	i.hits++
	return true
}

// hit tells those who wait for Reached.
func (i *Injected) hit() { i.reach.Do(func() { close(i.reached) }) }

// wait holds a call that met a hang until the fault lets go, the client goes away, or the server closes.
func (i *Injected) wait(ctx context.Context) {
	if i.fault.Kind != Hang && i.fault.Kind != HangAfter {
		return
	}
	select {
	case <-i.free:
	case <-ctx.Done():
	case <-i.network.stopped:
	}
}

// hold keeps a call for as long as hangs and barriers want it and names those that did.
func (n *network) hold(ctx context.Context, c *Call) (names []string) {
	n.mu.Lock()
	var hangs []*Injected
	for _, i := range n.faults {
		if i.fault.Kind == Hang && i.meets(c) {
			hangs = append(hangs, i)
			names = append(names, Hang.String())
		}
	}
	var barriers []*Barrier
	for _, g := range n.barriers {
		if g.matches(c) {
			barriers = append(barriers, g)
		}
	}
	n.mu.Unlock()
	for _, i := range hangs {
		i.hit()
		i.wait(ctx)
	}
	for _, g := range barriers {
		g.wait(ctx, n.stopped)
	}
	return names
}

// decide says what becomes of a call.
func (n *network) decide(c *Call, now time.Time) verdict {
	n.mu.Lock()
	defer n.mu.Unlock()
	v := verdict{latency: n.latency}
	if n.exceeds(c.Action, now) {
		v.refusal = throttled()
		v.names = append(v.names, Throttle.String())
	}
	for _, i := range n.faults {
		kind := i.fault.Kind
		adds := kind == Delay || kind == HangAfter // it says nothing of the answer
		if kind == Hang || (!adds && v.settled()) || !i.meets(c) {
			continue
		}
		v.names = append(v.names, kind.String())
		if kind == HangAfter || kind == LostAnswer || kind == ForeignAfter {
			v.after = append(v.after, i)
		} else {
			i.hit()
		}
		switch kind {
		case HangAfter:
		case Delay:
			v.latency = max(v.latency, i.fault.Latency)
		case Cut:
			v.cut = true
		case LostAnswer:
			v.lost = true
		case Foreign, ForeignAfter:
			v.foreign, v.undone = i.fault.foreign(), kind == Foreign
		default:
			v.refusal = i.fault.refusal(c)
		}
	}
	return v
}

// exceeds takes a token for the action, if it has a rate, and says whether there was none.
func (n *network) exceeds(action string, now time.Time) bool {
	limit, ok := n.rates[action]
	if !ok {
		limit, ok = n.rates[""]
	}
	if !ok {
		return false
	}
	b, ok := n.buckets[action]
	if !ok {
		b = &bucket{tokens: float64(limit.burst), at: now}
		n.buckets[action] = b
	}
	b.tokens = min(float64(limit.burst), b.tokens+now.Sub(b.at).Seconds()*limit.perSecond)
	b.at = now
	if b.tokens < 1 {
		return true
	}
	b.tokens--
	return false
}

// pause returns d after start, at once if that is past. It does not care whether the client is still there: AWS
// does not either.
func (n *network) pause(start time.Time, d time.Duration) {
	left := d - time.Since(start)
	if left <= 0 {
		return
	}
	timer := time.NewTimer(left)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-n.stopped:
	}
}

// SetLatency makes every call take at least d. Calls wait side by side, as they do in AWS.
func (s *Server) SetLatency(d time.Duration) {
	s.network.mu.Lock()
	defer s.network.mu.Unlock()
	s.network.latency = d
}

// SetRate limits an action to perSecond calls after a burst; what is over it is throttled. An empty action is
// every action that has no rate of its own, each with its own bucket. perSecond 0 removes the limit.
func (s *Server) SetRate(action string, perSecond float64, burst int) {
	s.network.mu.Lock()
	defer s.network.mu.Unlock()
	if action == "*" {
		action = ""
	}
	if perSecond == 0 {
		delete(s.network.rates, action)
	} else {
		s.network.rates[action] = rate{perSecond, max(burst, 1)}
	}
	s.network.buckets = map[string]*bucket{}
}
