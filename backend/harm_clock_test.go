// SPDX-License-Identifier: MPL-2.0

package backend

// Clocks that are wrong, and a mount whose bounds nobody can tell.

import (
	"testing"
	"time"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/engine"
	"vault-plugin-secrets-aws-dyn/backend/users"
)

// The server's clock was wrong when the user was made, and is put right: the user ends after
// the last moment of its lease, and not before.
func TestClockThatIsPutRight(t *testing.T) {
	t.Parallel()
	for _, wrong := range []time.Duration{10 * time.Minute, -10 * time.Minute, 26 * time.Hour, -26 * time.Hour} {
		t.Run(wrong.String(), func(t *testing.T) {
			t.Parallel()
			m := newConfiguredMount(t)
			m.pass(wrong)
			user := m.lost("2h")
			m.mustTick()
			m.pass(-wrong)
			m.start()
			m.mustTick()
			m.age(110 * time.Minute)
			m.mustTick()
			m.has(user, true)
			m.age(20*time.Minute + max(wrong, 0) + users.DefaultSweepGrace)
			m.mustTick()
			m.minutes(12) // AWS's clock is asked every ten
			if wrong < 0 {
				m.age(768 * time.Hour) // a gap, by a clock that was behind: another engine may have renewed it
				m.mustTick()
			}
			m.has(user, false)
			m.registered(0)
		})
	}
}

// So with what a process was making when it died.
func TestClockThatIsPutRightAfterACrash(t *testing.T) {
	t.Parallel()
	for _, wrong := range []time.Duration{10 * time.Minute, -10 * time.Minute, 300 * 24 * time.Hour, -300 * 24 * time.Hour} {
		t.Run(wrong.String(), func(t *testing.T) {
			t.Parallel()
			m := newWideMount(t, noRetries)
			m.pass(wrong)
			m.dieAt("CreateAccessKey")
			m.pass(-wrong)
			m.minutes(untilCertain + 3)
			m.noUsers()
			m.recorded(0)
		})
	}
}

// Where Vault's call about the mount's bounds fails, the SDK answers zero: no lease is as short
// as that.
func TestLongestLeaseThatNobodyTells(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t)
	known := m.system
	m.system = &logical.StaticSystemView{}
	m.start()
	creds := m.creds("developer-access")
	shown := m.read("issued/" + m.user(creds))
	if life := moment(t, shown["ends"]).Sub(moment(t, shown["issued"])); life < 768*time.Hour {
		t.Errorf("the lease ends after %s", life)
	}
	m.age(20 * time.Minute)
	m.mustTick()
	m.has(m.user(creds), true)
	m.renewed(creds)
	m.age(20 * time.Minute)
	m.system = known
	m.start()
	m.mustTick()
	m.has(m.user(creds), true)
	m.revoke(creds)
}

// What the sweep is to do with a record of a clock in the future does not wait for that future.
func TestRecordFromTheFuture(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t)
	user := m.user(m.creds("developer-access"))
	r, err := engine.Load[userRecord](m.ctx, m.storage, recordKey(user))
	if err != nil {
		t.Fatal(err)
	}
	future := m.now().Add(1000 * time.Hour).UTC()
	r.Issued, r.Written, r.Ends, r.Ending = future, future, future.Add(time.Hour), future
	m.put(recordKey(user), r)
	m.start()
	m.minutes(20)
	m.has(user, false)
	m.registered(0)
}
