// SPDX-License-Identifier: MPL-2.0

package cluster

import (
	"context"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"vault-plugin-secrets-aws-dyn/internal/e2e/crowd"
	"vault-plugin-secrets-aws-dyn/internal/e2e/server"
	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

// This file is the clients of a cluster. They ask any of its servers, and remember what they were given.

const (
	clusterClients = 8
	clusterLease   = 30 // seconds that a lease lasts, from its begin and from each renewal
)

// holders are the clients of one mount.
type holders struct {
	*crowd.Crowd
	failures atomic.Int64 // requests that failed, of each sort

	mu      sync.Mutex
	held    map[string]*held // by lease
	wrote   time.Time        // when a request last went well
	longest time.Duration    // that none did, while they asked
}

// held is what a client was given.
type held struct {
	key    fakeaws.Key
	until  time.Time // it has to work for so long
	ending bool      // its holder has asked for its end
}

func newHolders(c *server.Cluster, mount string) *holders {
	h := &holders{held: map[string]*held{}}
	h.Crowd = &crowd.Crowd{Ctx: c.T.Context(), Mount: mount}
	h.Ask = func(ctx context.Context, method, path string, body any) (server.Answer, error) {
		a, err := c.Ask(ctx, method, path, body)
		if err != nil || a.Status >= http.StatusBadRequest {
			h.failures.Add(1)
			return a, err
		}
		h.mu.Lock()
		defer h.mu.Unlock()
		h.breathe()
		return a, nil
	}
	return h
}

// breathe notes that a write went well. Each request of theirs writes.
func (h *holders) breathe() {
	h.longest = max(h.longest, time.Since(h.wrote))
	h.wrote = time.Now()
}

// start has all clients ask until they are told to stop. A request that was begun is seen through.
func (h *holders) start() (stop func()) {
	h.mu.Lock()
	h.wrote = time.Now()
	h.mu.Unlock()
	over := make(chan struct{})
	var clients sync.WaitGroup
	for n := range clusterClients {
		clients.Go(func() {
			for round := n; !server.Closed(over); round++ {
				if h.visit(round) {
					continue
				}
				select { // as polite clients do
				case <-over:
				case <-time.After(50 * time.Millisecond):
				}
			}
		})
	}
	return sync.OnceFunc(func() {
		close(over)
		clients.Wait()
	})
}

// visit is one client's way with one credential: every second one stays, and two of three are renewed.
func (h *holders) visit(round int) (ok bool) {
	began := time.Now()
	a, ok := h.Create("brief")
	if !ok {
		return false
	}
	lease := a.Lease()
	h.hold(lease, fakeaws.Key{AccessKeyID: a.Key().ID, SecretAccessKey: a.Key().Secret}, began)
	if round%3 > 0 {
		h.prolong(lease, clusterLease)
	}
	if round%2 == 0 {
		h.giveBack(lease)
	}
	return true
}

func (h *holders) hold(lease string, key fakeaws.Key, began time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.held[lease] = &held{key: key, until: began.Add(clusterLease * time.Second)}
}

// prolong renews a lease.
func (h *holders) prolong(lease string, seconds int) {
	began := time.Now()
	if h.Renew(lease, seconds) {
		h.lasts(lease, began, seconds)
	}
}

// lasts notes until when a lease has to last.
func (h *holders) lasts(lease string, began time.Time, seconds int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.held[lease].until = began.Add(time.Duration(seconds) * time.Second)
}

// giveBack revokes a lease. Whatever is answered, it is not used any more.
func (h *holders) giveBack(lease string) {
	h.mu.Lock()
	h.held[lease].ending = true
	h.mu.Unlock()
	h.Revoke(lease, true)
}

// endAll says that nobody uses a lease any more.
func (h *holders) endAll() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, one := range h.held {
		one.ending = true
	}
}

// keyOf is what the holder of a lease has, and whether the lease is being revoked. One that no client was answered with is,
// as far as anybody can tell: Vault revokes a credential whose lease it could not store, and may have stored it all the same.
func (h *holders) keyOf(l *server.LiveLease) (key fakeaws.Key, ending bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if one := h.held[l.ID]; one != nil {
		return one.key, one.ending
	}
	return l.Key(), true
}

// inUse are the keys that have to work.
func (h *holders) inUse() map[string]held {
	h.mu.Lock()
	defer h.mu.Unlock()
	keys := map[string]held{}
	for lease, one := range h.held {
		if !one.ending && one.until.After(time.Now()) {
			keys[lease] = *one
		}
	}
	return keys
}

// silence is the longest time in which no write went well.
func (h *holders) silence() time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.longest
}
