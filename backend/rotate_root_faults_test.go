// SPDX-License-Identifier: MPL-2.0

package backend

// A rotation of the root key that meets every fault at every one of its steps: each
// call to AWS, and each use of storage. However it ends, one more rotation, or Vault's
// ticks alone, leave one working key that the engine knows, and no other.

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"testing"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

// stumble is how storage fails.
type stumble struct {
	name string
	done bool // what it was asked is done all the same
	dies bool // and with it the process
}

var stumbles = []stumble{
	{name: "fails"},
	{name: "fails and has done it", done: true},
	{name: "killed before", dies: true},
	{name: "killed after", done: true, dies: true},
}

// stumbling is the storage of one request, which fails once, or for good.
type stumbling struct {
	logical.Storage
	mu   sync.Mutex
	at   int // the use that fails, from 0; -1 for none
	how  stumble
	used []string
	dead bool
	dies func()
}

// use does something with storage, or fails.
func (s *stumbling) use(verb, key string, do func() error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.dead {
		return errStorage
	}
	s.used = append(s.used, verb+" "+key)
	if len(s.used)-1 != s.at {
		return do()
	}
	if s.how.dies {
		s.dead = true
		s.dies()
	}
	if s.how.done {
		if err := do(); err != nil {
			return err
		}
	}
	return errStorage
}

func (s *stumbling) kill() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dead = true
}

func (s *stumbling) Get(ctx context.Context, key string) (entry *logical.StorageEntry, err error) {
	err = s.use("get", key, func() error {
		entry, err = s.Storage.Get(ctx, key)
		return err
	})
	return entry, err
}

func (s *stumbling) Put(ctx context.Context, entry *logical.StorageEntry) error {
	return s.use("put", entry.Key, func() error { return s.Storage.Put(ctx, entry) })
}

func (s *stumbling) Delete(ctx context.Context, key string) error {
	return s.use("delete", key, func() error { return s.Storage.Delete(ctx, key) })
}

func (s *stumbling) List(ctx context.Context, prefix string) (keys []string, err error) {
	err = s.use("list", prefix, func() error {
		keys, err = s.Storage.List(ctx, prefix)
		return err
	})
	return keys, err
}

// rotateOn sends a rotation that uses a storage of its own.
func (m *mount) rotateOn(ctx context.Context, s logical.Storage) {
	req := m.request(logical.UpdateOperation, "config/rotate-root", nil)
	req.Storage = s
	_, _ = m.b.HandleRequest(ctx, req) // whatever comes of it
}

// away makes AWS unreachable, as it is for a process that is no more.
func (m *mount) away() { m.aws.Inject(fakeaws.Fault{Kind: fakeaws.Cut}) }

// restart lets AWS end what it has begun, and starts the next process.
func (m *mount) restart() {
	awaitCalls(m.aws)
	m.aws.ClearFaults()
	m.start()
}

// awaitCalls waits until AWS has done the calls that it has, or given them up.
func awaitCalls(aws *fakeaws.Server) {
	for aws.InFlight() > 0 {
		runtime.Gosched()
	}
}

// rootFault is something that goes wrong in a rotation.
type rootFault struct {
	name string
	play func(m *mount)
}

