// SPDX-License-Identifier: MPL-2.0

package backend

// What could give a revoked session back, or leave it: a clock that is wrong, and a hub that was replaced.

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

// By a clock that is ahead of AWS's a session seems over that lives on: its denial stands.
func TestRevokedSessionOutlivesAWrongClock(t *testing.T) {
	t.Parallel()
	m := newRevocableMount(t)
	denied := func() bool {
		for _, text := range m.aws.RolePolicies("deploy") {
			return strings.Contains(text, `"aws:userid"`)
		}
		return false
	}
	m.aws.SetClock(-2 * time.Hour)
	creds, later := m.creds("deploy"), m.creds("deploy")
	m.revoke(creds)
	m.mustTick()
	if !denied() {
		t.Error("a tick has given the session back")
	}
	m.revoke(later) // writes the policy once more
	m.aws.SetRolePolicy("deploy", "vault-denied-sessions-"+mountID, "")
	m.start()
	m.mustTick() // somebody had deleted it
	if !denied() {
		t.Error("the denial was forgotten")
	}
	m.aws.SetClock(0)
	m.ended()
}

// So with the register: by a clock that is ahead, each session would be over when it is given.
func TestRegisteredSessionOutlivesAWrongClock(t *testing.T) {
	t.Parallel()
	m := newRevocableMount(t)
	m.write("config/users", map[string]any{"register_sessions": true})
	m.aws.SetClock(-2 * time.Hour)
	creds := m.creds("deploy")
	m.mustTick()
	id := creds.Data["access_key"].(string)
	if keys := m.do(logical.ListOperation, "issued/", nil).Data["keys"]; fmt.Sprint(keys) != "["+id+"]" {
		t.Errorf("listed: %v", keys)
	}
	if resp := m.do(logical.DeleteOperation, "issued/"+id, nil); resp != nil || len(m.aws.RolePolicies("deploy")) != 1 {
		t.Errorf("it was not revoked: %v", resp)
	}
	m.aws.SetClock(0)
	m.ended()
}

// AWS's clock may be ahead of ours: all sessions that it has given end, and new ones do not.
func TestSessionsEndByAWSsClock(t *testing.T) {
	t.Parallel()
	m := newRevocableMount(t)
	m.aws.SetClock(10 * time.Minute)
	one := m.creds("deploy")
	m.write("roles/deploy/revoke-sessions", nil)
	if m.sessionWorks(one) {
		t.Error("a session lives on that was given before now")
	}
	m.aws.SetClock(10*time.Minute + 3*time.Second)
	if two := m.creds("deploy"); !m.sessionWorks(two) {
		t.Error("a session that was given afterwards is denied")
	}
	m.aws.SetClock(0)
	m.ended()
}

// In an emergency a role whose policy AWS does not let the engine write spares no other.
func TestSessionsOfOtherRolesEnd(t *testing.T) {
	t.Parallel()
	m := newRevocableMount(t, noRetries)
	m.aws.AddRole("audit")
	m.write("roles/both", map[string]any{"credential_type": "assumed_role", "role_arns": []string{auditARN, deployARN}})
	one := m.creds("deploy")
	m.aws.Inject(fakeaws.Fault{Action: "PutRolePolicy", Kind: fakeaws.Refuse, Times: 1})
	text := m.refused(logical.UpdateOperation, "roles/both/revoke-sessions", nil)
	if !strings.Contains(text, "role audit") || !strings.Contains(text, "; those of deploy end") {
		t.Error(text)
	}
	if m.sessionWorks(one) {
		t.Error("a session works")
	}
	m.ended()
}

// A record that nobody can read stops no revocation: AWS has what was denied.
func TestUnreadableRecordOfDeniedSessions(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(m *mount, creds *logical.Response){
		"one session":  (*mount).revoke,
		"all sessions": func(m *mount, _ *logical.Response) { m.write("roles/deploy/revoke-sessions", nil) },
	} {
		m := newRevocableMount(t)
		one, two := m.creds("deploy"), m.creds("deploy")
		m.revoke(one)
		m.leave("denied-sessions/"+homeNumber+"/deploy", `{`)
		m.start()
		if err := m.tick(); err == nil || !strings.Contains(err.Error(), "denied-sessions/") || !strings.Contains(err.Error(), "writes the record anew") {
			t.Errorf("%s: the tick says %v", name, err)
		}
		end(m, two)
		if m.sessionWorks(one) || m.sessionWorks(two) {
			t.Errorf("%s: a session works", name)
		}
		m.mustTick()
		m.ended()
	}
}

// A session can be revoked by any hub of its account that a role leads to, and so can the policy be removed.
func TestSessionOfAReplacedHubIsRevoked(t *testing.T) {
	t.Parallel()
	m := newRevocableMount(t, noRetries)
	far := m.aws.Account(other)
	far.AddRole("deploy")
	far.SetTrust("hub", home)
	m.write("roles/payments", map[string]any{
		"credential_type": "assumed_role", "role_arns": "arn:aws:iam::" + other + ":role/deploy", "revoke_sessions": true, "assume_role_arn": otherHub,
	})
	one, two := m.creds("payments"), m.creds("payments")
	m.revoke(one)
	m.replaceHub(far)
	m.revoke(two)
	if m.sessionWorks(one) || m.sessionWorks(two) {
		t.Error("a revoked session works")
	}
	m.do(logical.DeleteOperation, "roles/payments", nil)
	m.pass(13 * time.Hour)
	if err := m.tick(); err == nil || !strings.Contains(err.Error(), otherHub) {
		t.Errorf("without any way the tick says %v", err)
	}
	m.write("roles/users", map[string]any{"policy_arns": readOnly, "assume_role_arn": otherHub2})
	m.mustTick()
	if left := far.RolePolicies("deploy"); len(left) > 0 {
		t.Errorf("left behind for good: %v", left)
	}
}
