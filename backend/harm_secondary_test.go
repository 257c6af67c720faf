// SPDX-License-Identifier: MPL-2.0

package backend

// A performance secondary of Vault Enterprise has the records of its primary, and may not write
// them: storage answers logical.ErrReadOnly for all but the WAL, which is its own. Enterprise
// does not run here; this storage stands in for it.

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/vault/sdk/framework"
	"github.com/hashicorp/vault/sdk/helper/consts"
	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/engine"
	"vault-plugin-secrets-aws-dyn/backend/roles"
)

// replicated is the storage of a secondary.
type replicated struct{ logical.Storage }

func (s replicated) Put(ctx context.Context, e *logical.StorageEntry) error {
	if !strings.HasPrefix(e.Key, framework.WALPrefix) {
		return logical.ErrReadOnly
	}
	return s.Storage.Put(ctx, e)
}

func (s replicated) Delete(ctx context.Context, key string) error {
	if !strings.HasPrefix(key, framework.WALPrefix) {
		return logical.ErrReadOnly
	}
	return s.Storage.Delete(ctx, key)
}

// secondary is the same mount on a secondary: its own process, the primary's storage.
type secondary struct {
	*mount
	system *logical.StaticSystemView
}

func newSecondary(m *mount) *secondary {
	m.t.Helper()
	of := &secondary{mount: &mount{t: m.t, ctx: m.ctx, storage: &storage{Storage: replicated{m.storage.Storage}, broken: map[string]string{}}, aws: m.aws}}
	of.system = &logical.StaticSystemView{
		ReplicationStateVal: consts.ReplicationPerformanceSecondary, DefaultLeaseTTLVal: 768 * time.Hour, MaxLeaseTTLVal: 768 * time.Hour,
	}
	of.mount.system = of.system
	of.ahead.Store(m.ahead.Load())
	of.start()
	return of
}

// builtInLease is one that the built-in engine began, for a user that is some time old.
func (m *mount) builtInLease(user string, old time.Duration) *logical.Response {
	m.t.Helper()
	m.aws.AddUser(user)
	m.age(old)
	return &logical.Response{Secret: &logical.Secret{
		InternalData: map[string]any{"secret_type": secretType, "username": user, "is_sts": false},
		LeaseOptions: logical.LeaseOptions{IssueTime: m.now().Add(-old)},
	}}
}

const builtInUser = "vault-token-app-1700000000-aBcDeFgHiJ"

func TestSecondaryMakesSessionsItself(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t)
	m.write("config/root", map[string]any{"signin_endpoint": m.aws.URL()})
	m.write("roles/session", map[string]any{"credential_type": roles.SessionToken})
	m.write("roles/federated", map[string]any{"credential_type": roles.FederationToken, "policy_arns": readOnly})
	of := newSecondary(m)
	of.creds("session")
	of.creds("federated")
	of.do(logical.ReadOperation, "sts/session", nil)
	of.do(logical.ReadOperation, "console/federated", nil)
	m.aws.ResetCalls()
	_, err := of.ask(logical.ReadOperation, "creds/developer-access", nil)
	if err != logical.ErrReadOnly { //nolint:errorlint // Vault compares it like this
		t.Errorf("a user was asked for, and the answer is %v: Vault does not pass it on", err)
	}
	if calls := m.aws.Actions(); len(calls) != 0 {
		t.Errorf("AWS was called: %v", calls)
	}
}

// Leases are each cluster's own: they are renewed and revoked where they are.
func TestSecondaryTendsItsLeases(t *testing.T) {
	t.Parallel()
	for name, lease := range map[string]func(m *mount) *logical.Response{
		"of ours":         func(m *mount) *logical.Response { return m.creds("developer-access") },
		"of the built-in": func(m *mount) *logical.Response { return m.builtInLease(builtInUser, time.Hour) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newConfiguredMount(t)
			creds := lease(m)
			m.age(20 * time.Minute)
			before := m.storage.dump(t)
			of := newSecondary(m)
			of.renewed(creds)
			of.revoke(creds)
			of.has(of.user(creds), false)
			of.revoke(creds)
			if after := m.storage.dump(t); len(after) != len(before) {
				t.Error("a secondary changed the primary's storage")
			}
			m.start()
			m.age(900 * time.Hour)
			m.mustTick() // the record is the primary's to end
			m.registered(0)
		})
	}
}

// A revocation that fails there is tried again by Vault; what cannot be written down is no
// failure of its own.
func TestFailedRevocationOnASecondary(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t, noRetries)
	creds := m.builtInLease(builtInUser, time.Hour)
	of := newSecondary(m)
	of.away()
	resp, err := of.lease(logical.RevokeOperation, creds)
	if text, status := outcome(resp, err); status < 500 || strings.Contains(text, logical.ErrReadOnly.Error()) {
		t.Errorf("answered %d %s", status, text)
	}
	m.aws.ClearFaults()
	of.revoke(creds)
	m.has(builtInUser, false)
}

// Only the primary sweeps. Entries of the WAL are the secondary's own, and it ends them though
// it may not write the record.
func TestSecondaryEndsNoRecord(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t)
	user := m.lost("1h")
	m.age(2 * time.Hour)
	of := newSecondary(m)
	if _, err := framework.PutWAL(m.ctx, of.storage, walKindUser, walUser{UserName: builtInUser}); err != nil {
		t.Fatal(err)
	}
	m.put(recordKey(builtInUser), &userRecord{Issued: m.now(), Ends: m.now().Add(time.Hour), Written: m.now()})
	m.aws.AddUser(builtInUser)
	m.aws.Age(2 * time.Hour)
	of.pass(time.Hour)
	of.mustTick()
	of.has(user, true)
	if ids, err := framework.ListWAL(m.ctx, of.storage); err != nil || len(ids) != 0 {
		t.Errorf("its own WAL has %v, %v", ids, err)
	}
	of.has(builtInUser, false)
	m.mustTick()
	m.has(user, false)
	m.storage.mend()
}

// What the primary changes reaches memory key by key: the rest is not read again.
func TestInvalidationForgetsOneRecord(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t)
	var all []*logical.Response
	for range 3 {
		all = append(all, m.creds("developer-access"))
	}
	of := newSecondary(m)
	of.listed(3)
	gone, kept := m.user(all[0]), m.user(all[1])
	m.revoke(all[0])
	of.listed(3 - 1) // a list reads each record that it shows
	of.storage.breaks("list", engine.PrefixIssued)
	of.b.(*backend).Invalidate(m.ctx, recordKey(gone))
	of.listed(2)
	remembers, err := of.b.(*backend).users.TidyView().Known(m.ctx, of.storage)
	if err != nil {
		t.Fatal(err)
	}
	if remembers(gone) {
		t.Error("memory still has it")
	}
	if !remembers(kept) {
		t.Error("memory has lost another")
	}
	m.revoke(all[1])
	m.revoke(all[2])
}

// listed checks how many users issued/ lists.
func (m *mount) listed(want int) {
	m.t.Helper()
	keys, _ := m.do(logical.ListOperation, "issued/", nil).Data["keys"].([]string)
	if len(keys) != want {
		m.t.Errorf("issued/ lists %v, want %d", keys, want)
	}
}
