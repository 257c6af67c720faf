// SPDX-License-Identifier: MPL-2.0

package backend

// What status tells beside the night's faults, and what it does not.

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/internal/awscreds"
	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

// problems are the sentences of a status, one a line.
func (m *mount) problems() string {
	m.t.Helper()
	return strings.Join(m.read("status")["problems"].([]string), "\n")
}

// saysProblem checks that a status has all the parts in one sentence.
func (m *mount) saysProblem(parts ...string) {
	m.t.Helper()
	for sentence := range strings.Lines(m.problems()) {
		missing := false
		for _, part := range parts {
			missing = missing || !strings.Contains(sentence, part)
		}
		if !missing {
			return
		}
	}
	m.t.Errorf("no sentence has all of %q:\n%s", parts, m.problems())
}

// A status fits a screen, calls nobody and, in full, holds no secret.
func TestStatusFitsAScreen(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t, noRetries)
	m.mustTick()
	creds := m.creds("developer-access")
	m.aws.ResetCalls()
	n := &night{mount: m}
	if lines := n.screen(); len(lines) > 24 {
		t.Errorf("%d lines:\n%s", len(lines), strings.Join(lines, "\n"))
	}
	full := fmt.Sprint(m.do(logical.ReadOperation, "status", map[string]any{"detailed": true}).Data)
	m.mustNotCall()
	for _, secret := range []string{m.aws.RootKey().SecretAccessKey, creds.Data["secret_key"].(string)} {
		if strings.Contains(full, secret) {
			t.Error("a secret is told")
		}
	}
	for _, part := range []string{"CreateUser", "roles/developer-access", "records_issued:1", "healthy:true", "root_account:" + home} {
		if !strings.Contains(full, part) {
			t.Errorf("it does not say %q:\n%s", part, full)
		}
	}
	m.revoke(creds)
}

// What could not be read is told, and the rest all the same.
func TestStatusTellsOfStorage(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t)
	m.start()
	for _, key := range []string{"issued/", "config/root", "tidy-status", "account"} {
		m.storage.breaks("get", key)
		m.storage.breaks("list", key)
		if key == "account" {
			m.knowAccount()
		}
		m.saysProblem("Vault's storage cannot be read", errStorage.Error(), "Check the storage backend")
		m.storage.mend()
	}
	if text := m.problems(); text != "" {
		t.Error(text)
	}
}

// A failure is of one role, until that role is changed or its credentials are made again; and what
// fails for thousands of roles fills no memory.
func TestStatusForgetsWhatWasMended(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t, noRetries)
	missing := map[string]any{"policy_arns": "arn:aws:iam::" + home + ":policy/app"}
	for _, role := range []string{"a", "b"} {
		m.write("roles/"+role, missing)
		m.fails(logical.ReadOperation, "creds/"+role, nil)
	}
	m.revoke(m.creds("developer-access"))
	m.saysProblem("policy/app", "for roles/a")
	m.saysProblem("policy/app", "for roles/b")
	m.write("roles/a", map[string]any{"policy_arns": readOnly})
	m.do(logical.DeleteOperation, "roles/b", nil)
	if text := m.problems(); text != "" {
		t.Error(text)
	}
	m.write("roles/c", missing)
	m.fails(logical.ReadOperation, "creds/c", nil)
	m.pass(25 * time.Hour)
	m.mustTick()
	if text := m.problems(); text != "" {
		t.Errorf("after a day: %s", text)
	}
	memory := m.b.(*backend).memory
	for i := range 3000 {
		memory.Attempt(attemptFor(fmt.Sprintf("roles/%d", i)))
		memory.Ended(fmt.Sprintf("user-%d", i), errStorage)
	}
	detailed := m.do(logical.ReadOperation, "status", map[string]any{"detailed": true}).Data
	if n := len(detailed["recent_calls"].([]map[string]any)); n != 256 {
		t.Errorf("%d calls are kept", n)
	}
	if n := len(detailed["problems"].([]string)); n != 13 {
		t.Errorf("%d problems are told", n)
	}
}

// Caps, static roles and the root key have sentences as well.
func TestStatusTellsOfCapsAndRotations(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t, noRetries, map[string]any{"rotation_period": "24h"})
	m.aws.Adopt(rootUser)
	m.addBareUser("app")
	m.write("static-roles/app", daily)
	m.write("config/users", map[string]any{"max_users": 2})
	m.write("roles/developer-access", map[string]any{"max_users": 2})
	creds := []*logical.Response{m.creds("developer-access"), m.creds("developer-access")}
	m.mustTick()
	m.saysProblem("The mount has 2 IAM users", "of the 2 that max_users of config/users allows", "raise max_users")
	m.saysProblem("The role developer-access has 2 IAM users", "of the 2")
	denied := m.aws.Inject(fakeaws.Fault{Action: "CreateAccessKey"})
	m.age(25 * time.Hour)
	_ = m.tick()
	m.saysProblem("1 static role is not rotated: app: AccessDenied", "static-roles/<name>/rotate")
	m.saysProblem("The root key is not rotated", "AccessDenied", "config/rotate-root")
	m.saysProblem("AWS does not allow a call", "IAM CreateAccessKey")
	denied.Remove()
	for _, c := range creds {
		m.revoke(c)
	}
}

