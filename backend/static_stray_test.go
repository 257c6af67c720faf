// SPDX-License-Identifier: MPL-2.0

package backend

// A key of which nobody can say yet whether a rotation has left it or a customer has made it.

import (
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/engine"
	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

// loseKey has a rotation fail whose key AWS has made, and returns that one's ID.
func (m *mount) loseKey() (lost string) {
	m.t.Helper()
	m.aws.Inject(fakeaws.Fault{Action: "CreateAccessKey", Kind: fakeaws.LostAnswer, Times: 1})
	m.fails(logical.UpdateOperation, "static-roles/app/rotate", nil)
	keys := m.aws.Keys("app")
	return keys[len(keys)-1].AccessKeyID
}

// Where the customer's key and the one that may be lost leave no room, there is none until that one is judged.
func TestStaticRoleWaitsForAKeyOfUnknownOrigin(t *testing.T) {
	t.Parallel()
	m, own := newCrowdedMount(t)
	lost := m.loseKey()
	m.pass(time.Minute)
	m.mustTick()
	m.hasKeys("app", own, lost)
	if text := m.noKeyYet(); !strings.Contains(text, lost) || !strings.Contains(text, "replace_access_key="+lost) {
		t.Errorf("told %q", text)
	}
	if why, _ := m.read("static-roles/app")["last_rotation_error"].(string); !strings.Contains(why, lost) {
		t.Errorf("last_rotation_error: %q", why)
	}
	m.untilUseIsTold()
	m.hasKeys("app", own, m.served("app"))
	m.recorded(0)
}

// Whoever names the key has decided.
func TestStaticRoleReplacesAKeyOfUnknownOriginAtOnce(t *testing.T) {
	t.Parallel()
	m, own := newCrowdedMount(t)
	m.write("static-roles/app", map[string]any{"replace_access_key": m.loseKey()})
	m.mustTick() // or the timer, within seconds
	m.hasKeys("app", own, m.served("app"))
	m.settled(own)
}

// The key that is handed out makes no room for a rotation while the other one may be a customer's.
func TestStaticRotationSparesTheKeyInUse(t *testing.T) {
	t.Parallel()
	for name, asked := range map[string]func(m *mount, lost string){
		"asked for": func(m *mount, lost string) {
			if text := m.refused(logical.UpdateOperation, "static-roles/app/rotate", nil); !strings.Contains(text, "replace_access_key="+lost) {
				t.Errorf("refused with %q", text)
			}
		},
		"by schedule": func(m *mount, _ string) {
			m.write("static-roles/app", map[string]any{"rotation_period": "1m"})
			m.age(2 * time.Minute)
			m.mustTick()
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newRotatingMount(t)
			before, lost := m.served("app"), m.loseKey()
			asked(m, lost)
			m.hasKeys("app", before, lost)
			if now := m.served("app"); now != before {
				t.Errorf("serves %s, not %s", now, before)
			}
			m.untilUseIsTold()
			m.write("static-roles/app/rotate", nil)
			m.settled()
		})
	}
}

// Nobody judges a key once the storage is gone: a customer's must not go with it.
func TestDisabledMountLeavesAKeyOfUnknownOrigin(t *testing.T) {
	t.Parallel()
	m, own := newCrowdedMount(t)
	lost := m.loseKey()
	m.system = disabling{m.system}
	m.start()
	m.b.Cleanup(m.ctx)
	m.hasKeys("app", own, lost)
}

// That AWS does not answer is no word that nobody uses a key.
func TestKeyInUseStaysWhileAWSDoesNotTell(t *testing.T) {
	t.Parallel()
	m := newRotatingMount(t, noRetries)
	m.aws.Inject(fakeaws.Fault{Action: "CreateAccessKey", Kind: fakeaws.ServerError, Times: 1})
	m.fails(logical.UpdateOperation, "static-roles/app/rotate", nil)
	customers := m.aws.AddKey("app")
	m.works(customers.AccessKeyID, customers.SecretAccessKey)
	away := m.aws.Inject(fakeaws.Fault{Action: "GetAccessKeyLastUsed", Kind: fakeaws.Unavailable})
	m.age(engine.UseToldAfter + time.Minute)
	_, _ = m.ask(logical.RollbackOperation, "", nil)
	if away.Hits() == 0 {
		t.Error("AWS was not asked")
	}
	away.Remove()
	m.mustTick()
	m.hasKeys("app", m.served("app"), customers.AccessKeyID)
	m.recorded(0)
}
