// SPDX-License-Identifier: MPL-2.0

package backend

// Static roles after a gap in the heartbeat: this may be a copy of the storage, or one that
// was set back.

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

// newTickingMount has the static role app and a heartbeat.
func newTickingMount(t testing.TB) *mount {
	t.Helper()
	m := newRotatingMount(t, noRetries)
	m.mustTick()
	return m
}

func (m *mount) roleError() string {
	m.t.Helper()
	return m.read("static-roles/app")["last_rotation_error"].(string)
}

// tells checks why the rotation of the role waits; nothing if it does not.
func (m *mount) tells(want string) {
	m.t.Helper()
	if text := m.roleError(); want == "" && text != "" || !strings.Contains(text, want) {
		m.t.Errorf("the role tells %q, want %q", text, want)
	}
}

// A copy adds a key where there is room and deletes none, and the original goes on.
func TestCopyLeavesTheKeysOfStaticRoles(t *testing.T) {
	t.Parallel()
	m := newTickingMount(t)
	first := m.served("app")
	drill := m.copied()
	m.age(20 * time.Hour)
	m.mustTick()
	drill.pass(20 * time.Hour)
	drill.start()
	drill.mustTick()
	m.age(5 * time.Hour)
	drill.pass(5 * time.Hour)
	drill.mustTick() // due, and there is room
	second := drill.served("app")
	m.hasKeys("app", first, second)
	m.age(16 * time.Hour)
	drill.pass(16 * time.Hour)
	drill.write("static-roles/app", map[string]any{"rotation_period": "1h"})
	drill.mustTick()
	m.hasKeys("app", first, second)
	drill.tells("no key is deleted by schedule until")
	drill.write("static-roles/app/rotate", nil) // which somebody asks for
	if m.hasKeys("app", second, drill.served("app")); drill.served("app") == second {
		t.Error("not rotated")
	}
	drill.tells("")
	drill.age(2 * time.Hour)
	drill.mustTick() // and that decides
	drill.tells("")
}

// The key before the last one does not end by itself meanwhile.
func TestPreviousKeyStaysAfterAGap(t *testing.T) {
	t.Parallel()
	m := newTickingMount(t)
	m.write("static-roles/app", map[string]any{"previous_key_ttl": "10m"})
	first := m.served("app")
	m.write("static-roles/app/rotate", nil)
	m.age(time.Hour)
	m.start()
	m.mustTick()
	m.hasKeys("app", first, m.served("app"))
	m.tells("no key is deleted by schedule until")
	m.write("config/gap", map[string]any{"resume": true})
	m.mustTick()
	m.hasKeys("app", m.served("app"))
	m.tells("")
}

// After the caution rotations go on by themselves, and what was settled stays so.
func TestStaticRotationAfterAGap(t *testing.T) {
	t.Parallel()
	m := newTickingMount(t)
	first := m.served("app")
	m.age(25 * time.Hour)
	m.start()
	m.mustTick()
	second := m.served("app")
	m.age(23 * time.Hour)
	m.mustTick()
	m.age(2 * time.Hour)
	m.mustTick()
	third := m.served("app")
	if first == second || second == third {
		t.Fatal("not rotated")
	}
	m.hasKeys("app", second, third)
	m.deleteKey("app", second)
	customers := m.aws.AddKey("app").AccessKeyID
	m.age(25 * time.Hour)
	m.mustTick()
	m.hasKeys("app", customers, m.served("app"))
	m.tells("")
}

// A key that somebody made meanwhile has the rotation wait for an operator, also after
// further restarts.
func TestStrangersKeyWaitsForAnOperator(t *testing.T) {
	t.Parallel()
	for name, decide := range map[string]func(*mount){
		"the role":  func(m *mount) { m.write("static-roles/app/rotate", nil) },
		"the mount": func(m *mount) { m.write("config/gap", map[string]any{"resume": true}); m.mustTick() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newTickingMount(t)
			first := m.served("app")
			m.age(20 * time.Hour)
			strange := m.aws.AddKey("app").AccessKeyID
			m.age(5 * time.Hour)
			for range 3 {
				m.start()
				m.mustTick()
				m.age(25 * time.Hour)
				m.mustTick()
				m.hasKeys("app", first, strange)
				m.tells(strange)
			}
			decide(m)
			m.hasKeys("app", strange, m.served("app"))
			m.tells("")
			m.age(25 * time.Hour)
			m.mustTick()
			m.hasKeys("app", strange, m.served("app"))
			m.tells("")
		})
	}
}

// A snapshot is restored in place, after the original rotated the key twice: one write for
// the mount gives each role a key that works.
func TestStaticRolesAfterARestoredSnapshot(t *testing.T) {
	t.Parallel()
	for _, restored := range []bool{true, false} {
		m := newTickingMount(t)
		m.addBareUser("well")
		m.write("static-roles/well", map[string]any{"username": "well", "rotation_period": "240h"})
		snapshot := m.copied()
		for range 2 {
			m.age(25 * time.Hour)
			m.mustTick()
		}
		lost := m.keys("app")
		youngest := lost[1]
		well := m.served("well")
		snapshot.ahead.Store(m.ahead.Load())
		m.age(time.Hour)
		snapshot.pass(time.Hour)
		m = snapshot // in place: the original is no more
		m.start()
		m.mustTick()
		m.hasKeys("app", lost...)
		m.tells("an operator has to decide")
		if gap := m.read("config/gap"); gap["gap_noticed"] == nil || gap["last_heartbeat"] == nil || gap["cautious_until"] == nil || gap["resumed"] != nil {
			t.Errorf("config/gap reads %v", gap)
		}
		m.refused(logical.UpdateOperation, "config/gap", map[string]any{"restored": true})
		m.write("config/gap", map[string]any{"resume": true, "restored": restored})
		m.mustTick()
		if restored {
			m.hasKeys("app", youngest, m.served("app")) // which is what applications use now
			m.tells("")
			m.age(25 * time.Hour)
			m.mustTick()
			if keys := m.keys("app"); len(keys) != 2 || slices.Contains(keys, youngest) {
				t.Errorf("app has the keys %v, of which the mount forgot %s", keys, youngest)
			}
		} else {
			m.hasKeys("app", lost...)
			m.tells("AWS allows no more")
		}
		if m.served("well") != well {
			t.Error("a role whose key works got another one")
		}
		if gap := m.read("config/gap"); gap["gap_noticed"] != nil || gap["resumed"] == nil || gap["restored"] != restored {
			t.Errorf("config/gap reads %v", gap)
		}
	}
}

