// SPDX-License-Identifier: MPL-2.0

package fakeaws

import (
	"context"
	"slices"
	"sync"
)

// This file proves parallelism without a clock: calls wait for each other.

// Barrier holds calls until enough of them are under way at once.
type Barrier struct {
	want    int
	actions []string

	free    chan struct{} // closed when enough have come, or by Release
	release sync.Once
	done    chan struct{} // closed when enough have come
	enough  sync.Once

	mu   sync.Mutex
	held int
	most int
}

// Barrier holds the calls of these actions, or of every action if none is named, until n of them are under way
// at once; then all go on, and so do later ones. A client that makes them one by one gets no answer to the
// first, until Release.
func (s *Server) Barrier(n int, actions ...string) *Barrier {
	g := &Barrier{want: n, actions: actions, free: make(chan struct{}), done: make(chan struct{})}
	s.network.mu.Lock()
	defer s.network.mu.Unlock()
	s.network.barriers = append(s.network.barriers, g)
	return g
}

// matches says whether the barrier is about the call.
func (g *Barrier) matches(c *Call) bool {
	return len(g.actions) == 0 || slices.Contains(g.actions, c.Action)
}

// wait holds a call until enough have come, the client goes away, or the server closes.
func (g *Barrier) wait(ctx context.Context, stopped <-chan struct{}) {
	g.mu.Lock()
	g.held++
	g.most = max(g.most, g.held)
	enough := g.held >= g.want
	g.mu.Unlock()
	if enough {
		g.enough.Do(func() { close(g.done) })
		g.Release()
	}
	select {
	case <-g.free:
	case <-ctx.Done():
	case <-stopped:
	}
	g.mu.Lock()
	g.held--
	g.mu.Unlock()
}

// Done is closed when n calls were under way at once.
func (g *Barrier) Done() <-chan struct{} { return g.done }

// Most is the largest number of calls that were held at once.
func (g *Barrier) Most() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.most
}

// Release lets go of the calls that are held, now and later, however few they are.
func (g *Barrier) Release() { g.release.Do(func() { close(g.free) }) }
