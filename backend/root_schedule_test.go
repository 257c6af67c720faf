// SPDX-License-Identifier: MPL-2.0

package backend

// The engine's own key is made anew without being asked, by period or by schedule.

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/vault/sdk/helper/consts"
	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/engine"
	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

// now is the engine's time.
func (m *mount) now() time.Time { return time.Now().Add(time.Duration(m.ahead.Load())) }

// shown is a time that config/root shows; zero for null.
func (m *mount) shown(field string) time.Time {
	m.t.Helper()
	text, ok := m.read("config/root")[field].(string)
	if !ok {
		return time.Time{}
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		m.t.Fatal(err)
	}
	return at
}

// untouched ticks and checks that the key is still the same.
func (m *mount) rootUntouched(key string) {
	m.t.Helper()
	m.mustTick()
	if id := m.oneRootKey(); id != key {
		m.t.Errorf("the key was rotated at %v", m.now())
	}
}

// rotated ticks and checks that the key is another one.
func (m *mount) rotated(key string) (id string) {
	m.t.Helper()
	m.mustTick()
	if id = m.oneRootKey(); id == key {
		m.t.Errorf("the key was not rotated at %v; the next time is %v", m.now(), m.shown("next_vault_rotation"))
	}
	return id
}

// near checks a time, give or take how long the test takes.
func (m *mount) near(what string, got, want time.Time) {
	m.t.Helper()
	if got.Sub(want).Abs() > 30*time.Second {
		m.t.Errorf("%s is %v, want about %v", what, got, want)
	}
}

func TestRootKeyIsRotatedByPeriod(t *testing.T) {
	t.Parallel()
	m := newScheduledMount(t, map[string]any{"rotation_period": "24h"})
	first := m.aws.RootKey().AccessKeyID
	m.near("next", m.shown("next_vault_rotation"), m.now().Add(24*time.Hour))
	if last := m.shown("last_vault_rotation"); !last.IsZero() {
		t.Errorf("last is %v", last)
	}
	m.rootUntouched(first)
	m.pass(24*time.Hour - time.Minute)
	m.rootUntouched(first)
	m.pass(time.Minute)
	second := m.rotated(first)
	m.near("last", m.shown("last_vault_rotation"), m.now())
	m.near("next", m.shown("next_vault_rotation"), m.now().Add(24*time.Hour))
	m.start()    // what counts survives the process
	m.mustTick() // else the hours until the next one are a gap
	m.pass(23 * time.Hour)
	m.rootUntouched(second)
	m.pass(time.Hour)
	m.rotated(second)
}

// As short a period as Vault Enterprise takes is taken: the next tick finds the key due.
func TestRootKeyIsRotatedByAShortPeriod(t *testing.T) {
	t.Parallel()
	m := newScheduledMount(t, map[string]any{"rotation_period": "30s"})
	first := m.aws.RootKey().AccessKeyID
	m.rootUntouched(first)
	m.pass(30 * time.Second)
	second := m.rotated(first)
	m.write("config/root", map[string]any{"rotation_period": 10})
	m.pass(10 * time.Second)
	m.rotated(second)
}

// A period that is changed counts from the last rotation, at once; writes that change
// nothing change nothing.
func TestChangedPeriodTakesEffectAtOnce(t *testing.T) {
	t.Parallel()
	m := newScheduledMount(t, map[string]any{"rotation_period": "24h"})
	m.pass(2 * time.Hour)
	m.write("config/root", map[string]any{"rotation_period": "24h", "region": "eu-west-1"})
	m.near("next", m.shown("next_vault_rotation"), m.now().Add(22*time.Hour))
	first := m.aws.RootKey().AccessKeyID
	m.rootUntouched(first)
	m.write("config/root", map[string]any{"rotation_period": "1h"})
	second := m.rotated(first)
	m.pass(30 * time.Minute)
	m.rotateRoot() // by hand: the period counts from here
	third := m.oneRootKey()
	m.pass(45 * time.Minute)
	m.rootUntouched(third)
	m.pass(15 * time.Minute)
	if fourth := m.rotated(third); fourth == second {
		t.Error("the key is an old one")
	}
}

// When the key was last rotated cannot be read any more: nothing else is stopped by that, and the schedule counts anew.
func TestScheduleThatCannotBeReadBeginsAnew(t *testing.T) {
	t.Parallel()
	m := newScheduledMount(t, map[string]any{"rotation_period": "24h"})
	first := m.aws.RootKey().AccessKeyID
	m.pass(12 * time.Hour)
	m.rootUntouched(first)
	if err := m.storage.Put(m.ctx, &logical.StorageEntry{Key: engine.KeyRootRotation, Value: []byte("{")}); err != nil {
		t.Fatal(err)
	}
	m.start()
	m.near("next", m.shown("next_vault_rotation"), m.now().Add(24*time.Hour))
	m.rootUntouched(first)
	m.pass(23 * time.Hour)
	m.rootUntouched(first)
	m.pass(time.Hour)
	m.rotated(first)
	if problems := m.problems(); problems != "" {
		t.Errorf("status: %s", problems)
	}
}

