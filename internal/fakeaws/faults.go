// SPDX-License-Identifier: MPL-2.0

package fakeaws

import (
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"
)

// This file says what can go wrong with a call, and lets a test order it.

// Fault is an order for something to go wrong.
type Fault struct {
	Action  string // "" or "*" is every action
	User    string // only calls about this user; "" is any
	Account string // only calls about this account; "" is any
	Kind    Kind
	Code    string // for Refuse: default AccessDenied; for Unsupported: default MethodNotAllowed
	Message string // for Refuse
	Status  int    // for Refuse: default 403; for Unsupported: by its code; for Foreign and ForeignAfter: default 200
	Body    string // for Foreign and ForeignAfter
	Type    string // the media type of Body: default text/html
	After   int    // that many matching calls pass first
	Every   int    // of those after, one of so many, beginning with the first; 0 is each
	Times   int    // that many then meet it; 0 is until it is removed
	Latency time.Duration
}

// matches says whether the fault is about the call.
func (f Fault) matches(c *Call) bool {
	return (f.Action == "" || f.Action == "*" || f.Action == c.Action) && (f.User == "" || f.User == c.User) && (f.Account == "" || f.Account == c.Account)
}

// refusal is the error that a fault of an answering kind gives.
func (f Fault) refusal(c *Call) *Refusal {
	switch f.Kind {
	case ServerError:
		return &Refusal{http.StatusInternalServerError, "InternalFailure", "The request processing has failed because of an unknown error, exception or failure."}
	case Unavailable:
		return &Refusal{http.StatusServiceUnavailable, "ServiceUnavailable", "The request has failed due to a temporary failure of the server."}
	case Throttle:
		return throttled()
	case Conflict:
		return concurrentModification()
	case Lagging:
		return noSuchUser(c.User)
	case Unsupported:
		return unsupported(f.Code, f.Status, c)
	}
	refusal := &Refusal{f.Status, f.Code, f.Message}
	if refusal.Status == 0 {
		refusal.Status = http.StatusForbidden
	}
	if refusal.Code == "" {
		refusal.Code = "AccessDenied"
	}
	if refusal.Message == "" {
		refusal.Message = fmt.Sprintf("The caller is not authorized to perform: %s:%s", c.Service, c.Action)
	}
	return refusal
}

// foreign is what a fault answers in the place of AWS.
func (f Fault) foreign() *reply {
	out := &reply{status: f.Status, kind: f.Type, body: []byte(f.Body)}
	if out.status == 0 {
		out.status = http.StatusOK
	}
	if out.kind == "" {
		out.kind = "text/html"
	}
	return out
}

// Injected is a fault at work.
type Injected struct {
	fault   Fault
	network *network
	release sync.Once
	free    chan struct{} // closed by Release
	reached chan struct{} // closed at the first hit
	reach   sync.Once
	seen    int // matching calls so far, under the lock of the network like hits
	hits    int
}

// Inject orders a fault. Of several that would answer the same call the oldest does; hangs and delays add up.
func (s *Server) Inject(f Fault) *Injected {
	i := &Injected{fault: f, network: s.network, free: make(chan struct{}), reached: make(chan struct{})}
	s.network.mu.Lock()
	defer s.network.mu.Unlock()
	s.network.faults = append(s.network.faults, i)
	return i
}

// Remove ends the fault for calls to come. A call that hangs keeps hanging until Release.
func (i *Injected) Remove() {
	i.network.mu.Lock()
	defer i.network.mu.Unlock()
	i.network.faults = slices.DeleteFunc(i.network.faults, func(other *Injected) bool { return other == i })
}

// Release lets go of the calls that hang, now and later.
func (i *Injected) Release() { i.release.Do(func() { close(i.free) }) }

// Hits counts the calls that met the fault.
func (i *Injected) Hits() int {
	i.network.mu.Lock()
	defer i.network.mu.Unlock()
	return i.hits
}

// Reached is closed when a call first meets the fault: it hangs, or its work is done if the fault comes after the
// work, or it is about to be refused or cut.
func (i *Injected) Reached() <-chan struct{} { return i.reached }

// ClearFaults removes all faults and barriers and lets go of all that they hold. Latency, rates, lag and
// conflicts stay as they are set.
func (s *Server) ClearFaults() {
	s.network.mu.Lock()
	faults, barriers := s.network.faults, s.network.barriers
	s.network.faults, s.network.barriers = nil, nil
	s.network.mu.Unlock()
	for _, i := range faults {
		i.Release()
	}
	for _, g := range barriers {
		g.Release()
	}
}
