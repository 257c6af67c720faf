// SPDX-License-Identifier: MPL-2.0

package backend

// Records whose user is gone: they end, and only they.

import (
	"net/url"
	"testing"
	"time"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

// goneBehind has AWS lose the user of a lease, as where a server deleted it and died before
// it could end the record.
func (m *mount) goneBehind() (user string) {
	m.t.Helper()
	user = m.user(m.creds("developer-access"))
	m.aws.RemoveUser(user)
	return user
}

// Each minute looks at two of the longest records.
func TestRecordsWithoutAUserEnd(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t)
	for range 3 {
		m.goneBehind()
	}
	held := m.creds("developer-access")
	m.mustTick()
	m.registered(4) // AWS may not show them yet
	for range 4 {
		m.age(DefaultWALMinAge)
		m.mustTick()
	}
	m.registered(1)
	m.revoke(held)
	m.registered(0)
}

func TestRevokeAfterADeleteOfTheRecordLeavesNone(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t)
	creds := m.creds("developer-access")
	m.age(20 * time.Minute)
	m.do(logical.DeleteOperation, "issued/"+m.user(creds), nil)
	m.registered(0)
	m.revoke(creds)
	m.registered(0)
	m.age(time.Minute)
	m.mustTick()
	m.registered(0)
	m.noUsers()
}

// Tidy reads all users anyway: a record whose user is not among them is looked at and ended.
func TestTidyEndsRecordsWithoutAUser(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t)
	m.mustTick()
	for range 5 {
		m.goneBehind()
	}
	held := m.creds("developer-access")
	m.mustTick()
	m.age(time.Hour)
	young := m.goneBehind()
	m.told(m.tidy(nil), map[string]any{"state": "finished", "records_absent": 5, "records_ended": 5, "errors_count": 0})
	m.registered(2)
	if m.read("issued/"+young) == nil {
		t.Error("a user that AWS may not show yet has lost its record")
	}
	m.told(m.tidy(nil), map[string]any{"records_absent": 0, "records_ended": 0})
	m.revoke(held)
	m.age(time.Hour)
	m.mustTick()
	m.registered(0)
}

// What another account does not list is not gone, and what is listed late is not either.
func TestTidyEndsNoRecordOfAUserThatIsThere(t *testing.T) {
	t.Parallel()
	for name, away := range map[string]func(t *testing.T, m *mount, user string) (back func()){
		"in another account": func(t *testing.T, m *mount, _ string) func() {
			m.leadTo(anotherAccount(t))
			return func() { m.configure() }
		},
		"renamed by its holder": func(_ *testing.T, m *mount, user string) func() {
			m.call("UpdateUser", url.Values{"UserName": {user}, "NewUserName": {"mine"}})
			return func() {}
		},
		"AWS does not say": func(_ *testing.T, m *mount, user string) func() {
			m.call("UpdateUser", url.Values{"UserName": {user}, "NewUserName": {"mine"}})
			refused := m.aws.Inject(fakeaws.Fault{Action: "GetUser", User: user, Kind: fakeaws.Refuse})
			return refused.Remove
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newConfiguredMount(t)
			creds := m.creds("developer-access")
			m.mustTick()
			m.age(time.Hour)
			back := away(t, m, m.user(creds))
			m.told(m.tidy(deleting), map[string]any{"records_absent": 1, "records_ended": 0, "deleted_count": 0})
			for range 3 { // the look at the longest records ends it no more than tidy
				m.age(time.Minute)
				_ = m.tick()
			}
			m.registered(1)
			back()
			m.renewed(creds)
			m.revoke(creds)
			m.noUsers()
			m.registered(0)
		})
	}
}

// A holder may rename its user where its policies let it. The user goes all the same, by
// whatever way it ends, and the one that somebody else has given its old name stays.
func TestUserThatItsHolderRenamedEnds(t *testing.T) {
	t.Parallel()
	ends := map[string]func(m *mount, creds *logical.Response){
		"by its lease":   func(m *mount, creds *logical.Response) { m.revoke(creds) },
		"by its record":  func(m *mount, creds *logical.Response) { m.do(logical.DeleteOperation, "issued/"+m.user(creds), nil) },
		"by the sweep":   func(m *mount, _ *logical.Response) { m.age(3 * time.Hour); m.mustTick() },
		"after a reload": func(m *mount, creds *logical.Response) { m.start(); m.revoke(creds) },
	}
	for how, end := range ends {
		for name, template := range map[string]map[string]any{"": {}, " with a name that repeats": repeating} {
			t.Run(how+name, func(t *testing.T) {
				t.Parallel()
				m := newConfiguredMount(t, template)
				creds := m.do(logical.ReadOperation, "creds/developer-access", map[string]any{"ttl": "1h"})
				user := m.user(creds)
				m.age(20 * time.Minute)
				m.mustTick()
				m.call("UpdateUser", url.Values{"UserName": {user}, "NewUserName": {"mine"}})
				if name != "" {
					m.aws.AddUser(user)
				}
				end(m, creds)
				m.has("mine", false)
				if name != "" {
					m.has(user, true)
				}
				m.registered(0)
			})
		}
	}
}
