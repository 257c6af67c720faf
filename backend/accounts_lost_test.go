// SPDX-License-Identifier: MPL-2.0

package backend

// Another account that is out of reach: it is told, and holds up no other.

import (
	"context"
	"strings"
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
