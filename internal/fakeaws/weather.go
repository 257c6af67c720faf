// SPDX-License-Identifier: MPL-2.0

package fakeaws

import (
	"context"
	"sync"
	"time"
)

// This file decides, in one place, what becomes of a call before anybody looks at its signature. The order is:
// hangs and gatherings hold it; the rate refuses it; the oldest fault with an answer refuses or cuts it; and
// whatever becomes of it, it takes its latency.

// weather is all that can befall a call on its way.
type weather struct {
	stopped chan struct{} // closed when the server closes: nothing holds any more
	stop    sync.Once

	mu         sync.Mutex
	faults     []*Injected
	gatherings []*Gathering
	latency    time.Duration
	rates      map[string]rate    // by action, "" for those without their own
	buckets    map[string]*bucket // by action
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

func newWeather() *weather {
	return &weather{stopped: make(chan struct{}), rates: map[string]rate{}, buckets: map[string]*bucket{}}
}

// close ends every wait, for good.
func (w *weather) close() { w.stop.Do(func() { close(w.stopped) }) }

// verdict is what the weather does to one call that it no longer holds.
type verdict struct {
	refusal *Refusal      // answered instead of the work
	cut     bool          // the connection is closed instead of the work
	lost    bool          // the connection is closed instead of the answer
	foreign *reply        // answered instead of AWS's answer
	undone  bool          // and instead of the work
	after   []*Injected   // strike once the work is done
	latency time.Duration // the call takes at least this, from its start
	names   []string      // the faults met
}

// settled says that an earlier fault has decided how the call is answered.
func (v *verdict) settled() bool { return v.refusal != nil || v.cut || v.lost || v.foreign != nil }

// meets counts a call against a fault and says whether the fault strikes. The weather's lock keeps the counts.
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

// strike tells those who wait for Reached.
func (i *Injected) strike() { i.reach.Do(func() { close(i.reached) }) }

// wait holds a call that met a hang until the fault lets go, the client goes away, or the server closes.
func (i *Injected) wait(ctx context.Context) {
	if i.fault.Kind != Hang && i.fault.Kind != HangAfter {
		return
	}
	select {
	case <-i.free:
	case <-ctx.Done():
	case <-i.weather.stopped:
	}
}

// hold keeps a call for as long as hangs and gatherings want it and names those that did.
func (w *weather) hold(ctx context.Context, c *Call) (names []string) {
	w.mu.Lock()
	var hangs []*Injected
	for _, i := range w.faults {
		if i.fault.Kind == Hang && i.meets(c) {
			hangs = append(hangs, i)
			names = append(names, Hang.String())
		}
	}
	var gatherings []*Gathering
	for _, g := range w.gatherings {
		if g.matches(c) {
			gatherings = append(gatherings, g)
		}
	}
	w.mu.Unlock()
	for _, i := range hangs {
		i.strike()
		i.wait(ctx)
	}
	for _, g := range gatherings {
		g.wait(ctx, w.stopped)
	}
	return names
}

// decide says what becomes of a call.
func (w *weather) decide(c *Call, now time.Time) verdict {
	w.mu.Lock()
	defer w.mu.Unlock()
	v := verdict{latency: w.latency}
	if w.exceeds(c.Action, now) {
		v.refusal = throttled()
		v.names = append(v.names, Throttle.String())
	}
	for _, i := range w.faults {
		kind := i.fault.Kind
		adds := kind == Delay || kind == HangAfter // it says nothing of the answer
		if kind == Hang || (!adds && v.settled()) || !i.meets(c) {
			continue
		}
		v.names = append(v.names, kind.String())
		if kind == HangAfter || kind == LostAnswer || kind == ForeignAfter {
			v.after = append(v.after, i)
		} else {
			i.strike()
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
func (w *weather) exceeds(action string, now time.Time) bool {
	limit, ok := w.rates[action]
	if !ok {
		limit, ok = w.rates[""]
	}
	if !ok {
		return false
	}
	b, ok := w.buckets[action]
	if !ok {
		b = &bucket{tokens: float64(limit.burst), at: now}
		w.buckets[action] = b
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
func (w *weather) pause(start time.Time, d time.Duration) {
	left := d - time.Since(start)
	if left <= 0 {
		return
	}
	timer := time.NewTimer(left)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-w.stopped:
	}
}

// SetLatency makes every call take at least d. Calls wait side by side, as they do in AWS.
func (s *Server) SetLatency(d time.Duration) {
	s.weather.mu.Lock()
	defer s.weather.mu.Unlock()
	s.weather.latency = d
}

// SetRate limits an action to perSecond calls after a burst; what is over it is throttled. An empty action is
// every action that has no rate of its own, each with its own bucket. perSecond 0 removes the limit.
func (s *Server) SetRate(action string, perSecond float64, burst int) {
	s.weather.mu.Lock()
	defer s.weather.mu.Unlock()
	if action == "*" {
		action = ""
	}
	if perSecond == 0 {
		delete(s.weather.rates, action)
	} else {
		s.weather.rates[action] = rate{perSecond, max(burst, 1)}
	}
	s.weather.buckets = map[string]*bucket{}
}
