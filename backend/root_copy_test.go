// SPDX-License-Identifier: MPL-2.0

package backend

// The root key, where another server works with a copy of the storage.

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

// copied is a second server that starts from a snapshot of this moment; its clock goes on by
// itself.
func (m *mount) copied() *mount {
	m.t.Helper()
	other := &mount{t: m.t, ctx: m.ctx, storage: newStorage(), aws: m.aws, system: &logical.StaticSystemView{
		DefaultLeaseTTLVal: 768 * time.Hour, MaxLeaseTTLVal: 768 * time.Hour,
	}}
	other.ahead.Store(m.ahead.Load())
	keys, err := logical.CollectKeys(m.ctx, m.storage.Storage)
	if err != nil {
		m.t.Fatal(err)
	}
	for _, key := range keys {
		entry, err := m.storage.Storage.Get(m.ctx, key)
		if err == nil {
			err = other.storage.Put(m.ctx, entry)
		}
		if err != nil {
			m.t.Fatal(err)
		}
	}
	return other
}

// newWatchfulMount rotates its root key every day, and may ask who uses a key.
func newWatchfulMount(t testing.TB) *mount {
	t.Helper()
	m := newConfiguredMount(t, noRetries, map[string]any{"rotation_period": "24h"})
	m.instantly()
	m.aws.Adopt(rootUser)
	m.mustTick()
	return m
}

// liveOn lets time pass, a heartbeat every hour, and uses the root key meanwhile.
func (m *mount) liveOn(d time.Duration, others ...*mount) {
	m.t.Helper()
	for ; d > 0; d -= time.Hour {
		step := min(d, time.Hour)
		m.age(step)
		for _, o := range others {
			o.pass(step)
		}
		for _, server := range append(others, m) {
			server.mustTick()
			server.revoke(server.creds("developer-access"))
		}
	}
}

func (m *mount) rootKey() string {
	m.t.Helper()
	return m.read("config/root")["access_key"].(string)
}

func (m *mount) rootError() string {
	m.t.Helper()
	text, _ := m.read("config/root")["rotation_error"].(string)
	return text
}

func (m *mount) hasRootKeys(want ...string) {
	m.t.Helper()
	m.hasKeys(rootUser, want...)
}

// The old key goes when AWS says that nobody has used it since the switch.
func TestOldRootKeyGoesWhenNobodyUsesIt(t *testing.T) {
	t.Parallel()
	m := newWatchfulMount(t)
	m.aws.SetLastUsedDelay(5 * time.Minute)
	old := m.rootKey()
	m.age(24 * time.Hour)
	m.mustTick()
	rotated := m.rootKey()
	if rotated == old || m.rootError() != "" {
		t.Fatalf("config/root has %s, and the error %q", rotated, m.rootError())
	}
	m.near("last", m.shown("last_vault_rotation"), m.now())
	m.hasRootKeys(old, rotated)
	m.age(4 * time.Minute)
	m.start() // the state survives a restart
	m.mustTick()
	m.hasRootKeys(old, rotated)
	m.age(4 * time.Minute)
	m.mustTick()
	m.hasRootKeys(old, rotated)
	m.age(8 * time.Minute)
	m.mustTick()
	m.hasRootKeys(rotated)
	if last := m.shown("last_vault_rotation"); m.now().Sub(last) < 15*time.Minute {
		t.Errorf("the rotation counts from the end of the old key: %v", last)
	}
	m.oneRootKey()
}

// Where AWS does not let the engine ask, the old key goes at once.
func TestOldRootKeyGoesAtOnceWhereNobodyCanTell(t *testing.T) {
	t.Parallel()
	for name, fault := range untold {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newWatchfulMount(t)
			m.aws.Inject(fault)
			old := m.rootKey()
			m.age(24 * time.Hour)
			m.rotated(old)
		})
	}
}

// untold is how it comes that nobody tells when a key was used.
var untold = map[string]fakeaws.Fault{
	"denied":                        {Action: "GetAccessKeyLastUsed", Kind: fakeaws.Refuse},
	"an installation that lacks it": {Action: "GetAccessKeyLastUsed", Kind: fakeaws.Refuse, Code: "InvalidAction", Status: 400},
	"a gateway that lacks it":       {Action: "GetAccessKeyLastUsed", Kind: fakeaws.Foreign, Status: 501},
}

// A copy that shares the key shows itself by using it.
func TestOldRootKeyThatACopyUsesStays(t *testing.T) {
	t.Parallel()
	m := newWatchfulMount(t)
	m.aws.SetLastUsedDelay(5 * time.Minute)
	old := m.rootKey()
	m.age(24 * time.Hour)
	twin := m.copied() // a server that was cloned, with its memory and storage
	twin.start()
	m.mustTick()
	rotated := m.rootKey()
	for range 4 {
		m.age(8 * time.Minute)
		twin.pass(8 * time.Minute)
		twin.revoke(twin.creds("developer-access"))
		m.mustTick()
	}
	m.hasRootKeys(old, rotated)
	if text := m.rootError(); !strings.Contains(text, "somebody else uses the old access key "+old) || !strings.Contains(text, "copy of this storage") {
		t.Errorf("config/root tells %q", text)
	}
	m.liveOn(30*time.Hour, twin) // and no further rotation begins
	m.hasRootKeys(old, rotated)
	answered := m.rotateRoot().Data["access_key"].(string)
	m.hasRootKeys(answered)
	if m.rootError() != "" {
		t.Errorf("config/root still tells %q", m.rootError())
	}
}

