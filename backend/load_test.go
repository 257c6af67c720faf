// SPDX-License-Identifier: MPL-2.0

package backend

// What a load leaves in the process: nothing. internal/e2e/load loads a real Vault, but from
// outside the shipped binary shows neither its goroutines nor what it holds in memory.

import (
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/users"
	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

// loadClients ask at the same time, and each loadLives times in one go.
const (
	loadClients = 64
	loadLives   = 2
)

// live has every client issue and revoke, whatever AWS says to it.
func (m *mount) live() (issued, failed int) {
	m.t.Helper()
	var count sync.Mutex
	var clients sync.WaitGroup
	for range loadClients {
		clients.Go(func() {
			for range loadLives {
				creds, err := m.ask(logical.ReadOperation, "creds/wide", nil)
				went := err == nil && !creds.IsError()
				if went {
					_, err = m.lease(logical.RevokeOperation, creds)
				}
				for range 10 { // as Vault would, with more time between
					if !went || err == nil {
						break
					}
					_, err = m.lease(logical.RevokeOperation, creds)
				}
				count.Lock()
				if went {
					issued++
				} else {
					failed++
				}
				count.Unlock()
			}
		})
	}
	clients.Wait()
	return issued, failed
}

// quiet says that no request is under way, nor anything that one left to do.
func (m *mount) quiet() bool {
	requests := &m.b.(*backend).requests
	requests.mu.Lock()
	defer requests.mu.Unlock()
	return len(requests.cancels) == 0
}

// held is the memory that is in use.
func held() int64 {
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}

func TestALoadLeavesNothingInTheProcess(t *testing.T) {
	before := runtime.NumGoroutine()
	m := newWideMount(t)
	m.aws.SetRate("", 400, 50)
	// The rate sees to throttling.
	for i, kind := range []fakeaws.Kind{
		fakeaws.LostAnswer, fakeaws.Cut, fakeaws.ServerError, fakeaws.Refuse, fakeaws.Unavailable, fakeaws.Conflict,
	} {
		m.aws.Inject(fakeaws.Fault{Kind: kind, Every: 100, After: 11 * i})
	}
	m.live()
	m.aws.ResetCalls()
	first := held()
	issued, failed := m.live()
	m.waitUntil("the cleanups that outlive their requests are done", m.quiet)
	m.waitUntil("AWS has nothing to do any more, late attempts included", func() bool { return m.aws.InFlight() == 0 })
	m.aws.ClearFaults()
	m.pass(users.DefaultLateWindow)
	m.mustTick()
	m.noUsers()
	m.recorded(0)
	m.aws.ResetCalls()
	second := held()
	if err := m.aws.Close(); err != nil { // and with it all connections
		t.Fatal(err)
	}
	settle := time.NewTicker(10 * time.Millisecond)
	defer settle.Stop()
	for range 1000 {
		if runtime.NumGoroutine() <= before {
			break
		}
		<-settle.C
	}
	t.Logf("%d credentials issued and revoked, %d creates failed; %d goroutines before, %d after; %d KiB held after a first load, %d KiB after a second",
		issued, failed, before, runtime.NumGoroutine(), first>>10, second>>10)
	if now := runtime.NumGoroutine(); now > before {
		stacks := make([]byte, 1<<20)
		t.Errorf("%d goroutines are left:\n%s", now-before, stacks[:runtime.Stack(stacks, true)])
	}
	if second > first+8<<20 {
		t.Errorf("%d KiB more are held after the second load than after the first", (second-first)>>10)
	}
}