// A key that is gone from AWS is replaced with the one write, where the place is free.
func TestResumeReplacesKeysThatAreGone(t *testing.T) {
	t.Parallel()
	m := newTickingMount(t)
	first := m.served("app")
	m.age(time.Hour)
	m.deleteKey("app", first)
	m.start()
	m.mustTick()
	m.hasKeys("app")
	m.write("config/gap", map[string]any{"resume": true})
	m.mustTick()
	m.hasKeys("app", m.served("app"))
	m.aws.ResetCalls()
	m.mustTick() // once is enough
	m.mustNotCall()
}

// Never to have had a heartbeat is no gap: an upgrade, or a takeover from the built-in engine.
func TestFirstHeartbeatIsNoGap(t *testing.T) {
	t.Parallel()
	m := newRotatingMount(t)
	m.write("static-roles/app/rotate", nil)
	second := m.served("app")
	m.age(25 * time.Hour)
	m.start()
	m.mustTick()
	m.hasKeys("app", second, m.served("app"))
	if m.served("app") == second {
		t.Error("not rotated")
	}
}

// A snapshot was taken while a key was being made: what the copy takes for a stray is the key
// that the original went on with.
func TestCopyDoesNotRollBackTheOriginalsKey(t *testing.T) {
	t.Parallel()
	m := newTickingMount(t)
	m.storage.breaks("put", "static-creds/")
	m.aws.Inject(fakeaws.Fault{Action: "DeleteAccessKey", Kind: fakeaws.Refuse})
	m.fails(logical.UpdateOperation, "static-roles/app/rotate", nil)
	m.storage.mend()
	m.aws.ClearFaults()
	drill := m.copied()
	key := m.aws.Keys("app")[1] // as if the original had stored it after all
	m.works(key.AccessKeyID, key.SecretAccessKey)
	m.age(time.Hour)
	drill.pass(time.Hour)
	drill.start()
	for range 3 {
		drill.mustTick()
		m.works(key.AccessKeyID, key.SecretAccessKey)
		drill.age(13 * time.Hour)
	}
}

// The process ended right before it deleted a key to make room, and comes back after a gap: the rotation waits, and the key
// is handed out as long as AWS has it.
func TestKeyThatWasAboutToGoIsHandedOutAfterAGap(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t, noRetries)
	m.instantly()
	m.aws.AddUser("app") // with a key of its own, which leaves no room for a second of ours
	m.aws.Adopt("app")
	m.write("static-roles/app", map[string]any{"username": "app", "rotation_period": "1h"})
	m.mustTick()
	key := m.served("app")
	ending := fmt.Sprintf(`{"ending":true,"ending_since":%q,`, time.Now().UTC().Format(time.RFC3339))
	m.leave("static-creds/app", strings.Replace(m.storage.dump(t)["static-creds/app"], "{", ending, 1))
	m.age(2 * time.Hour)
	m.start()
	_ = m.tick()
	m.tells("no key is deleted by schedule")
	if now := m.served("app"); now != key {
		t.Errorf("it is %s, not %s", now, key)
	}
	m.do(logical.UpdateOperation, "config/gap", map[string]any{"resume": true})
	m.mustTick()
	if now := m.served("app"); now == key {
		t.Error("it is not rotated though somebody has said that there is no copy")
	}
}

// AWS goes on listing a deleted key for some seconds. While nothing is deleted after a gap, such a key is not taken for
// one that is there.
func TestDeletedKeyIsNotHandedOutAgainAfterAGap(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t, noRetries)
	m.instantly()
	m.aws.AddUser("app") // with a key of its own, which leaves no room for a second of ours
	m.aws.Adopt("app")
	m.write("static-roles/app", map[string]any{"username": "app", "rotation_period": "720h"})
	m.mustTick()
	key := m.served("app")
	m.age(10 * time.Minute) // without a heartbeat
	m.start()
	m.mustTick()
	m.aws.SetDeletionLag(30 * time.Second)
	refused := m.aws.Inject(fakeaws.Fault{Action: "CreateAccessKey", Kind: fakeaws.Refuse, Times: 1})
	m.fails(logical.UpdateOperation, "static-roles/app/rotate", nil)
	if refused.Hits() != 1 {
		t.Fatalf("met %d times", refused.Hits())
	}
	m.noKeyYet()
	m.mustTick() // as the timer does five seconds later
	if resp, err := m.ask(logical.ReadOperation, "static-creds/app", nil); err == nil && resp.Data["access_key"] == key {
		t.Errorf("the key %s, which the engine has deleted, is handed out", key)
	}
	for range 24 * 3 {
		m.age(time.Hour)
		m.mustTick()
	}
	if m.read("static-creds/app")["access_key"] == key {
		t.Errorf("three days later it still is; the role's error: %q; status: %v", m.read("static-roles/app")["last_rotation_error"], m.read("status")["problems"])
	}
}
