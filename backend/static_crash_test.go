// SPDX-License-Identifier: MPL-2.0

package backend

// What is left when storage fails or the process dies in the middle, and what stands
// in storage at all.

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/engine"
	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

func TestStaticStorageFailures(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ verb, prefix, path string }{
		{"put", "wal/", "static-roles/app"},
		{"list", "wal/", "static-roles/app"},
		{"put", engine.PrefixStaticCreds, "static-roles/app"},
		{"put", engine.PrefixStaticRole, "static-roles/app"},
		{"get", engine.PrefixStaticRole, "static-roles/app"},
		{"list", engine.PrefixStaticRole, "static-roles/app"},
		{"put", "wal/", "static-roles/app/rotate"},
		{"put", engine.PrefixStaticCreds, "static-roles/app/rotate"},
		{"get", engine.PrefixStaticCreds, "static-roles/app/rotate"},
		{"get", engine.PrefixStaticRole, "static-roles/app/rotate"},
	} {
		t.Run(c.path+" without "+c.verb+" of "+c.prefix, func(t *testing.T) {
			t.Parallel()
			m := newStaticMount(t, noRetries)
			own := m.aws.AddKey("app").AccessKeyID
			data := daily
			if strings.HasSuffix(c.path, "rotate") {
				m.write("static-roles/app", daily)
				m.write("static-roles/app", map[string]any{"replace_access_key": own}) // else the old key makes room
				data = nil
			}
			m.storage.breaks(c.verb, c.prefix)
			if text := m.fails(logical.UpdateOperation, c.path, data); !strings.Contains(text, errStorage.Error()) {
				t.Errorf("told %q", text)
			}
			m.storage.mend()
			if data == nil {
				m.hasKeys("app", m.served("app"))
				m.settled()
			} else {
				m.hasKeys("app", own)
				m.settled(own)
			}
		})
	}
}

// A record that cannot be removed after a good rotation does no harm to the new key.
func TestStaticRecordThatStaysDoesNotEndTheKey(t *testing.T) {
	t.Parallel()
	m := newStaticMount(t)
	m.storage.breaks("delete", "wal/")
	m.write("static-roles/app", daily)
	m.recorded(1)
	m.storage.mend()
	m.settled()
	if m.read("static-roles/app") == nil {
		t.Error("the role is gone")
	}
}

// The process dies when AWS has made the key and nobody has stored it: it goes once AWS can tell that nobody uses it.
func TestStaticCrashIsRolledBack(t *testing.T) {
	t.Parallel()
	for _, action := range []string{"GetUser", "ListAccessKeys", "DeleteAccessKey", "CreateAccessKey"} {
		for path, data := range map[string]map[string]any{"static-roles/app": daily, "static-roles/app/rotate": nil} {
			if action == "DeleteAccessKey" && data != nil {
				continue // an adoption deletes nothing
			}
			t.Run(path+" at "+action, func(t *testing.T) {
				t.Parallel()
				m := newStaticMount(t, noRetries)
				if data == nil {
					m.write("static-roles/app", daily)
					m.write("static-roles/app/rotate", nil)
				}
				m.dieStatic(action, path, data)
				m.untilUseIsTold()
				if action == "CreateAccessKey" {
					m.recorded(0) // else only time tells that there is no key
				}
				m.settled()
			})
		}
	}
}

// Where a customer's key takes the second place, the role's key has to go before there
// is another one. A process that dies or an AWS that fails in between leaves a role with
// a dead key, until the next tick and not until the role is due.
func TestStaticKeyThatHadToGoIsReplacedAtTheNextTick(t *testing.T) {
	t.Parallel()
	const path = "static-roles/app/rotate"
	for name, interrupt := range map[string]func(m *mount){
		"dies before the key goes": func(m *mount) { m.dieStatic("ListAccessKeys", path, nil) },
		"dies after the key went":  func(m *mount) { m.dieStatic("DeleteAccessKey", path, nil) },
		"dies with the next key":   func(m *mount) { m.dieStatic("CreateAccessKey", path, nil) },
		"AWS makes no other key": func(m *mount) {
			m.aws.Inject(fakeaws.Fault{Action: "CreateAccessKey"})
			m.fails(logical.UpdateOperation, path, nil)
			m.aws.ClearFaults()
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newStaticMount(t, noRetries)
			customers := m.aws.AddKey("app").AccessKeyID
			m.write("static-roles/app", daily)
			m.served("app")
			interrupt(m)
			m.mustTick()
			if name == "dies with the next key" { // which is in the way until AWS tells that nobody uses it
				m.untilUseIsTold()
			}
			m.hasKeys("app", customers, m.served("app"))
			key := m.served("app")
			m.settled(customers)
			if again := m.served("app"); again != key {
				t.Errorf("rotated once more, from %s to %s", key, again)
			}
		})
	}
}

