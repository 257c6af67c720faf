// SPDX-License-Identifier: MPL-2.0

package backend

// Another account that is out of reach: it is told, and holds up no other.

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

func TestLostAccount(t *testing.T) {
	t.Parallel()
	for name, lose := range map[string]func(there *fakeaws.Server){
		"its trust is gone": func(there *fakeaws.Server) { there.SetTrust("hub"); there.ExpireSessions() },
		"its role is gone":  func(there *fakeaws.Server) { there.RemoveRole("hub") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m, there := newAccounts(t, noRetries)
			creds, here := m.creds("payments"), m.creds("developer-access")
			m.start() // nobody remembers the session
			lose(there)
			text := m.refused(logical.ReadOperation, "creds/payments", nil)
			for _, part := range []string{"AccessDenied", otherHub, "assume_role_arn", "trust policy", "sts:AssumeRole"} {
				if !strings.Contains(text, part) {
					t.Errorf("refused with %q, which lacks %q", text, part)
				}
			}
			m.registered(2)
			if _, err := m.lease(logical.RevokeOperation, creds); err == nil || !strings.Contains(err.Error(), otherHub) {
				t.Errorf("revoked with %v", err)
			}
			m.age(800 * time.Hour)
			err := m.tick()
			if err == nil || !strings.Contains(err.Error(), "AWS account "+other) || !strings.Contains(err.Error(), "AccessDenied") {
				t.Errorf("the tick said %v", err)
			}
			if users := m.aws.Users(); len(users) > 0 {
				t.Errorf("the sweep left %v in the account of config/root", users)
			}
			m.registered(1)
			there.SetTrust("hub", home)
			m.mustTick()
			if users := there.Users(); len(users) > 0 {
				t.Errorf("the sweep left %v", users)
			}
			m.registered(0)
			m.revoke(here)
		})
	}
}

// A hub that was deleted and made again: the first request gets a user, as it does where the session ended early.
func TestHubMadeAgain(t *testing.T) {
	t.Parallel()
	m, there := newAccounts(t)
	m.revoke(m.creds("payments"))
	there.RemoveRole("hub")
	there.SetTrust("hub", home)
	m.revoke(m.creds("payments"))
}

// The same for the role of config/root.
func TestRootRoleMadeAgain(t *testing.T) {
	t.Parallel()
	m := newMount(t)
	m.aws.AddRole("vault")
	m.configure(map[string]any{"role_arn": vaultARN, "max_retries": -1})
	m.write("roles/developer-access", map[string]any{"policy_arns": readOnly})
	m.revoke(m.creds("developer-access"))
	m.aws.RemoveRole("vault")
	m.aws.AddRole("vault")
	m.aws.ResetCalls()
	m.revoke(m.creds("developer-access"))
	if n := m.calls("AssumeRole", home); n != 1 {
		t.Errorf("%d new sessions, want 1", n)
	}
}

// Requests that are under way while the hub is made again share its new session: what AWS says of the old one does
// not end the new one. A hub that is gone for good is told at once.
func TestHubMadeAgainCostsOneSession(t *testing.T) {
	t.Parallel()
	m, there := newAccounts(t)
	m.revoke(m.creds("payments"))
	there.RemoveRole("hub")
	there.SetTrust("hub", home)
	m.aws.ResetCalls()
	var requests sync.WaitGroup
	answers := make(chan *logical.Response, 8)
	for range cap(answers) {
		requests.Go(func() { answers <- m.creds("payments") })
	}
	requests.Wait()
	close(answers)
	for creds := range answers {
		m.revoke(creds)
	}
	if n := m.calls("AssumeRole", other); n != 1 {
		t.Errorf("%d new sessions, want 1", n)
	}
	there.RemoveRole("hub")
	m.aws.ResetCalls()
	if told := m.refused(logical.ReadOperation, "creds/payments", nil); !strings.Contains(told, "AccessDenied") || !strings.Contains(told, otherHub) {
		t.Errorf("told %s", told)
	}
	if n := m.calls("AssumeRole", other); n != 1 {
		t.Errorf("AWS was asked %d times for a session of a hub that is gone", n)
	}
}

// Its hub is forgotten with the record: who forgets is told what may be left.
func TestForgetUserOfLostAccount(t *testing.T) {
	t.Parallel()
	m, there := newAccounts(t, noRetries)
	user := m.user(m.creds("payments"))
	there.RemoveRole("hub")
	m.start()
	m.write("issued/"+user+"/forget", nil)
	m.registered(0)
	m.aws.Forgive()
}

// An account that does not answer takes no time from the others.
func TestHangingAccount(t *testing.T) {
	t.Parallel()
	m, there := newAccounts(t, noRetries)
	m.creds("payments")
	m.creds("developer-access")
	m.age(800 * time.Hour)
	m.start()
	hang := m.aws.Inject(fakeaws.Fault{Action: "AssumeRole", Account: other, Kind: fakeaws.Hang})
	ctx, cancel := context.WithCancel(m.ctx)
	defer cancel()
	ended := make(chan error, 1)
	go func() {
		_, err := m.b.HandleRequest(ctx, m.request(logical.RollbackOperation, "", nil))
		ended <- err
	}()
	<-hang.Reached()
	for len(m.aws.Users()) > 0 { // while the other account hangs
		select {
		case err := <-ended:
			t.Fatalf("the tick ended with %v", err)
		case <-time.After(time.Millisecond):
		}
	}
	cancel()
	if err := <-ended; err == nil {
		t.Error("a tick that left users behind went well")
	}
	hang.Remove()
	hang.Release()
	m.mustTick()
	if users := there.Users(); len(users) > 0 {
		t.Errorf("the sweep left %v", users)
	}
}
