// SPDX-License-Identifier: MPL-2.0

package load

import (
	"context"
	"io"
	"net"
	"sync"
	"testing"
)

// This file is the way to AWS, which can be cut as networks are: nobody answers, or nobody is there at all.

// gate passes connections on to an account while it is open.
type gate struct {
	t    testing.TB
	to   string // host and port of the account
	at   string // host and port of the gate
	hole bool   // take connections and never answer, in place of refusing them

	mu       sync.Mutex
	listener net.Listener // nil while connections are refused
	shut     bool
	conns    map[net.Conn]bool
}

func newGate(t testing.TB, to string, hole bool) *gate {
	t.Helper()
	g := &gate{t: t, to: to, at: "127.0.0.1:0", hole: hole, conns: map[net.Conn]bool{}}
	g.listen()
	t.Cleanup(func() {
		g.close()
		g.mu.Lock()
		defer g.mu.Unlock()
		if g.listener != nil {
			_ = g.listener.Close() // the test is over
		}
	})
	return g
}

// listen takes connections, at the same address as before.
func (g *gate) listen() {
	g.t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", g.at)
	if err != nil {
		g.t.Fatalf("opening the way to AWS: %v", err)
	}
	g.mu.Lock()
	g.at, g.listener = listener.Addr().String(), listener
	g.mu.Unlock()
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go g.pass(conn)
		}
	}()
}

// close ends all connections and lets none through until open.
func (g *gate) close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.shut = true
	if !g.hole && g.listener != nil {
		_ = g.listener.Close() // what is refused from now on needs no error
		g.listener = nil
	}
	for conn := range g.conns {
		_ = conn.Close() // both sides see it
	}
	clear(g.conns)
}

// open lets connections through again. Those that a hole swallowed meanwhile stay lost.
func (g *gate) open() {
	g.t.Helper()
	g.mu.Lock()
	g.shut = false
	closed := g.listener == nil
	g.mu.Unlock()
	if closed {
		g.listen()
	}
}

// keep remembers a connection, and reports whether the gate is open to it.
func (g *gate) keep(conn net.Conn) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.conns[conn] = true
	return !g.shut
}

// pass joins a connection with one to the account, or swallows all that it says.
func (g *gate) pass(from net.Conn) {
	defer func() { _ = from.Close() }() // either side may have closed it
	if !g.keep(from) {
		_, _ = io.Copy(io.Discard, from) // until whoever calls gives up
		return
	}
	to, err := (&net.Dialer{}).DialContext(context.Background(), "tcp", g.to)
	if err != nil {
		return
	}
	defer func() { _ = to.Close() }()
	if !g.keep(to) {
		return
	}
	go func() {
		_, _ = io.Copy(to, from) // it ends when either side is closed
		_ = to.Close()
	}()
	_, _ = io.Copy(from, to)
}
