// SPDX-License-Identifier: MPL-2.0

package backend

// What stops new credentials does not stop old ones from ending.

import (
	"testing"
	"time"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/engine"
)

// Whatever of the configuration nobody can read: users are revoked, swept, rolled back and
// deleted all the same.
func TestRevocationNeedsNoOtherConfiguration(t *testing.T) {
	t.Parallel()
	template := func(text string) func(m *mount) {
		return func(m *mount) {
			cfg, err := engine.Load[engine.RootConfig](m.ctx, m.storage, engine.KeyRootConfig)
			if err != nil {
				m.t.Fatal(err)
			}
			cfg.UsernameTemplate = text
			m.put(engine.KeyRootConfig, cfg)
		}
	}
	for name, spoil := range map[string]func(m *mount){
		"template that is none":          template("{{ nonsense"),
		"template that only another has": template(`{{ range $i, $c := .DisplayName }}{{ $i }}{{ end }}-{{ random 20 }}`),
		"config/lease":                   func(m *mount) { m.leave(engine.KeyLeaseConfig, `"garbled"`) },
		"config/users":                   func(m *mount) { m.leave(engine.KeyUsersConfig, `{"max_users":"many"`) },
		"auto-tidy":                      func(m *mount) { m.leave(engine.KeyAutoTidy, `7`) },
		"the role":                       func(m *mount) { m.leave(engine.PrefixRole+"developer-access", `[`) },
		"the home account":               func(m *mount) { m.leave(engine.KeyHome, `{`) },
		"the heartbeat":                  func(m *mount) { m.leave(engine.KeyHeartbeat, `{`) },
		"the terms":                      func(m *mount) { m.leave(engine.KeyTerms, `{`) },
		"the key of the proofs":          func(m *mount) { m.leave(engine.KeyOwnership, `{`) },
		"the plan of the root key":       func(m *mount) { m.leave(engine.KeyRootRotation, `{`) },
		"a static role":                  func(m *mount) { m.leave(engine.PrefixStaticRole+"x", `{`) },
		"its own record":                 nil,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newConfiguredMount(t)
			creds, deleted, lost := m.creds("developer-access"), m.creds("developer-access"), m.lost("1h")
			m.mustTick()
			m.age(30 * time.Minute)
			m.mustTick()
			if spoil == nil {
				m.leave(recordKey(m.user(creds)), `{`)
			} else {
				spoil(m)
			}
			m.start()
			m.revoke(creds)
			m.do(logical.DeleteOperation, "issued/"+m.user(deleted), nil)
			m.has(m.user(creds), false)
			m.has(m.user(deleted), false)
			for range 9 {
				m.age(10 * time.Minute)
				_ = m.tick() // which may complain
			}
			if name != "the heartbeat" && name != "the terms" { // nobody knows then what was renewed meanwhile
				m.has(lost, false)
			} else {
				m.do(logical.DeleteOperation, "issued/"+lost, nil)
			}
		})
	}
}
