// SPDX-License-Identifier: MPL-2.0

package backend

// A key is rotated when it is due, and not when Vault next comes by.

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/vault/sdk/helper/consts"
	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/engine"
	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

// soon is how long before its time a key is in these tests.
const soon = 200 * time.Millisecond

// almostDue has the key of the role app be due in a moment, and the engine know it.
func (m *mount) almostDue(in time.Duration) {
	m.t.Helper()
	m.pass(24*time.Hour - in)
	m.mustTick()
}

// rotates waits until static-creds answers another key than before.
func (m *mount) rotates(before string) {
	m.t.Helper()
	m.waitUntil("the key is rotated", func() bool {
		creds := m.read("static-creds/app")
		if creds["ttl"].(int64) < 1 {
			m.t.Error("ttl is 0")
		}
		return creds["access_key"] != before
	})
}

func TestStaticRoleRotatesAtTheMoment(t *testing.T) {
	t.Parallel()
	m := newRotatingMount(t)
	before := m.served("app")
	m.almostDue(soon)
	m.rotates(before)
	m.served("app")
	m.mustTick() // finds nothing to do
	if len(m.keys("app")) != 2 {
		t.Errorf("keys: %v", m.keys("app"))
	}
}

// A rotation that failed is tried again at its time too.
func TestStaticTimerTriesAgain(t *testing.T) {
	t.Parallel()
	m := newRotatingMount(t, noRetries)
	before := m.served("app")
	m.aws.Inject(fakeaws.Fault{Action: "CreateAccessKey", Kind: fakeaws.Throttle, Times: 1})
	m.almostDue(soon)
	m.waitUntil("the rotation fails", func() bool { return m.read("static-roles/app")["last_rotation_error"] != "" })
	m.pass(30*time.Second - 100*time.Millisecond)
	m.mustTick() // too early
	m.rotates(before)
}

// demotable is what a mount sees of a cluster that becomes a secondary.
type demotable struct {
	logical.SystemView
	demoted atomic.Bool
}

func (d *demotable) ReplicationState() consts.ReplicationState {
	if d.demoted.Load() {
		return consts.ReplicationPerformanceSecondary
	}
	return d.SystemView.ReplicationState()
}

// What keeps the timer from rotating: the mount is gone, this server is no leader any more, or
// another one of the same storage leads. Beside each there is a mount whose key is due later, and rotated.
func TestStaticTimerKeepsStill(t *testing.T) {
	t.Parallel()
	for name, stop := range map[string]func(m *mount){
		"the mount is gone":       func(m *mount) { m.b.Cleanup(m.ctx) },
		"storage takes no writes": func(m *mount) { m.pass(2 * time.Minute); m.storage.breaks("put", engine.KeyHeartbeat) },
		"a secondary":             func(m *mount) { m.system.(*demotable).demoted.Store(true) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := soon
			for !keepsStill(t, stop, in) && !t.Failed() {
				if in *= 2; in > time.Minute { // else the machine is too busy
					t.Errorf("the key is rotated all the same")
				}
			}
		})
	}
}

// keepsStill is one try, whose key is due in a time. It reports whether the timer was stopped before.
func keepsStill(t *testing.T, stop func(*mount), in time.Duration) bool {
	t.Helper()
	began := time.Now() // when the key is made, a period and not a moment before it is due
	m, other := newRotatingMount(t), newRotatingMount(t)
	m.system = &demotable{SystemView: m.system}
	m.start()
	before, others := m.served("app"), other.served("app")
	m.almostDue(in)
	stop(m)
	m.waitUntil("no look that began before is under way", m.quiet)
	if len(m.keys("app")) > 1 || time.Since(began) > in/2 {
		return false
	}
	m.aws.ResetCalls()
	other.almostDue(in)
	other.rotates(others)
	if calls := m.aws.Actions(); len(calls) > 0 {
		t.Errorf("AWS was called: %v", calls)
	}
	m.hasKeys("app", before)
	return true
}

// One process serves many mounts.
func TestStaticTimerSurvivesAPanic(t *testing.T) {
	t.Parallel()
	m := newRotatingMount(t)
	before := m.served("app")
	m.mustTick() // which reads all roles, once
	m.storage.breaks("panic", engine.PrefixStaticRole)
	m.almostDue(soon)
	m.waitUntil("the timer has panicked", func() bool { return m.storage.panics.Load() > 0 })
	m.storage.mend()
	m.waitUntil("the failure is told", func() bool { return m.read("static-roles/app")["last_rotation_error"] != "" })
	m.pass(30 * time.Second)
	m.mustTick()
	m.rotates(before)
}
