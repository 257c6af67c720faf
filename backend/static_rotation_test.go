// SPDX-License-Identifier: MPL-2.0

package backend

// When keys are rotated, and which ones stay.

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/vault/sdk/helper/consts"
	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

func TestStaticRoleRotatesWhenDue(t *testing.T) {
	t.Parallel()
	m := newRotatingMount(t)
	first := m.read("static-creds/app")
	m.pass(23 * time.Hour)
	m.mustTick()
	m.hasKeys("app", first["access_key"].(string))
	m.pass(2 * time.Hour)
	m.mustTick()
	second := m.read("static-creds/app")
	if second["access_key"] == first["access_key"] || second["last_vault_rotation"] == first["last_vault_rotation"] {
		t.Fatal("not rotated")
	}
	// The key before works until the next rotation.
	m.works(first["access_key"].(string), first["secret_key"].(string))
	m.hasKeys("app", first["access_key"].(string), m.served("app"))
	m.pass(25 * time.Hour)
	m.mustTick()
	m.hasKeys("app", second["access_key"].(string), m.served("app"))
	m.recorded(0)
}

func TestStaticRoleRotatesNow(t *testing.T) {
	t.Parallel()
	m := newRotatingMount(t)
	first := m.served("app")
	m.pass(time.Hour)
	resp := m.write("static-roles/app/rotate", nil)
	if resp.Data["username"] != "app" {
		t.Errorf("answered %v", resp.Data)
	}
	m.hasKeys("app", first, m.served("app"))
	if ttl := m.read("static-creds/app")["ttl"].(int64); ttl < 86390 {
		t.Errorf("the time counts from the rotation: ttl %d", ttl)
	}
	m.pass(23*time.Hour + 30*time.Minute)
	before := m.served("app")
	m.mustTick()
	if m.served("app") != before {
		t.Error("rotated by the old time")
	}
}

// The queue is only a memory of storage: a new process finds all of it again.
func TestStaticRolesRotateAfterRestart(t *testing.T) {
	t.Parallel()
	m := newRotatingMount(t)
	first := m.served("app")
	m.start()
	m.mustTick()
	if m.served("app") != first {
		t.Error("rotated for no reason but the restart")
	}
	m.pass(25 * time.Hour)
	m.start()
	m.mustTick()
	if m.served("app") == first {
		t.Error("not rotated after the restart")
	}
}

// A changed period counts at once, from the last rotation, and stays.
func TestStaticChangedPeriodSurvivesRestart(t *testing.T) {
	t.Parallel()
	m := newRotatingMount(t)
	first := m.served("app")
	m.write("static-roles/app", map[string]any{"rotation_period": "2h"})
	m.start()
	if role := m.read("static-roles/app"); role["rotation_period"] != int64(7200) {
		t.Errorf("the period is %v", role["rotation_period"])
	}
	if ttl := m.read("static-creds/app")["ttl"].(int64); ttl > 7200 || ttl < 7190 {
		t.Errorf("ttl %d", ttl)
	}
	m.pass(time.Hour)
	m.mustTick()
	if m.served("app") != first {
		t.Error("rotated too early")
	}
	m.pass(61 * time.Minute)
	m.mustTick()
	second := m.served("app")
	if second == first {
		t.Error("not rotated by the new period")
	}
	m.write("static-roles/app", map[string]any{"rotation_period": "10h"}) // longer, in a running process
	m.pass(3 * time.Hour)
	m.mustTick()
	if m.served("app") != second {
		t.Error("rotated by the old period")
	}
}

// On a standby the queue hears of changes by other servers.
func TestStaticInvalidateReadsTheRolesAnew(t *testing.T) {
	t.Parallel()
	m := newRotatingMount(t)
	m.mustTick()
	m.addBareUser("late")
	other := &mount{t: t, ctx: m.ctx, storage: m.storage, aws: m.aws}
	other.start()
	other.write("static-roles/late", map[string]any{"username": "late", "rotation_period": "1h"})
	first := m.served("late")
	m.pass(2 * time.Hour)
	m.mustTick()
	if m.served("late") != first {
		t.Fatal("known without having been told; the test shows nothing")
	}
	m.b.InvalidateKey(m.ctx, "static-roles/late")
	m.mustTick()
	if m.served("late") == first {
		t.Error("not rotated after the standby was told")
	}
}

// A server that may not write leaves rotation to the one that may.
func TestStaticStandbyDoesNotRotate(t *testing.T) {
	t.Parallel()
	m := newRotatingMount(t)
	first := m.served("app")
	m.b.(*backend).Vault.(*logical.StaticSystemView).ReplicationStateVal = consts.ReplicationPerformanceStandby
	m.pass(25 * time.Hour)
	m.mustTick()
	if m.served("app") != first {
		t.Error("rotated")
	}
}