// dieStatic lets a request run until AWS has done a call, and ends the process there:
// it reaches neither storage nor AWS any more.
func (m *mount) dieStatic(action, path string, data map[string]any) {
	m.t.Helper()
	met := m.aws.Inject(fakeaws.Fault{Action: action, Kind: fakeaws.HangAfter, Times: 1})
	req := m.request(logical.UpdateOperation, path, data)
	process := &mortal{Storage: m.storage}
	req.Storage = process
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_, _ = m.b.HandleRequest(m.ctx, req)
	}()
	<-met.Reached()
	process.dead.Store(true)
	for _, call := range rotateCalls {
		m.aws.Inject(fakeaws.Fault{Action: call, Kind: fakeaws.Cut})
	}
	met.Release()
	<-ended
	m.aws.ClearFaults()
	m.start()
}

// No secret outside of static-creds/, which is sealed once more where the seal can.
func TestStaticSecretIsInOnePlace(t *testing.T) {
	t.Parallel()
	m := newRotatingMount(t, noRetries)
	m.storage.breaks("delete", "wal/")
	m.write("static-roles/app/rotate", nil)
	m.recorded(1)
	secret := m.read("static-creds/app")["secret_key"].(string)
	raw, err := json.Marshal(secret)
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for key, value := range m.storage.dump(t) {
		if strings.Contains(value, secret) || strings.Contains(value, strings.Trim(string(raw), `"`)) {
			found++
			if key != engine.PrefixStaticCreds+"app" {
				t.Errorf("%s holds the secret", key)
			}
		}
	}
	if found != 1 {
		t.Errorf("found in %d places", found)
	}
	if special := pathsSpecial().SealWrapStorage; !strings.Contains(strings.Join(special, " "), engine.PrefixStaticCreds) {
		t.Errorf("sealed: %v", special)
	}
	m.storage.mend()
	m.settled()
}

// What the built-in engine has stored is read, rotated and handed back.
func TestStaticRoleOfTheBuiltInEngine(t *testing.T) {
	t.Parallel()
	m := newStaticMount(t)
	key := m.aws.AddKey("app")
	m.write("static-roles/app", daily)
	id := m.read("static-roles/app")["id"]
	m.write("static-roles/app", map[string]any{"replace_access_key": key.AccessKeyID})
	ours := m.read("static-creds/app")
	m.put("static-roles/app", map[string]any{
		"name": "app", "id": id, "username": "app", "rotation_period": int64(time.Hour),
		"assume_role_arn": "", "assume_role_session_name": "", "external_id": "",
	})
	ends := time.Now().Add(30 * time.Minute).UTC().Truncate(time.Second)
	m.put("static-creds/app", map[string]any{"access_key": ours["access_key"], "secret_key": ours["secret_key"], "expiration": ends})
	m.start()
	creds := m.read("static-creds/app")
	if creds["expiration"] != ends.Format(time.RFC3339Nano) || creds["last_vault_rotation"] != ends.Add(-time.Hour).Format(time.RFC3339Nano) {
		t.Errorf("answered %v", creds)
	}
	m.mustTick()
	if m.served("app") != ours["access_key"] {
		t.Error("rotated before its time")
	}
	m.write("static-roles/app", map[string]any{"rotation_period": "2h"})
	if ttl := m.read("static-creds/app")["ttl"].(int64); ttl < 5390 || ttl > 5400 {
		t.Errorf("ttl %d, want 90 minutes", ttl)
	}
	m.pass(91 * time.Minute)
	m.mustTick()
	if m.served("app") == ours["access_key"] {
		t.Error("not rotated")
	}
	var stored struct {
		AccessKey  string     `json:"access_key"`
		SecretKey  string     `json:"secret_key"`
		Expiration *time.Time `json:"expiration"`
	}
	if err := json.Unmarshal([]byte(m.storage.dump(t)["static-creds/app"]), &stored); err != nil || stored.Expiration == nil || stored.AccessKey != m.served("app") {
		t.Errorf("stored %+v: %v", stored, err)
	}
}
