// SPDX-License-Identifier: MPL-2.0

package load

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

// This file is what AWS is like under load.

// iamRate and iamBurst are how many calls of one action AWS takes in a second, and at once. AWS keeps the real ones to
// itself: IAM has "a token bucket algorithm for throttling", whose size and refill depend on the API, and they cannot
// be raised (AWS Security Blog, "How to monitor and query IAM resources at scale - Part 2"). Twenty is of the order
// that people report for calls that change something, and low enough that 64 clients feel it all the time.
const (
	iamRate  = 20
	iamBurst = 20
)

// oneIn is the share of the calls that meet each kind of fault.
const oneIn = 100

// faultMix is the faults at work, by what they are called.
type faultMix struct {
	names  []string
	faults map[string][]*fakeaws.Injected
}

// inject has one call in a hundred go wrong in each way that a call can, each kind beginning elsewhere.
func inject(account *fakeaws.Server) *faultMix {
	s := &faultMix{faults: map[string][]*fakeaws.Injected{}}
	order := func(f fakeaws.Fault) {
		name := f.Kind.String()
		if s.faults[name] == nil {
			s.names = append(s.names, name)
		}
		f.Every, f.After = oneIn, 11*len(s.names)
		s.faults[name] = append(s.faults[name], account.Inject(f))
	}
	for _, kind := range []fakeaws.Kind{
		fakeaws.ServerError, fakeaws.Unavailable, fakeaws.Throttle, fakeaws.LostAnswer, fakeaws.Cut, fakeaws.Conflict, fakeaws.Refuse,
	} {
		order(fakeaws.Fault{Kind: kind})
	}
	order(fakeaws.Fault{Kind: fakeaws.Delay, Latency: 500 * time.Millisecond})
	// AWS lags behind with what is new. It never denies an old user, so the calls that end one are left out.
	for _, action := range []string{"AttachUserPolicy", "PutUserPolicy", "AddUserToGroup", "CreateAccessKey"} {
		order(fakeaws.Fault{Action: action, Kind: fakeaws.Lagging})
	}
	return s
}

// hits counts the calls that met one kind.
func (s *faultMix) hits(name string) (n int) {
	for _, i := range s.faults[name] {
		n += i.Hits()
	}
	return n
}

func (s *faultMix) String() string {
	var words []string
	for _, name := range s.names {
		words = append(words, fmt.Sprintf("%s %d", name, s.hits(name)))
	}
	return strings.Join(words, ", ")
}

// allMet demands that every kind was met.
func (s *faultMix) allMet(t *testing.T) {
	t.Helper()
	for _, name := range s.names {
		if s.hits(name) == 0 {
			t.Errorf("no call met %q: the load was none", name)
		}
	}
}

// throttledCalls counts the calls that AWS refused because there were too many.
func throttledCalls(account *fakeaws.Server) (n int) {
	for _, c := range account.Calls() {
		if c.Code == "Throttling" {
			n++
		}
	}
	return n
}
