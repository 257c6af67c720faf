// SPDX-License-Identifier: MPL-2.0

package awscreds

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"
)

var errThrottled = &unsentError{action: "CreateUser", err: errors.New("as AWS says it")}

// awsBucket is AWS's side of one action, in a time of its own.
type awsBucket struct {
	rate, burst, tokens float64
	at                  time.Time
}

func (b *awsBucket) takes(now time.Time) bool {
	b.tokens = min(b.tokens+now.Sub(b.at).Seconds()*b.rate, b.burst)
	b.at = now
	if b.tokens < 1 {
		return false
	}
	b.tokens--
	return true
}

// Whatever AWS's rate is, and it does not tell, callers who always have one more call
// to make use nearly all of it, and few of their calls are in vain.
func TestPaceFindsTheRateOfAWS(t *testing.T) {
	t.Parallel()
	for _, rate := range []float64{8, 20, 100} {
		t.Run(fmt.Sprint(rate), func(t *testing.T) {
			t.Parallel()
			const seconds = 120
			start := time.Unix(1000, 0)
			p := new(paces).of("CreateUser")
			aws := &awsBucket{rate: rate, burst: rate, tokens: rate, at: start}
			took, refused := 0, 0
			for now := start; now.Before(start.Add(seconds * time.Second)); now = now.Add(time.Millisecond) {
				if p.take(now) != 0 {
					continue
				}
				if aws.takes(now) {
					p.learn(now, now, nil)
					took++
				} else {
					p.learn(now, now, errThrottled)
					refused++
				}
			}
			t.Logf("AWS took %d of the %.0f calls that it would have, and refused %d", took, seconds*rate, refused)
			if float64(took) < 0.95*seconds*rate || refused > took/10 {
				t.Errorf("%d taken, %d refused", took, refused)
			}
		})
	}
}

// One stray throttle while little goes on leaves room for several requests a second.
func TestAStrayThrottleCostsLittle(t *testing.T) {
	t.Parallel()
	now := time.Unix(1000, 0)
	p := new(paces).of("CreateUser")
	p.learn(now, now, errThrottled)
	for range 10 {
		left := p.take(now)
		if left > time.Second/slowestPace {
			t.Errorf("a call waits %s", left)
		}
		now = now.Add(left + time.Millisecond)
	}
	if now = now.Add(paceForgets); p.limits(now) {
		t.Error("it is not forgotten")
	}
}

// Calls that were under way together and are all throttled count as one, and another
// action goes on as if nothing had happened.
func TestThrottledTogetherCountsOnce(t *testing.T) {
	t.Parallel()
	limits := new(paces)
	p := limits.of("CreateUser")
	now := time.Unix(1000, 0)
	for range 50 {
		p.learn(now, now, nil)
	}
	now = now.Add(500 * time.Millisecond)
	p.learn(now, now, errThrottled)
	before := p.rate(now)
	for range 200 {
		p.learn(now.Add(-time.Millisecond), now.Add(time.Millisecond), errThrottled)
	}
	if after := p.rate(now); after != before || after < 40 {
		t.Errorf("%.1f calls a second, then %.1f", before, after)
	}
	if limits.of("DeleteUser").limits(now) || !p.limits(now) {
		t.Error("the wrong action is limited")
	}
}

// Who gives up waiting for a turn was throttled, and has certainly changed nothing.
func TestWhoWaitsInVain(t *testing.T) {
	t.Parallel()
	p := new(paces).of("CreateUser")
	far := time.Now().Add(time.Minute) // so that no token comes while this test runs
	p.learn(far, far, errThrottled)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	later := time.Now().Add(time.Hour)
	for name, err := range map[string]error{
		"no time": p.wait(t.Context(), time.Now()), "nobody there": p.wait(ctx, later),
	} {
		if err == nil || !IsThrottled(err) || !notDone(err) || IsRefused(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if len(p.front) != 0 {
		t.Error("who gave up still stands at the front")
	}
	if err := (*pace)(nil).wait(ctx, later); err != nil {
		t.Error(err)
	}
}
