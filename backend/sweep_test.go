// SPDX-License-Identifier: MPL-2.0

package backend

// Users that outlived their lease: they go, and no others.

import (
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/vault/sdk/helper/consts"
	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/engine"
	"vault-plugin-secrets-aws-dyn/backend/users"
	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

// lost is a credential whose lease Vault does not know any more.
func (m *mount) lost(ttl string) (user string) {
	m.t.Helper()
	return m.user(m.do(logical.ReadOperation, "creds/developer-access", map[string]any{"ttl": ttl}))
}

func (m *mount) has(user string, want bool) {
	m.t.Helper()
	if _, has := m.aws.User(user); has != want {
		m.t.Errorf("AWS has %s: %v, want %v", user, has, want)
	}
}

func TestSweepEndsAUserWhoseLeaseWasLost(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t)
	user := m.lost("1h")
	m.aws.Dirty(user)
	m.start()
	for _, step := range []struct {
		pass time.Duration
		has  bool
	}{{0, true}, {time.Hour, true}, {users.DefaultSweepGrace - time.Minute, true}, {2 * time.Minute, false}} {
		m.age(step.pass)
		m.mustTick()
		m.has(user, step.has)
	}
	m.registered(0)
	m.mustTick()
}

// A lease that is renewed lives on, whoever runs the engine meanwhile.
func TestSweepLeavesARenewedLeaseAlone(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t)
	creds := m.do(logical.ReadOperation, "creds/developer-access", map[string]any{"ttl": "1h"})
	for range 5 {
		m.age(50 * time.Minute)
		m.renewed(creds)
		m.mustTick()
		m.start()
		m.mustTick()
		m.has(m.user(creds), true)
	}
	m.age(time.Hour + users.DefaultSweepGrace + time.Minute)
	m.mustTick()
	m.has(m.user(creds), false)
	m.registered(0)
}

// renewed renews by Vault's rules: the lease began when it began.
func (m *mount) renewed(creds *logical.Response) {
	m.t.Helper()
	if creds.Secret.IssueTime.IsZero() {
		creds.Secret.IssueTime = time.Now()
	}
	m.renew(creds)
}

// The clock of this server goes wrong; AWS's does not.
func TestSweepBelievesNoClockAlone(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t)
	creds := m.do(logical.ReadOperation, "creds/developer-access", map[string]any{"ttl": "1h"})
	for _, jump := range []time.Duration{24 * time.Hour, 10 * 365 * 24 * time.Hour, -20 * 365 * 24 * time.Hour} {
		m.pass(jump)
		m.mustTick()
		m.start()
		m.mustTick()
		m.has(m.user(creds), true)
	}
	m.ahead.Store(0)
	m.age(time.Hour + users.DefaultSweepGrace + time.Minute)
	m.mustTick()
	m.has(m.user(creds), false)
}

// The built-in engine had the mount for a while. What it renewed is not known.
func TestSweepDoubtsWhatAnotherEngineMayHaveRenewed(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t)
	user := m.lost("1h")
	m.mustTick()
	m.age(2 * time.Hour) // nobody ticks
	m.start()
	m.mustTick()
	m.has(user, true)
	later := m.lost("1h")
	for range 3 {
		m.age(time.Minute)
		m.start()
		m.mustTick() // a restart is no gap
	}
	m.age(2 * time.Hour)
	m.mustTick()
	m.has(user, true)
	m.has(later, false) // of this one all is known
	m.age(768 * time.Hour)
	m.mustTick()
	m.has(user, false)
	m.registered(0)
}

// Vault dropped the lease after our revocation had failed.
func TestSweepEndsWhatARevokeCouldNot(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t, noRetries)
	creds := m.creds("developer-access")
	away := m.aws.Inject(fakeaws.Fault{Kind: fakeaws.Cut})
	if _, err := m.lease(logical.RevokeOperation, creds); err == nil {
		t.Fatal("revoked without AWS")
	}
	if text := m.refusedRenewal(creds); !strings.Contains(text, "is being deleted") {
		t.Errorf("renewed: %s", text)
	}
	m.age(DefaultWALMinAge)
	if err := m.tick(); err == nil || !strings.Contains(err.Error(), "1 IAM user could not be deleted") {
		t.Errorf("the tick says %v", err)
	}
	away.Remove()
	m.start()
	m.mustTick()
	m.has(m.user(creds), false)
	m.registered(0)
	m.revoke(creds) // Vault may still ask
}

// A lease of the built-in engine has no record until something happens to it.
func TestLeaseOfTheBuiltInEntersTheRegister(t *testing.T) {
	t.Parallel()
	for name, meet := range map[string]func(m *mount, creds *logical.Response){
		"when it is renewed": func(m *mount, creds *logical.Response) { m.renew(creds) },
		"when its revocation fails": func(m *mount, creds *logical.Response) {
			met := m.aws.Inject(fakeaws.Fault{Action: "DeleteUser", Kind: fakeaws.Refuse})
			if _, err := m.lease(logical.RevokeOperation, creds); err == nil {
				t.Error("revoked without AWS")
			}
			met.Remove()
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newConfiguredMount(t, noRetries)
			m.write("config/lease", map[string]any{"lease": "1h", "lease_max": "2h"})
			m.aws.AddUser("vault-of-the-built-in")
			creds := &logical.Response{Secret: &logical.Secret{
				InternalData: map[string]any{"secret_type": secretType, "username": "vault-of-the-built-in", "is_sts": false},
				LeaseOptions: logical.LeaseOptions{IssueTime: time.Now()},
			}}
			m.registered(0)
			meet(m, creds)
			m.registered(1)
			m.age(2*time.Hour + users.DefaultSweepGrace)
			m.mustTick()
			m.has("vault-of-the-built-in", false)
			m.registered(0)
		})
	}
}

