// SPDX-License-Identifier: MPL-2.0

package backend

// What is said and done about sessions that are to be revoked, where it is easy to say or do the wrong thing.

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/vault/sdk/helper/consts"
	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/sessions"
	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

// A server that was paused while it tended a policy, and leads no more, does not take back what the next leader has
// denied.
func TestWhoLeadsNoMoreGivesNoSessionBack(t *testing.T) {
	t.Parallel()
	m := newRevocableMount(t)
	m.revoke(m.creds("deploy"))
	m.aws.SetRolePolicy("deploy", "vault-denied-sessions-"+mountID, "") // by somebody else, so that a tick writes it again
	m.start()
	held := m.aws.Inject(fakeaws.Fault{Action: "GetRolePolicy", Kind: fakeaws.HangAfter, Times: 1})
	ticked := make(chan error, 1)
	go func() { ticked <- m.tick() }()
	<-held.Reached() // here it is paused

	next := &mount{t: t, ctx: m.ctx, storage: &storage{Storage: m.storage.Storage, broken: map[string]string{}}, aws: m.aws, system: m.system}
	next.start()
	creds := next.creds("deploy")
	next.revoke(creds)
	if next.sessionWorks(creds) {
		t.Fatal("the next leader did not revoke it")
	}
	m.storage.breaks("put", "") // which leads no more
	m.storage.breaks("delete", "")
	held.Release()
	t.Logf("the tick of who leads no more: %v", <-ticked)
	if next.sessionWorks(creds) {
		t.Error("the session that the next leader has revoked works again")
	}
	minutes := 0
	for ; next.sessionWorks(creds) && minutes < 60; minutes++ {
		next.pass(time.Minute)
		next.mustTick()
	}
	t.Logf("for %d minutes", minutes)
	next.ended()
}

// A session with revoke_sessions lives no longer than its lease may: else the end of the lease would deny it.
func TestLeaseOfARevocableSessionIsNotCut(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t)
	m.system = &logical.StaticSystemView{DefaultLeaseTTLVal: time.Hour, MaxLeaseTTLVal: time.Hour}
	m.start()
	m.aws.SetMaxSession("deploy", 12*time.Hour)
	m.write("roles/deploy", map[string]any{"credential_type": "assumed_role", "role_arns": deployARN, "revoke_sessions": true, "max_sts_ttl": "4h", "default_sts_ttl": "4h"})
	creds := m.creds("deploy")
	m.aws.ResetCalls()
	lease := min(creds.Secret.TTL, time.Hour) // as Vault cuts it
	m.pass(lease)
	m.revoke(creds) // as Vault does at its end
	if ttl := time.Duration(creds.Data["ttl"].(int64)) * time.Second; ttl > lease && len(m.aws.Actions()) > 0 {
		t.Errorf("the session was answered for %s, its lease ended by time after %s, and the engine called %v: it works now: %v", ttl, lease, m.aws.Actions(), m.sessionWorks(creds))
	}
	m.ended()
}

// Revocations that failed long ago, of sessions that have ended, do not keep status from telling of new ones.
func TestStatusForgetsRolesWhoseSessionsHaveEnded(t *testing.T) {
	t.Parallel()
	m := newRevocableMount(t, noRetries)
	m.knowAccount()
	b := m.b.(*backend)
	client, err := b.AWS(m.ctx, m.storage)
	if err != nil {
		t.Fatal(err)
	}
	fault := m.aws.Inject(fakeaws.Fault{Action: "GetRolePolicy", Kind: fakeaws.Refuse, Code: "AccessDenied", Status: http.StatusForbidden, Message: "no"})
	deny := func(name string) error {
		ends := b.Now().Add(time.Hour)
		return b.sessions.Deny(m.ctx, m.storage, sessions.Role{Name: name, Account: client.KnownAccount()}, "AROAEXAMPLE:session", ends)
	}
	for i := range 200 {
		if deny(fmt.Sprintf("role-%d", i)) == nil {
			t.Fatal("it was denied")
		}
	}
	m.pass(24 * time.Hour) // all of these sessions have ended by themselves
	m.mustTick()
	if text := m.problems(); strings.Contains(text, "are not revoked") {
		t.Fatal(text)
	}
	if deny("deploy") == nil {
		t.Fatal("it was denied")
	}
	if text := m.problems(); !strings.Contains(text, "Sessions of AWS role deploy") {
		t.Errorf("a session was not revoked and lives on, and status says %q", text)
	}
	fault.Remove()
}

// In an emergency nobody is told to switch off what is off.
func TestRevokeSessionsOfAnotherAccountAdvisesWhatIsPossible(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t)
	m.write("roles/far", map[string]any{"credential_type": "assumed_role", "role_arns": "arn:aws:iam::210987654321:role/deploy"})
	text := m.refused(logical.UpdateOperation, "roles/far/revoke-sessions", nil)
	if strings.Contains(text, "revoke_sessions=false") {
		t.Errorf("the role has revoke_sessions=false: %s", text)
	}
}

// Hours after the engine's own sessions were ended, a refusal says what status says.
func TestRefusalsDoNotPromiseSessionsThatDidNotCome(t *testing.T) {
	m := newUnconfiguredMount(t)
	t.Setenv("AWS_EC2_METADATA_DISABLED", "false")
	t.Setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", m.aws.URL())
	m.aws.SetInstanceRole("deploy", 24*time.Hour)
	m.write("roles/deploy", map[string]any{"credential_type": "assumed_role", "role_arns": deployARN})
	m.endsOwn("deploy", deployARN)
	for range 4 {
		m.passEverywhere(time.Minute)
		_ = m.tick()
	}
	m.passEverywhere(3 * time.Hour)
	_ = m.tick()
	m.saysProblem("still gives the old session", "can take hours")
	if text := m.refused(logical.ReadOperation, "creds/developer-access", nil); strings.Contains(text, "gets new ones within two minutes") {
		t.Errorf("three hours later: %s", text)
	}
	m.aws.ExpireInstanceCredentials()
	m.ticksUntilNew()
	m.ended()
}

// What is denied is each cluster's own, so a secondary tells of it, too.
func TestSecondaryTellsWhatADisableLeaves(t *testing.T) {
	t.Parallel()
	m := newRevocableMount(t)
	m.system = disabling{&logical.StaticSystemView{ReplicationStateVal: consts.ReplicationPerformanceSecondary, DefaultLeaseTTLVal: 768 * time.Hour, MaxLeaseTTLVal: 768 * time.Hour}}
	log := m.logged(hclog.Warn)
	m.revoke(m.creds("deploy"))
	m.b.Cleanup(m.ctx)
	if text := log.String(); !strings.Contains(text, "policies that deny its revoked sessions are left in AWS") {
		t.Errorf("logged: %q; in AWS: %v", text, m.aws.RolePolicies("deploy"))
	}
	m.system = &logical.StaticSystemView{DefaultLeaseTTLVal: 768 * time.Hour, MaxLeaseTTLVal: 768 * time.Hour}
	m.start()
	m.ended()
}
