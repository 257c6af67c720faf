// SPDX-License-Identifier: MPL-2.0

package backend

// Changes of one static role are made in turn, and so are the adoptions of one IAM
// user, rotations of the root key, and writes of config/root. Nothing that only reads
// ever waits for a turn. Unlike a mutex a turn may be held while storage or AWS works,
// because nobody is bound to wait for it: a request that waits goes when its client
// does, and whoever comes again later does not wait at all.

import (
	"context"
	"sync"
)

// The turns of config/root, beside those of roles and users.
const (
	turnOfConfig  = "config/root" // who reads it to write it
	turnOfRootKey = "root key"    // who changes it in AWS
)

// turns knows what is being changed at this moment. The lock guards the map and is
// never held while anything else happens.
type turns struct {
	mu    sync.Mutex
	taken map[string]chan struct{} // closed when the turn ends
}

// take waits until nobody changes any of what is named, and takes them all at once:
// who waits holds nothing, so nobody waits for ever.
func (t *turns) take(ctx context.Context, names ...string) (end func(), err error) {
	for {
		end, busy := t.try(names...)
		if busy == nil {
			return end, nil
		}
		select {
		case <-busy:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// try is take without the waiting: busy is closed when it is worth another try, and
// nil when the turn is ours.
func (t *turns) try(names ...string) (end func(), busy <-chan struct{}) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, name := range names {
		if other, taken := t.taken[name]; taken {
			return nil, other
		}
	}
	if t.taken == nil {
		t.taken = map[string]chan struct{}{}
	}
	done := make(chan struct{})
	for _, name := range names {
		t.taken[name] = done
	}
	return func() {
		t.mu.Lock()
		for _, name := range names {
			delete(t.taken, name)
		}
		t.mu.Unlock()
		close(done)
	}, nil
}