// A copy that starts from a snapshot after hours takes nothing from the original.
func TestCopyLeavesTheRootKeyOfTheOriginal(t *testing.T) {
	t.Parallel()
	m := newWatchfulMount(t)
	m.write("config/root", map[string]any{"disable_automated_rotation": true})
	old := m.rootKey()
	drill := m.copied()
	drill.start()
	drill.write("config/root", map[string]any{"disable_automated_rotation": false, "rotation_period": "1h"})
	m.liveOn(3 * time.Hour)
	drill.pass(3 * time.Hour)
	drill.mustTick()
	rotated := drill.rootKey()
	m.hasRootKeys(old, rotated)
	m.liveOn(2*time.Hour, drill)
	if text := drill.rootError(); rotated == old || !strings.Contains(text, "no key is deleted by schedule until") || !strings.Contains(text, old) {
		t.Errorf("config/root has %s and tells %q", rotated, text)
	}
	m.liveOn(24*time.Hour, drill)
	if text := drill.rootError(); !strings.Contains(text, "somebody else uses") {
		t.Errorf("after a day config/root tells %q", text)
	}
	m.hasRootKeys(old, rotated)
	if m.rootKey() != old {
		t.Error("the original has another key")
	}
}

// After a gap the rotation goes on by itself when the caution is over, and not while the
// user has a key that was made meanwhile.
func TestRootRotationAfterAGap(t *testing.T) {
	t.Parallel()
	m := newWatchfulMount(t)
	old := m.rootKey()
	m.age(25 * time.Hour)
	strange := m.aws.AddKey(rootUser).AccessKeyID
	m.start()
	for range 2 {
		m.mustTick()
		if text := m.rootError(); !strings.Contains(text, "an operator has to decide") || !strings.Contains(text, strange) {
			t.Errorf("config/root tells %q", text)
		}
		m.hasRootKeys(old, strange)
		m.liveOn(25 * time.Hour)
	}
	m.deleteKey(rootUser, strange)
	m.mustTick()
	m.age(20 * time.Minute)
	m.mustTick()
	if id := m.oneRootKey(); id == old {
		t.Error("not rotated")
	}
	m.age(24 * time.Hour) // what was settled stays so
	other := m.aws.AddKey(rootUser).AccessKeyID
	_ = m.tick()
	if text := m.rootError(); !strings.Contains(text, "has two access keys") {
		t.Errorf("config/root tells %q", text)
	}
	m.hasRootKeys(m.rootKey(), other)
}

// A write that discards the only secret of a key says so.
func TestDiscardedRootKeyIsTold(t *testing.T) {
	t.Parallel()
	m := newScheduledMount(t)
	warned := func(resp *logical.Response, of string) {
		t.Helper()
		switch {
		case of == "" && resp != nil:
			t.Errorf("warned for no reason: %v", resp.Warnings)
		case of != "" && (resp == nil || len(resp.Warnings) != 1 || !strings.Contains(resp.Warnings[0], of) || !strings.Contains(resp.Warnings[0], "lives on in AWS")):
			t.Errorf("did not warn of %s: %v", of, resp)
		}
	}
	give := func(key fakeaws.Key) *logical.Response {
		t.Helper()
		return m.write("config/root", map[string]any{"access_key": key.AccessKeyID, "secret_key": key.SecretAccessKey})
	}
	end := func(id string, by fakeaws.Key) {
		t.Helper()
		client := fakeaws.Client{Endpoint: m.aws.URL(), Key: by}
		if _, err := client.Do(m.ctx, "iam", "DeleteAccessKey", url.Values{"UserName": {rootUser}, "AccessKeyId": {id}}); err != nil {
			t.Fatal(err)
		}
	}
	made := m.rotateRoot().Data["access_key"].(string)
	warned(m.write("config/root", map[string]any{"rotation_period": "24h"}), "")
	second := m.aws.AddKey(rootUser)
	warned(give(second), made)
	end(made, second)
	third := m.aws.AddKey(rootUser)
	warned(give(third), "") // the second is not the engine's
	end(second.AccessKeyID, third)
	made = m.rotateRoot().Data["access_key"].(string)
	warned(m.do(logical.DeleteOperation, "config/root", nil), made)
	m.configure()
}

// Whatever fails while the old key is waited for, one key is left in the end.
func TestWaitForTheOldRootKeySurvivesFailures(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(*mount){
		"writing the switch down": func(m *mount) { m.storage.breaks("put", "config/root-rotation") },
		"proving that it leads":   func(m *mount) { m.storage.breaks("put", "register-watch") },
		"forgetting the new key":  func(m *mount) { m.storage.breaks("delete", "config/root-next") },
		"asking who uses it":      func(m *mount) { m.aws.Inject(fakeaws.Fault{Action: "GetAccessKeyLastUsed"}) },
		"deleting it":             func(m *mount) { m.aws.Inject(fakeaws.Fault{Action: "DeleteAccessKey", Kind: fakeaws.Refuse}) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newWatchfulMount(t)
			old := m.rootKey()
			m.age(24 * time.Hour)
			spoil(m)
			for range 6 {
				_ = m.tick()
				m.age(4 * time.Minute)
			}
			m.storage.mend()
			m.aws.ClearFaults()
			for range 6 {
				m.mustTick()
				m.age(4 * time.Minute)
			}
			if id := m.oneRootKey(); id == old || m.rootError() != "" {
				t.Errorf("config/root has %s and tells %q", id, m.rootError())
			}
		})
	}
}
