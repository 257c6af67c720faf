// SPDX-License-Identifier: MPL-2.0

package backend

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/vault/sdk/framework"
	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/users"
	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

// disabling is what a mount sees of a Vault that disables it.
type disabling struct{ logical.SystemView }

func (disabling) Tainted() bool { return true }

// A create that is under way when Vault lets go of the mount gives up, and Vault waits
// until it has cleaned up.
func TestLeavingWaitsForRequestsUnderWay(t *testing.T) {
	t.Parallel()
	for _, action := range createCalls {
		for _, kind := range []fakeaws.Kind{fakeaws.Hang, fakeaws.HangAfter} {
			t.Run(action+" "+kind.String(), func(t *testing.T) {
				t.Parallel()
				m := newWideMount(t)
				met := m.aws.Inject(fakeaws.Fault{Action: action, Kind: kind, Times: 1})
				failed := make(chan error, 1)
				go func() {
					_, err := m.b.HandleRequest(m.ctx, m.request(logical.ReadOperation, "creds/wide", nil))
					failed <- err
				}()
				<-met.Reached()
				m.b.Cleanup(m.ctx)
				if !m.quiet() {
					t.Error("the mount is gone, and the request is still under way")
				}
				if err := <-failed; err == nil {
					t.Error("the request went well in a mount that is gone")
				}
				m.start() // a seal, say: AWS may have done late what was asked of it last
				m.pass(users.DefaultLateWindow)
				m.mustTick()
				m.noUsers()
				m.recorded(0)
			})
		}
	}
}

// Vault waits for what a request began, cleanups of creations that it interrupted itself included.
func TestMountWaitsForTheCleanUpThatItsEndBegan(t *testing.T) {
	t.Parallel()
	m := newHurriedMount(t)
	step := m.aws.Inject(fakeaws.Fault{Action: "AttachUserPolicy", Kind: fakeaws.Hang, Times: 1})
	deletion := m.aws.Inject(fakeaws.Fault{Action: "DeleteUser", Kind: fakeaws.Hang, Times: 1})
	answered, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(answered)
		_, _ = m.ask(logical.ReadOperation, "creds/developer-access", nil)
	}()
	select {
	case <-step.Reached():
	case <-answered:
		t.Fatal("the request ended before it came to the second wave")
	}
	go func() {
		defer close(ended)
		m.b.Cleanup(m.ctx)
	}()
	<-deletion.Reached()
	<-answered // without the cleanup, which AWS does not answer
	select {
	case <-ended:
		t.Error("Vault goes on while the mount still deletes a user")
	case <-time.After(100 * time.Millisecond):
	}
	step.Release()
	deletion.Release()
	<-ended
	m.start()
	m.pass(users.DefaultLateWindow)
	m.mustTick()
	m.noUsers()
}

// What Vault did not know when the disable began ends with the mount; after anything
// else, such as a seal, all leases live on.
func TestDisablingDeletesWhatIsLeft(t *testing.T) {
	t.Parallel()
	for name, disabled := range map[string]bool{"disabled": true, "sealed": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newWideMount(t)
			if disabled {
				m.system = disabling{m.system}
			}
			m.dieAt("CreateUser")
			live := []*logical.Response{m.creds("wide"), m.creds("wide")}
			m.b.Cleanup(m.ctx)
			if disabled {
				m.noUsers()
				m.recorded(0)
				return
			}
			for _, creds := range live {
				if _, ok := m.aws.User(m.user(creds)); !ok {
					t.Errorf("%s has a lease and is gone", m.user(creds))
				}
			}
			m.start()
			m.mustTick()
			for _, creds := range live {
				m.revoke(creds)
			}
			m.noUsers()
		})
	}
}

// At registration Vault gives a plugin no storage and no view of itself.
func TestLeavingWithoutAMount(t *testing.T) {
	t.Parallel()
	b, err := New(Options{})(t.Context(), &logical.BackendConfig{})
	if err != nil {
		t.Fatal(err)
	}
	b.Cleanup(context.Background())
}

// A process that is let go before its first tick has read no records yet. What is to end is
// written down for the built-in engine all the same: nobody tells that the mount goes to it.
func TestLeavingBeforeTheFirstTickWritesDownWhatIsToEnd(t *testing.T) {
	t.Parallel()
	m := newWideMount(t, noRetries)
	m.dieAt("CreateAccessKey")
	crashed := m.aws.Users()[0]
	creds := m.creds("wide")
	away := m.aws.Inject(fakeaws.Fault{Kind: fakeaws.Cut})
	if _, err := m.lease(logical.RevokeOperation, creds); err == nil {
		t.Fatal("AWS was away, and the revocation went well")
	}
	away.Remove()
	live := m.creds("wide")
	m.start()
	m.b.Cleanup(m.ctx)
	for user, mirrored := range map[string]bool{crashed: true, m.user(creds): true, m.user(live): false} {
		entry, err := m.storage.Get(m.ctx, framework.WALPrefix+mirrorID(user))
		if err != nil || entry != nil != mirrored {
			t.Errorf("an entry of the WAL stands for %s: %v, %v", user, entry != nil, err)
		}
	}
	m.start()
	m.pass(users.DefaultLateWindow)
	m.mustTick()
	m.revoke(live)
	m.noUsers()
	m.recorded(0)
}

// What config/root led away from is written down once it leads back.
func TestUserOfAnotherAccountIsWrittenDownAfterTheReturn(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t, noRetries)
	creds := m.creds("developer-access")
	m.leadTo(anotherAccount(t))
	if _, err := m.lease(logical.RevokeOperation, creds); err == nil {
		t.Fatal("revoked in another account")
	}
	m.mustTick()
	for _, stands := range []bool{false, true} {
		if stands {
			m.configure()
			m.aws.Inject(fakeaws.Fault{Action: "DeleteUser", Kind: fakeaws.Unavailable})
			_ = m.tick() // says that a user is left
		}
		entry, err := m.storage.Get(m.ctx, framework.WALPrefix+mirrorID(m.user(creds)))
		if err != nil || entry != nil != stands {
			t.Errorf("an entry of the WAL stands for the user: %v, %v; expected %v", entry != nil, err, stands)
		}
	}
	m.aws.ClearFaults()
	m.revoke(creds)
	m.noUsers()
	m.recorded(0)
}

// A revocation that fails while Vault disables the mount keeps Vault from it, and config/root
// cannot be written any more: the error says what is left to do.
func TestRevocationThatKeepsVaultFromDisablingSaysTheWayOut(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t)
	creds := m.creds("developer-access")
	m.leadTo(anotherAccount(t))
	for _, tainted := range []bool{false, true} {
		if tainted {
			m.system = disabling{m.system}
			m.start()
		}
		resp, err := m.lease(logical.RevokeOperation, creds)
		text, _ := outcome(resp, err)
		if namesBoth(t, text); strings.Contains(text, "vault lease revoke -force -prefix") != tainted {
			t.Errorf("disabling is %v, and the error is: %s", tainted, text)
		}
	}
	m.configure()
	m.revoke(creds)
	m.noUsers()
}