// awsFaults are what can go wrong at the nth call to AWS. Of calls that are all alike
// only the first and the last are throttled, since the SDK then waits for seconds.
func awsFaults(n int, calls []string) []rootFault {
	action := calls[n]
	amid := slices.Contains(calls[:n], action) && slices.Contains(calls[n+1:], action)
	var faults []rootFault
	add := func(name string, play func(m *mount)) {
		faults = append(faults, rootFault{fmt.Sprintf("call %d, %s: %s", n, action, name), play})
	}
	for _, kind := range slices.Concat(everyFault, []fakeaws.Kind{fakeaws.Unavailable}) {
		if amid && kind == fakeaws.Throttle {
			continue
		}
		add(kind.String(), func(m *mount) {
			met := m.aws.Inject(fakeaws.Fault{Kind: kind, After: n, Times: 1})
			m.rotateOn(m.ctx, m.storage)
			if met.Hits() != 1 {
				m.t.Errorf("the fault was met %d times", met.Hits())
			}
			m.aws.ClearFaults()
		})
	}
	hang := func(kind fakeaws.Kind, dies bool) func(m *mount) {
		return func(m *mount) {
			met := m.aws.Inject(fakeaws.Fault{Kind: kind, After: n, Times: 1})
			process := &stumbling{Storage: m.storage, at: -1}
			ctx, leave := context.WithCancel(m.ctx)
			defer leave()
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				m.rotateOn(ctx, process)
			}()
			<-met.Reached()
			if dies {
				process.kill()
				m.away()
			}
			leave()
			if action == "CreateAccessKey" {
				met.Release() // it ends however long it takes, and nobody waits for the client
			}
			<-ended
			m.restart()
		}
	}
	add("client leaves", hang(fakeaws.HangAfter, false))
	add("killed before AWS does it", hang(fakeaws.Hang, true))
	add("killed after AWS did it", hang(fakeaws.HangAfter, true))
	return faults
}

// storageFaults are what can go wrong at the nth use of storage.
func storageFaults(n int, use string) []rootFault {
	var faults []rootFault
	for _, how := range stumbles {
		faults = append(faults, rootFault{fmt.Sprintf("storage %d, %s: %s", n, use, how.name), func(m *mount) {
			process := &stumbling{Storage: m.storage, at: n, how: how, dies: m.away}
			m.rotateOn(m.ctx, process)
			if len(process.used) <= n {
				m.t.Errorf("storage was used %d times", len(process.used))
			}
			m.restart()
		}})
	}
	return faults
}

// everyRootFault looks at a rotation in which all goes well.
func everyRootFault(t *testing.T) (faults []rootFault) {
	t.Helper()
	m := newScheduledMount(t)
	process := &stumbling{Storage: m.storage, at: -1}
	m.rotateOn(m.ctx, process)
	m.oneRootKey()
	calls := m.aws.Actions()
	calls = calls[:slices.Index(calls, "DeleteAccessKey")+1] // what follows is the check
	for i := range calls {
		faults = append(faults, awsFaults(i, calls)...)
	}
	steps := map[string]int{}
	for i, use := range process.used {
		if len(use) > 40 { // without the UUID of a record
			use = use[:len(use)-36] + "…"
		}
		steps[use]++
		faults = append(faults, storageFaults(i, use)...)
	}
	t.Logf("a rotation has %d calls to AWS (%v) and %d uses of storage (%v): %d faults", len(calls), calls, len(process.used), steps, len(faults))
	return faults
}

func TestRotateRootMeetsEveryFault(t *testing.T) {
	t.Parallel()
	endings := map[string]func(m *mount){
		"then rotated once more": func(m *mount) {
			m.untilUseIsTold() // until then a key that may be lost is in the way
			m.rotateRoot()
			id := m.read("config/root")["access_key"]
			if keys := m.rootKeys(); len(keys) != 1 || keys[0] != id {
				m.t.Errorf("after one more rotation AWS has the keys %v, and config/root has %v", keys, id)
			}
		},
		"then left to the ticks": func(m *mount) { m.mustTick() },
	}
	faults := everyRootFault(t)
	t.Logf("%d cases", len(faults)*len(endings))
	for _, fault := range faults {
		for name, end := range endings {
			t.Run(fault.name+", "+name, func(t *testing.T) {
				t.Parallel()
				m := newScheduledMount(t)
				m.instantly() // a rotation that first ends a key of the one before is refused while AWS shows that key
				fault.play(m)
				end(m)
				m.untilUseIsTold() // what AWS may show late, and whose use it may tell late
				m.mustTick()
				m.oneRootKey()
			})
		}
	}
}
