// SPDX-License-Identifier: MPL-2.0

package backend

// A username_template without a random part makes names that repeat. That makes requests wait,
// and deletes nobody's user.

import (
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/users"
	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

// repeating makes one name for each caller and role.
var repeating = map[string]any{"username_template": "vault-{{.DisplayName}}-{{.PolicyName}}"}

// repeatingOnce is repeating, where every fault counts.
var repeatingOnce = map[string]any{"username_template": "vault-{{.DisplayName}}-{{.PolicyName}}", "max_retries": 0}

const repeated = "vault-token-test-developer-access"

// refusedName asks for a name that is taken, and checks that AWS does not hear of it.
func (m *mount) refusedName() string {
	m.t.Helper()
	m.aws.ResetCalls()
	text := m.refused(logical.ReadOperation, "creds/developer-access", nil)
	if calls := m.aws.Calls(); len(calls) != 0 {
		m.t.Errorf("AWS was asked: %v", m.aws.Actions())
	}
	if !strings.Contains(text, `"`+repeated+`" has a record already`) || strings.Contains(text, "\n") {
		m.t.Errorf("refused with %s", text)
	}
	return text
}

// A request fails in passing, and Vault's client asks again by itself. The second one is
// refused until the first one's user is known to be gone, and no tick harms who comes then.
func TestRollbackLeavesTheNextUserOfANameAlone(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		template map[string]any
		fault    fakeaws.Fault
	}{
		"one attempt":   {repeatingOnce, fakeaws.Fault{Action: "CreateUser", Kind: fakeaws.ServerError, Times: 1}},
		"many attempts": {repeating, fakeaws.Fault{Action: "CreateUser", Kind: fakeaws.Unavailable, Times: 10}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newConfiguredMount(t, c.template)
			failing := m.aws.Inject(c.fault)
			m.fails(logical.ReadOperation, "creds/developer-access", nil)
			failing.Remove()
			m.recorded(1)
			m.refusedName()
			m.start()
			m.refusedName()
			m.age(users.DefaultLateWindow + time.Minute)
			m.mustTick()
			m.recorded(0)
			creds := m.creds("developer-access")
			for range 20 {
				m.mustTick()
				m.age(time.Minute)
			}
			m.has(m.user(creds), true)
			m.renewed(creds)
			m.revoke(creds)
		})
	}
}

// The clean-up of a second request does not touch the first one's user, and the refusal says
// until when it may be.
func TestSecondRequestForANameIsRefused(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t, repeatingOnce)
	one := m.do(logical.ReadOperation, "creds/developer-access", map[string]any{"ttl": "2h"})
	for _, age := range []time.Duration{0, 90 * time.Second} {
		m.age(age)
		failing := m.aws.Inject(fakeaws.Fault{Action: "CreateUser", Kind: fakeaws.ServerError})
		text := m.refusedName()
		failing.Remove()
		_, stamp, _ := strings.Cut(text, ", until ")
		stamp, _, _ = strings.Cut(stamp, " ")
		until := moment(t, stamp)
		m.near("until", until, m.now().Add(2*time.Hour-age+users.DefaultSweepGrace))
		m.has(repeated, true)
	}
	m.renewed(one)
	m.revoke(one)
	m.revoke(m.creds("developer-access")) // it is free again
}

// A tick comes by while a second request for the name is under way.
func TestTickLeavesTheUserOfARepeatedNameAlone(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t, repeating)
	held := m.aws.Inject(fakeaws.Fault{Action: "CreateAccessKey", Kind: fakeaws.Hang, Times: 1})
	var creds *logical.Response
	var asked sync.WaitGroup
	asked.Go(func() { creds, _ = m.ask(logical.ReadOperation, "creds/developer-access", nil) })
	<-held.Reached()
	for !slices.Contains(m.aws.Actions(), "AttachUserPolicy") { // the other call of the wave, which may come later
		runtime.Gosched()
	}
	m.refusedName()
	m.mustTick()
	m.has(repeated, true)
	held.Release()
	asked.Wait()
	m.mustTick()
	m.has(repeated, true)
	m.revoke(creds)
}

// Vault may ask for an end twice, and the second time a later lease may have the name.
func TestRepeatedRevokeLeavesTheNextUserOfANameAlone(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t, repeating)
	one := m.creds("developer-access")
	m.revoke(one)
	two := m.creds("developer-access")
	m.age(20 * time.Minute)
	m.revoke(one)
	m.has(repeated, true)
	m.registered(1)
	m.unrecorded(repeated) // even where no record tells the two apart
	if resp, err := m.lease(logical.RevokeOperation, one); !well(resp, err) {
		t.Errorf("the repeated revoke: %v %v", resp, err)
	}
	m.has(repeated, true)
	m.revoke(two)
	m.noUsers()
}

// To IAM, names that differ in case are one.
func TestNamesThatDifferInCaseAreOne(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t, map[string]any{"username_template": "{{.PolicyName}}", "max_retries": 0})
	m.write("roles/App", map[string]any{"policy_arns": readOnly})
	m.write("roles/app", map[string]any{"policy_arns": readOnly})
	one := m.creds("App")
	for range 2 {
		if text := m.refused(logical.ReadOperation, "creds/app", nil); !strings.Contains(text, `"App" has a record already`) {
			t.Errorf("refused with %s", text)
		}
		m.start() // from storage as from memory
	}
	m.has("App", true)
	m.revoke(one)
}

// A user of the name that somebody else has made stays, whatever happens to our record.
func TestUserThatSomebodyElseMadeUnderOurNameStays(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t, repeating)
	creds := m.creds("developer-access")
	m.aws.RemoveUser(repeated)
	m.aws.AddUser(repeated) // somebody with a plan of its own
	m.age(20 * time.Minute)
	m.revoke(creds)
	m.has(repeated, true)
	m.registered(0)
	m.age(800 * time.Hour)
	m.mustTick()
	m.has(repeated, true)
}