func (m *mount) refusedRenewal(creds *logical.Response) string {
	m.t.Helper()
	resp, err := m.lease(logical.RenewOperation, creds)
	text, status := outcome(resp, err)
	if status != 400 {
		m.t.Errorf("renewal answered %d %s", status, text)
	}
	return text
}

func TestDeleteOfAnIssuedUser(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t, noRetries)
	creds := m.creds("developer-access")
	user := m.user(creds)
	m.aws.Dirty(user)
	away := m.aws.Inject(fakeaws.Fault{Action: "DeleteUser", Kind: fakeaws.Unavailable})
	if text := m.fails(logical.DeleteOperation, "issued/"+user, nil); !strings.Contains(text, "keeps trying to delete IAM user "+user) {
		t.Errorf("failed with %s", text)
	}
	if since := m.read("issued/" + user)["ending_since"]; since == nil {
		t.Error("the record does not say that the user is to go")
	}
	away.Remove()
	m.do(logical.DeleteOperation, "issued/"+user, nil)
	m.has(user, false)
	m.registered(0)
	m.warns(m.do(logical.DeleteOperation, "issued/"+user, nil), "nothing was deleted") // again is no error
	if text := m.refusedRenewal(creds); !strings.Contains(text, "has no record any more") {
		t.Errorf("renewed: %s", text)
	}
	m.registered(0)
	m.age(DefaultWALMinAge)
	m.revoke(creds)
}

// A user that has gone, and a user of that name that somebody else made since.
func TestSweepLeavesSomebodyElsesUserAlone(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t)
	m.aws.AddUser("somebody")
	m.aws.Age(24 * time.Hour)
	now := time.Now()
	m.put(recordKey("somebody"), &userRecord{Role: "r", Issued: now, Ends: now.Add(time.Hour), Written: now})
	m.start()
	m.pass(3 * time.Hour)
	if err := m.tick(); err == nil || !strings.Contains(err.Error(), "IAM user somebody is left alone") {
		t.Errorf("the tick said %v", err)
	}
	m.has("somebody", true)
	m.registered(1) // nobody can tell that the record's own user is gone
	m.write("issued/somebody/forget", nil)
	m.registered(0)
}

// Only the server that may write sweeps.
func TestStandbyDoesNotSweep(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t)
	user := m.lost("1h")
	m.age(2 * time.Hour)
	system := m.b.(*backend).Vault.(*logical.StaticSystemView)
	system.ReplicationStateVal = consts.ReplicationPerformanceStandby
	m.mustTick()
	m.has(user, true)
	system.ReplicationStateVal = consts.ReplicationUnknown
	m.mustTick()
	m.has(user, false)
}

// Storage that fails hides nothing and loses nothing.
func TestSweepWithStorageThatFails(t *testing.T) {
	t.Parallel()
	for _, c := range [][2]string{{"list", "issued/"}, {"get", "issued/"}, {"delete", "issued/"}, {"put", engine.KeyHeartbeat}, {"get", engine.KeyHeartbeat}} {
		m := newConfiguredMount(t)
		user := m.lost("1h")
		m.age(2 * time.Hour)
		m.start()
		m.storage.breaks(c[0], c[1])
		if err := m.tick(); err == nil || !strings.Contains(err.Error(), errStorage.Error()) {
			t.Errorf("%s of %s fails, and the tick says %v", c[0], c[1], err)
		}
		m.storage.mend()
		if c[0] != "put" { // a heartbeat that cannot be written keeps nothing from being swept
			m.registered(1)
		}
		m.mustTick()
		m.has(user, false)
		m.registered(0)
	}
}

// A record that cannot be read is told, keeps no other from being swept, and can be
// deleted.
func TestRecordThatCannotBeRead(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t)
	garbled := m.user(m.creds("developer-access"))
	m.leave(recordKey(garbled), `"garbled"`)
	lost := m.lost("1h")
	m.age(2 * time.Hour)
	m.start()
	if err := m.tick(); err == nil || !strings.Contains(err.Error(), recordKey(garbled)) {
		t.Errorf("the tick says %v", err)
	}
	m.has(lost, false)
	m.has(garbled, true)
	info := m.do(logical.ListOperation, "issued/", nil).Data["key_info"].(map[string]any)
	if shown, _ := info[garbled].(map[string]any); shown["error"] == nil {
		t.Errorf("listed: %v", info)
	}
	m.do(logical.DeleteOperation, "issued/"+garbled, nil)
	m.has(garbled, false)
	m.registered(0)
	m.mustTick()
}