func TestRootKeyIsRotatedBySchedule(t *testing.T) {
	t.Parallel()
	m := newScheduledMount(t)
	m.pass(90 * time.Minute) // of the first day that the clock knows
	at := m.now().UTC().Truncate(24 * time.Hour).Add(48 * time.Hour)
	m.write("config/root", map[string]any{"rotation_schedule": "0 0 * * *", "rotation_window": 7200})
	m.pass(at.Add(-24 * time.Hour).Sub(m.now()))
	first := m.rotated(m.aws.RootKey().AccessKeyID)
	m.near("next", m.shown("next_vault_rotation"), at)

	m.pass(at.Add(-time.Minute).Sub(m.now()))
	m.rootUntouched(first)
	m.pass(2 * time.Hour) // still in the window
	second := m.rotated(first)
	m.near("next", m.shown("next_vault_rotation"), at.Add(24*time.Hour))

	m.pass(at.Add(27 * time.Hour).Sub(m.now())) // nobody was there in the window
	m.rootUntouched(second)
	m.near("next", m.shown("next_vault_rotation"), at.Add(48*time.Hour))

	m.write("config/root", map[string]any{"rotation_window": 0}) // without a window it is made up for
	m.rotated(second)
}

func TestDisabledRotationRotatesNothing(t *testing.T) {
	t.Parallel()
	m := newScheduledMount(t, map[string]any{"rotation_period": "1h", "disable_automated_rotation": true})
	first := m.aws.RootKey().AccessKeyID
	m.pass(2 * time.Hour)
	m.rootUntouched(first)
	if next := m.shown("next_vault_rotation"); !next.IsZero() {
		t.Errorf("next is %v", next)
	}
	m.write("config/root", map[string]any{"disable_automated_rotation": false})
	m.rootUntouched(first) // it counts from now on
	m.pass(time.Hour)
	m.rotated(first)
}

// A key that somebody configures is as new as that write.
func TestConfiguredKeyBeginsItsOwnPeriod(t *testing.T) {
	t.Parallel()
	m := newScheduledMount(t, map[string]any{"rotation_period": "24h"})
	m.pass(23 * time.Hour)
	m.aws.Adopt("another-root")
	other := m.aws.AddUser("another-root")
	m.write("config/root", map[string]any{"access_key": other.AccessKeyID, "secret_key": other.SecretAccessKey})
	m.near("next", m.shown("next_vault_rotation"), m.now().Add(24*time.Hour))
}

// A rotation that fails is told, and tried again with growing pauses.
func TestFailedScheduledRotationIsToldAndTriedAgain(t *testing.T) {
	t.Parallel()
	m := newScheduledMount(t, map[string]any{"rotation_period": "24h"})
	met := m.aws.Inject(fakeaws.Fault{Action: "CreateAccessKey", User: rootUser, Kind: fakeaws.Refuse})
	m.pass(24 * time.Hour)
	for i, pause := range []time.Duration{time.Minute, 2 * time.Minute, 4 * time.Minute} {
		if err := m.tick(); err == nil || !strings.Contains(err.Error(), "AccessDenied") {
			t.Errorf("the tick said: %v", err)
		}
		m.mustTick() // too early for another try
		if met.Hits() != i+1 {
			t.Errorf("tried %d times, want %d", met.Hits(), i+1)
		}
		shown, _ := m.read("config/root")["rotation_error"].(string)
		if !strings.Contains(shown, "AccessDenied") {
			t.Errorf("config/root shows the error %q", shown)
		}
		m.near("failed", m.shown("rotation_failed_at"), m.now())
		m.near("next", m.shown("next_vault_rotation"), m.now().Add(pause))
		m.start()
		m.pass(pause)
	}
	met.Remove()
	m.rotated(m.aws.RootKey().AccessKeyID)
	if shown := m.read("config/root")["rotation_error"]; shown != nil {
		t.Errorf("config/root still shows the error %v", shown)
	}
	m.near("next", m.shown("next_vault_rotation"), m.now().Add(24*time.Hour))
}

// What Vault Enterprise's rotation manager ran before the mount was taken over begins
// to count when it is first seen.
func TestScheduleOfTheBuiltInEngineIsKept(t *testing.T) {
	t.Parallel()
	m := newScheduledMount(t)
	key := m.aws.RootKey()
	m.put(engine.KeyRootConfig, map[string]any{
		"access_key": key.AccessKeyID, "secret_key": key.SecretAccessKey, "iam_endpoint": m.aws.URL(), "sts_endpoint": m.aws.URL(),
		"rotation_period": int64(time.Hour), "rotation_policy": "default",
	})
	m.start()
	m.rootUntouched(key.AccessKeyID)
	m.near("next", m.shown("next_vault_rotation"), m.now().Add(time.Hour))
	m.pass(time.Hour)
	m.rotated(key.AccessKeyID)
	if policy := m.read("config/root")["rotation_policy"]; policy != "default" {
		t.Errorf("rotation_policy is %v", policy)
	}
}

// A performance secondary runs ticks too, and leaves the key to the primary.
func TestSecondaryRotatesNothing(t *testing.T) {
	t.Parallel()
	m := newScheduledMount(t, map[string]any{"rotation_period": "1h"})
	m.pass(2 * time.Hour)
	m.system.(*logical.StaticSystemView).ReplicationStateVal = consts.ReplicationPerformanceSecondary
	m.mustTick()
	if keys := m.rootKeys(); len(keys) != 1 || keys[0] != m.aws.RootKey().AccessKeyID {
		t.Errorf("AWS has the keys %v", keys)
	}
}

// A tick that has little time left does not begin a rotation.
func TestRotationIsNotBegunWithoutTime(t *testing.T) {
	t.Parallel()
	m := newScheduledMount(t, map[string]any{"rotation_period": "1h"})
	m.pass(2 * time.Hour)
	whole := m.ctx
	ctx, cancel := context.WithTimeout(m.ctx, 19*time.Second)
	defer cancel()
	m.ctx = ctx
	m.rootUntouched(m.aws.RootKey().AccessKeyID)
	m.ctx = whole
	m.rotated(m.aws.RootKey().AccessKeyID)
}