// What a throttled call goes on with is told for a minute, though the request went well.
func TestStatusTellsOfThrottling(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t, map[string]any{"max_retries": 3})
	m.aws.Inject(fakeaws.Fault{Action: "CreateUser", Kind: fakeaws.Throttle, Times: 1})
	m.revoke(m.creds("developer-access"))
	m.saysProblem("AWS throttles the engine: IAM CreateUser, 1 times", "goes on at")
	m.pass(2 * time.Minute)
	m.mustTick()
	if text := m.problems(); text != "" {
		t.Error(text)
	}
}

// attemptFor is a failure of a call for something.
func attemptFor(about string) awscreds.Attempt {
	return awscreds.Attempt{Service: "IAM", Action: "AttachUserPolicy", About: about, Failed: true, Answered: true, Reason: awscreds.ReasonMissing, Code: "NoSuchEntity", Words: "NoSuchEntity: no such policy"}
}

// A revocation that AWS refuses is told until its session has ended or the next one goes well.
func TestStatusTellsOfSessionsThatLiveOn(t *testing.T) {
	t.Parallel()
	m := newRevocableMount(t, noRetries)
	m.mustTick()
	creds, other := m.creds("deploy"), m.creds("deploy")
	refused := func() {
		m.t.Helper()
		fault := m.aws.Inject(fakeaws.Fault{Action: "PutRolePolicy", Kind: fakeaws.Refuse, Code: "AccessDenied", Status: 403, Message: "User: x is not authorized to perform: iam:PutRolePolicy"})
		defer fault.Remove()
		if _, err := m.lease(logical.RevokeOperation, creds); err == nil {
			t.Fatal("it was revoked")
		}
		m.saysProblem("Sessions of AWS role deploy of account "+home, "are not revoked, since", "and live until", "AccessDenied", "iam:PutRolePolicy and iam:DeleteRolePolicy on role deploy", "then revoke their leases again")
	}
	refused()
	m.revoke(other)
	if text := m.problems(); strings.Contains(text, "not revoked") {
		t.Error(text)
	}
	refused()
	m.pass(creds.Secret.TTL + time.Minute)
	if text := m.problems(); strings.Contains(text, "not revoked") {
		t.Error(text)
	}
	m.aws.Inject(fakeaws.Fault{Action: "GetRolePolicy", Kind: fakeaws.Refuse, Code: "AccessDenied", Status: 403, Message: "no", Times: 1})
	_ = m.tick()
	m.saysProblem("The policy that denies revoked sessions of AWS role deploy", "cannot be brought up to date, since", "AccessDenied", "once a minute")
	m.ended()
	if text := m.problems(); strings.Contains(text, "deploy") {
		t.Error(text)
	}
}

// The room for denials is told before it is full, also by a process that has just begun.
func TestStatusTellsOfLittleRoom(t *testing.T) {
	t.Parallel()
	m := newRevocableMount(t)
	var err error
	told := 0
	n := 0
	for ; err == nil && n < 300; n++ {
		_, err = m.lease(logical.RevokeOperation, m.creds("deploy"))
		if told == 0 && n >= 90 && strings.Contains(m.problems(), "has room for") {
			told = n + 1
		}
	}
	if room := n - 1; told < room*85/100 || told > room*95/100 {
		t.Errorf("told at %d of %d", told, room)
	}
	m.saysProblem("Sessions of AWS role deploy", "are not revoked", "has no room to deny one more session")
	if text := m.problems(); strings.Contains(text, "What the engine does once a minute") {
		t.Error(text)
	}
	m.start()
	m.mustTick()
	m.saysProblem(fmt.Sprintf("denies %d sessions of the about %d that its policy has room for", n-1, n-1), "There is more room from", "make inline policies of the AWS role managed ones")
	detailed := fmt.Sprint(m.do(logical.ReadOperation, "status", map[string]any{"detailed": true}).Data["sessions_denied"])
	if !strings.Contains(detailed, fmt.Sprintf("/deploy:%d of about", n-1)) {
		t.Error(detailed)
	}
	m.ended()
}
