// SPDX-License-Identifier: MPL-2.0

package awscreds

// How fast AWS lets us call one action. IAM throttles with token buckets, which ones
// depends on the action (AWS Security Blog, "How to monitor and query IAM resources at
// scale - Part 2"), and does not say how large they are.
//
// Nothing is limited until AWS throttles an action. Then that action alone goes on a
// little more slowly than AWS just took it, and becomes faster by itself, along the
// curve that TCP CUBIC and the SDK's adaptive mode use: quickly back to where AWS
// throttled, slowly past it, then faster and faster. Three things are unlike the SDK's:
// throttled calls that were under way together count once, the rate begins at what AWS
// took and never falls below slowestPace, and the curve takes seconds and not a time
// that depends on the rate. So one stray throttle costs nobody anything, and hundreds
// at once do not bring all to a standstill.

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

const (
	// slowestPace is calls per second of one action. Should IAM take fewer, the waits of
	// the calls that it throttles do the rest.
	slowestPace = 5.0

	// slowDown is the part of the rate that goes after a throttle, and back how many
	// seconds it takes to come back. As much again above the old rate takes as long
	// again, twice the rate a second more, ten times the rate two more.
	slowDown = 0.15
	back     = 1.0

	// paceForgets is how long after the last throttle the limit ends. The curve is far
	// above all rates by then.
	paceForgets = 20 * time.Second
)

// paces are the rates of all actions. The lock guards the map.
type paces struct {
	mu sync.Mutex
	by map[string]*pace
}

// of returns the pace of an action; nil limits nothing.
func (ps *paces) of(action string) *pace {
	if ps == nil {
		return nil
	}
	ps.mu.Lock()
	defer ps.mu.Unlock()
	p := ps.by[action]
	if p == nil {
		p = &pace{action: action, front: make(chan struct{}, 1)}
		if ps.by == nil {
			ps.by = map[string]*pace{}
		}
		ps.by[action] = p
	}
	return p
}

// pace is the rate of one action.
type pace struct {
	action string
	front  chan struct{} // full while somebody waits at the front of the queue

	mu        sync.Mutex // guards the rest, and is never held while anybody waits
	throttled time.Time  // when AWS last did; zero if never
	ceiling   float64    // calls per second that AWS took then
	tokens    float64    // calls that may go at once
	filled    time.Time  // when tokens was right
	second    int64      // the second that is being counted
	took      [2]float64 // calls that AWS took in the second before, and in this one
}

// wait returns when a call may go. Those who wait go in the order in which they came.
func (p *pace) wait(ctx context.Context, until time.Time) error {
	if p == nil || !p.limits(time.Now()) {
		return nil
	}
	patience := time.NewTimer(time.Until(until))
	defer patience.Stop()
	select {
	case p.front <- struct{}{}: // the runtime serves those who wait here in turn
		defer func() { <-p.front }()
	case <-patience.C:
		return &unsentError{p.action, errNoTurn}
	case <-ctx.Done():
		return &unsentError{p.action, ctx.Err()}
	}
	for {
		left := p.take(time.Now())
		if left == 0 {
			return nil
		}
		token := time.NewTimer(left)
		select {
		case <-token.C:
		case <-patience.C:
			token.Stop()
			return &unsentError{p.action, errNoTurn}
		case <-ctx.Done():
			token.Stop()
			return &unsentError{p.action, ctx.Err()}
		}
	}
}

// limits reports whether there is a rate to keep to.
func (p *pace) limits(now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.limited(now)
}

func (p *pace) limited(now time.Time) bool {
	return !p.throttled.IsZero() && now.Sub(p.throttled) < paceForgets
}

// take takes a token, or says how long to wait for one.
func (p *pace) take(now time.Time) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.limited(now) {
		return 0
	}
	rate := p.rate(now)
	// What was not used for a second is not saved up: AWS's bucket may be small.
	p.tokens = min(p.tokens+now.Sub(p.filled).Seconds()*rate, rate)
	p.filled = now
	if p.tokens >= 1 {
		p.tokens--
		return 0
	}
	return time.Duration((1 - p.tokens) / rate * float64(time.Second))
}

// rateNow is rate for whoever does not hold the lock.
func (p *pace) rateNow(now time.Time) float64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.rate(now)
}

// rate is the calls per second at a moment after a throttle.
func (p *pace) rate(now time.Time) float64 {
	past := now.Sub(p.throttled).Seconds()/back - 1 // from where the old rate is reached
	return max(p.ceiling*(1+slowDown*past*past*past), slowestPace)
}

// learn takes note of what AWS said to an attempt.
func (p *pace) learn(sent, now time.Time, err error) {
	if p == nil {
		return
	}
	throttled := err != nil && IsThrottled(err)
	if !throttled && err != nil && Code(err) == "" {
		return // AWS has said nothing
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if second := now.Unix(); second != p.second {
		if p.took[0] = p.took[1]; second != p.second+1 {
			p.took[0] = 0
		}
		p.second, p.took[1] = second, 0
	}
	if !throttled {
		p.took[1]++
		return
	}
	if !sent.After(p.throttled) {
		return // it was under way when we slowed down: no news
	}
	part := float64(now.Nanosecond()) / float64(time.Second)
	p.ceiling = max(p.took[0]*(1-part)+p.took[1], slowestPace) // what AWS took in the last second
	p.throttled, p.filled, p.tokens = now, now, 0
}

var errNoTurn = errors.New("its turn did not come in time")

// unsentError says that AWS throttles an action so much that a call was not made.
type unsentError struct {
	action string
	err    error
}

func (e *unsentError) Error() string {
	return fmt.Sprintf("AWS throttles %s, and the call was not made: %v", e.action, e.err)
}

// Unwrap returns why the call did not wait any longer.
func (e *unsentError) Unwrap() error { return e.err }
