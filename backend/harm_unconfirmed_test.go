// SPDX-License-Identifier: MPL-2.0

package backend

// The plugin dies after it has answered, and Vault with it: a user whose lease perhaps nobody
// stored.

import (
	"testing"
	"time"

	"vault-plugin-secrets-aws-dyn/internal/fakeaws"

	"github.com/hashicorp/vault/sdk/logical"
)

// answered is a credential that was answered right before the process died.
func (m *mount) answered() *logical.Response {
	m.t.Helper()
	creds := m.creds("developer-access")
	m.start()
	m.mustTick()
	return creds
}

// day lets a day and a bit pass, in which the engine is there.
func (m *mount) day() {
	m.t.Helper()
	for range 25 * 15 { // a gap would be something else
		m.age(4 * time.Minute)
		m.mustTick()
	}
}

func (m *mount) shownUnconfirmed(creds *logical.Response, want bool) {
	m.t.Helper()
	if shown := m.read("issued/" + m.user(creds)); shown == nil || shown["unconfirmed"] != want {
		m.t.Errorf("issued/ shows %v, want unconfirmed: %v", shown, want)
	}
}

func TestUnusedUserThatPerhapsNobodyGotEnds(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		prepare func(m *mount, creds *logical.Response)
		has     bool
	}{
		"never used":                          {func(*mount, *logical.Response) {}, false},
		"off, as it is by default":            {func(m *mount, _ *logical.Response) { m.write("config/users", map[string]any{"unconfirmed_ttl": 0}) }, true},
		"with a template that nobody can use": {func(m *mount, _ *logical.Response) { m.store(map[string]any{"username_template": "{{"}) }, false},
		"used": {func(m *mount, creds *logical.Response) {
			m.works(creds.Data["access_key"].(string), creds.Data["secret_key"].(string))
		}, true},
		"renewed": {func(m *mount, creds *logical.Response) { m.renewed(creds) }, true},
		"AWS does not let us ask": {func(m *mount, _ *logical.Response) {
			m.aws.Inject(fakeaws.Fault{Action: "GetAccessKeyLastUsed", Kind: fakeaws.Refuse})
		}, true},
		"AWS does not answer": {func(m *mount, _ *logical.Response) {
			m.aws.Inject(fakeaws.Fault{Action: "GetAccessKeyLastUsed", Kind: fakeaws.Unavailable, Times: 1})
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newConfiguredMount(t)
			m.mustTick()
			m.write("config/users", map[string]any{"unconfirmed_ttl": "24h"})
			sure := m.creds("developer-access")
			m.age(time.Minute)
			m.mustTick() // it is known to have been answered
			creds := m.answered()
			m.shownUnconfirmed(creds, true)
			m.shownUnconfirmed(sure, false)
			c.prepare(m, creds)
			m.day()
			m.has(m.user(creds), c.has)
			m.has(m.user(sure), true)
			if c.has {
				m.revoke(creds)
			}
			m.revoke(sure)
			m.registered(0)
		})
	}
}

// A restart that nobody noticed loses nobody's credential.
func TestConfirmedByARenewalForGood(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t)
	m.mustTick()
	creds := m.answered()
	m.renewed(creds)
	m.shownUnconfirmed(creds, false)
	m.start()
	m.mustTick()
	m.shownUnconfirmed(creds, false)
	m.revoke(creds)
}

// That the engine itself has used a key, to see whether AWS accepts it, does not say that
// anybody got it.
func TestAnAwaitedKeyThatPerhapsNobodyGot(t *testing.T) {
	t.Parallel()
	for name, used := range map[string]bool{"never used since": false, "used since": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newConfiguredMount(t)
			m.mustTick()
			m.write("config/users", map[string]any{"unconfirmed_ttl": "24h"})
			m.write("roles/developer-access", map[string]any{"wait_until_usable": true})
			creds := m.answered()
			m.shownUnconfirmed(creds, true)
			if used {
				m.age(time.Minute)
				m.works(creds.Data["access_key"].(string), creds.Data["secret_key"].(string))
			}
			m.day()
			m.has(m.user(creds), used)
			if used {
				m.revoke(creds)
			}
			m.noUsers()
		})
	}
}