func TestStaticPreviousKeyEndsInTime(t *testing.T) {
	t.Parallel()
	m := newRotatingMount(t)
	m.write("static-roles/app", map[string]any{"previous_key_ttl": "10m"})
	first := m.served("app")
	m.write("static-roles/app/rotate", nil)
	m.mustTick()
	m.hasKeys("app", first, m.served("app"))
	m.start()
	m.mustTick() // else the minutes until the next one are a gap
	m.pass(11 * time.Minute)
	m.mustTick()
	m.hasKeys("app", m.served("app"))
}

// Failures are tried again, ever more seldom, and told by the role.
func TestStaticFailedRotationIsTriedAgainAndTold(t *testing.T) {
	t.Parallel()
	m := newRotatingMount(t, noRetries)
	first := m.served("app")
	refused := m.aws.Inject(fakeaws.Fault{Action: "CreateAccessKey", Kind: fakeaws.Refuse})
	m.pass(25 * time.Hour)
	for range 3 {
		m.mustTick()
	}
	if refused.Hits() != 1 {
		t.Errorf("tried %d times at once", refused.Hits())
	}
	role := m.read("static-roles/app")
	if !strings.Contains(role["last_rotation_error"].(string), "AccessDenied") {
		t.Errorf("the role tells %q", role["last_rotation_error"])
	}
	if ttl := m.read("static-creds/app")["ttl"].(int64); ttl < 1 || ttl > 30 {
		t.Errorf("ttl %d, want the time to the next try", ttl)
	}
	for _, wait := range []time.Duration{31 * time.Second, 61 * time.Second, 121 * time.Second, 241 * time.Second, 481 * time.Second, 15 * time.Minute, 15 * time.Minute} {
		m.pass(wait)
		m.mustTick()
		m.mustTick()
	}
	if refused.Hits() != 8 {
		t.Errorf("tried %d times, want 8", refused.Hits())
	}
	m.hasKeys("app", first)
	m.aws.ClearFaults()
	m.pass(15 * time.Minute)
	m.mustTick()
	if role := m.read("static-roles/app"); role["last_rotation_error"] != "" {
		t.Errorf("still tells %q", role["last_rotation_error"])
	}
	m.hasKeys("app", first, m.served("app"))
	m.recorded(0)
}

func TestStaticManyRolesRotateInOneTick(t *testing.T) {
	t.Parallel()
	m := newStaticMount(t)
	names := strings.Split("abcdefghijklmnopqrst", "")
	for _, name := range names {
		m.addBareUser("user-" + name)
		m.write("static-roles/"+name, map[string]any{"username": "user-" + name, "rotation_period": "1h"})
	}
	m.pass(2 * time.Hour)
	const atOnce = 8
	together := m.aws.Gather(atOnce, "CreateAccessKey")
	m.mustTick()
	if together.Most() != atOnce {
		t.Errorf("%d rotated at once, want %d", together.Most(), atOnce)
	}
	for _, name := range names {
		if len(m.keys("user-"+name)) != 2 {
			t.Errorf("%s has the keys %v", name, m.keys("user-"+name))
		}
		m.served(name)
	}
}

// A read beside a rotation gets a pair that belongs together, and does not wait.
func TestStaticReadDuringRotationIsOnePair(t *testing.T) {
	t.Parallel()
	m := newRotatingMount(t)
	first := m.served("app")
	held := m.aws.Inject(fakeaws.Fault{Action: "CreateAccessKey", Kind: fakeaws.HangAfter, Times: 1})
	var group sync.WaitGroup
	group.Go(func() { _, _ = m.ask(logical.UpdateOperation, "static-roles/app/rotate", nil) })
	<-held.Reached()
	if got := m.served("app"); got != first {
		t.Errorf("served %s before it was stored", got)
	}
	m.pass(25 * time.Hour)
	m.mustTick() // leaves the role alone: its turn is taken
	held.Release()
	group.Wait()
	for range 4 {
		group.Go(func() { _, _ = m.ask(logical.UpdateOperation, "static-roles/app/rotate", nil) })
		group.Go(func() { _ = m.read("static-creds/app") })
		group.Go(func() {
			_, _ = m.ask(logical.UpdateOperation, "static-roles/app", map[string]any{"rotation_period": "3h"})
		})
	}
	group.Wait()
	m.served("app")
	m.recorded(0)
}
