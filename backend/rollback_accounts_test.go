// SPDX-License-Identifier: MPL-2.0

package backend

// What is left in an account that is out of reach, and what that must not hold up.

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/hashicorp/vault/sdk/framework"
	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

// devices leaves n virtual MFA devices in the other account, which AWS did not delete.
func (m *mount) devices(there *fakeaws.Server, n int) {
	m.t.Helper()
	kept := m.aws.Inject(fakeaws.Fault{Action: "DeleteVirtualMFADevice", Kind: fakeaws.Refuse, Account: other})
	for range n {
		creds := m.creds("payments")
		there.Dirty(m.user(creds))
		m.revoke(creds)
	}
	kept.Remove()
	if ids, err := framework.ListWAL(m.ctx, m.storage); err != nil || len(ids) < n {
		m.t.Fatalf("the WAL has %v (%v)", ids, err)
	}
}

// An MFA device that AWS kept, of an account that is closed.
func TestDeviceOfAClosedAccountIsGivenUp(t *testing.T) {
	t.Parallel()
	m, there := newAccounts(t, noRetries)
	creds := m.creds("payments")
	there.Dirty(m.user(creds))
	m.aws.Inject(fakeaws.Fault{Action: "DeleteVirtualMFADevice", Kind: fakeaws.Refuse, Account: other})
	m.revoke(creds)
	there.SetTrust("hub")
	there.ExpireSessions()
	m.do(logical.DeleteOperation, "roles/payments", nil)
	m.start()
	for range 60 {
		m.pass(24 * time.Hour)
		_ = m.tick()
	}
	if err := m.tick(); err != nil {
		t.Errorf("two months after the account was closed each tick fails: %v", err)
	}
	if ids, _ := framework.ListWAL(m.ctx, m.storage); len(ids) > 0 {
		t.Errorf("left in the WAL for ever: %v", ids)
	}
	m.aws.ClearFaults()
	there.Forgive()
}

// A mount is disabled while another account, where MFA devices are left, does not answer: the users of the account of
// config/root go all the same.
func TestDisableBesideAnAccountThatHangs(t *testing.T) {
	t.Parallel()
	m, there := newAccounts(t, noRetries)
	m.system = &tainted{SystemView: m.system}
	m.start()
	m.devices(there, 9)
	creds := m.creds("developer-access") // answered since Vault revoked all leases
	m.start()                            // and no session of the other account
	slow := m.aws.Inject(fakeaws.Fault{Action: "AssumeRole", Kind: fakeaws.Hang, Account: other})
	m.system.(*tainted).is = true
	m.b.Cleanup(m.ctx)
	m.has(m.user(creds), false)
	slow.Remove()
	m.aws.Forgive()
	there.Forgive()
}

// What is left in an account that does not answer takes all the time of the rollback, and comes first in the order of
// the WAL: what is left elsewhere is rolled back all the same.
func TestAccountThatHangsHoldsUpNoRollback(t *testing.T) {
	t.Parallel()
	m, there := newAccounts(t)
	m.devices(there, 8)
	user := "vault-token-test-x-1500000000-abcdefghij1234"
	m.aws.AddUser(user)
	m.aws.Adopt(user)
	m.leave("wal/ffffffff-aaaa-bbbb-cccc-dddddddddddd", fmt.Sprintf(`{"type":"user","data":{"UserName":%q},"created_at":%d}`, user, time.Now().Unix()))
	m.start()
	slow := m.aws.Inject(fakeaws.Fault{Action: "AssumeRole", Kind: fakeaws.Hang, Account: other})
	for range 5 {
		ctx, cancel := context.WithTimeout(m.ctx, 3*time.Second)                     // a thirtieth of what Vault gives: the rollback has 0.4 s instead of 12, both less than AssumeRole's 15
		_, _ = m.b.HandleRequest(ctx, m.request(logical.RollbackOperation, "", nil)) // fails with that account
		cancel()
		m.age(time.Minute)
	}
	m.has(user, false)
	slow.Remove()
	m.aws.Forgive()
	there.Forgive()
}
