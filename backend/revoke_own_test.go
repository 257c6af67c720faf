// SPDX-License-Identifier: MPL-2.0

package backend

// The engine can work as the role whose sessions end on request. It goes on by itself.

import (
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

// passEverywhere moves AWS's clock with the engine's: sessions are new by AWS's.
func (m *mount) passEverywhere(d time.Duration) {
	m.pass(d)
	m.aws.SetClock(time.Duration(m.ahead.Load()))
}

// endsOwn ends all sessions of an AWS role, the engine's own among them, and checks what is said of that.
func (m *mount) endsOwn(role, arn string) {
	m.t.Helper()
	resp := m.do(logical.UpdateOperation, "roles/"+role+"/revoke-sessions", map[string]any{"role_arn": arn})
	aws := arn[strings.LastIndexByte(arn, '/')+1:]
	if text := strings.Join(resp.Warnings, "\n"); !strings.Contains(text, "the engine itself works in AWS as "+aws+": its own sessions end too") {
		m.t.Errorf("warned: %s", text)
	}
	m.saysProblem("as AWS role "+aws+" of account", "ended the engine's own sessions", "Wait until")
}

// cutOff checks that a request fails with AWS's words, and says that it will not for long.
func (m *mount) cutOff(path string) {
	m.t.Helper()
	if text := m.refused(logical.ReadOperation, path, nil); !strings.Contains(text, "explicit deny") || !strings.Contains(text, "gets new ones within two minutes") {
		m.t.Error(text)
	}
	m.saysProblem("ended the engine's own sessions", "Wait until", "you need not do anything")
	if text := m.problems(); strings.Contains(text, "Allow the action") {
		m.t.Error(text)
	}
}

// ticksUntilNew ticks once a minute, as Vault does: the engine works again within two.
func (m *mount) ticksUntilNew() {
	m.t.Helper()
	for range 2 {
		m.passEverywhere(time.Minute)
		_ = m.tick()
	}
	if text := m.problems(); strings.Contains(text, "own sessions") || strings.Contains(text, "does not allow") {
		m.t.Errorf("problems: %s", text)
	}
}

func TestRevokedSessionsOfTheEnginesOwnRole(t *testing.T) {
	t.Parallel()
	m := newRevocableMount(t, noRetries)
	m.aws.SetTrust("deploy", home)
	m.write("config/root", map[string]any{"role_arn": deployARN})
	held := m.creds("developer-access")
	m.endsOwn("deploy", deployARN)
	m.cutOff("creds/developer-access")
	if _, err := m.lease(logical.RevokeOperation, held); err == nil || !strings.Contains(err.Error(), "gets new ones within two minutes") {
		t.Errorf("revoking: %v", err)
	}
	m.passEverywhere(10 * time.Second)
	_ = m.tick() // too early: AWS's clock may be behind
	m.cutOff("creds/developer-access")
	m.ticksUntilNew()
	m.revoke(held)
	m.revoke(m.creds("developer-access"))
	m.ended()
}

// Where AWS's clock is behind by more, it takes as much longer: a session that is new by our clock alone is denied as well.
func TestOwnSessionsAreNewByAWSsClock(t *testing.T) {
	t.Parallel()
	m := newRevocableMount(t, noRetries)
	m.aws.SetTrust("deploy", home)
	m.write("config/root", map[string]any{"role_arn": deployARN})
	m.aws.SetClock(-4 * time.Minute)
	m.endsOwn("deploy", deployARN)
	for _, passed := range []time.Duration{0, 2 * time.Minute} {
		m.ahead.Store(int64(passed))
		m.aws.SetClock(passed - 4*time.Minute)
		_ = m.tick()
		m.cutOff("creds/developer-access")
	}
	m.pass(3 * time.Minute)
	m.aws.SetClock(time.Minute)
	_ = m.tick()
	m.revoke(m.creds("developer-access"))
	m.ended()
}

// A role of another account, as which the engine works there, is one, too; and those of the others end first.
func TestRevokedSessionsOfAHub(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t, noRetries)
	far := m.aws.Account("999999999999")
	far.SetTrust("hub", home)
	far.AddRole("deploy")
	const arn = "arn:aws:iam::999999999999:role/"
	m.write("roles/far", map[string]any{"credential_type": "assumed_role", "role_arns": []string{arn + "hub", arn + "deploy"}, "assume_role_arn": arn + "hub"})
	m.write("roles/user", map[string]any{"policy_arns": readOnly, "assume_role_arn": arn + "hub"})
	resp := m.do(logical.UpdateOperation, "roles/far/revoke-sessions", nil)
	if got := resp.Data["aws_roles"].([]string); len(got) != 2 || got[1] != "hub" || len(resp.Warnings) != 2 {
		t.Errorf("ended %q, warned %q", got, resp.Warnings)
	}
	m.cutOff("creds/user")
	m.revoke(m.creds("developer-access")) // in the account of config/root nothing is
	m.ticksUntilNew()
	m.revoke(m.creds("user"))
	m.ended()
}

// An instance gives the session that it has, until it has a new one.
func TestRevokedSessionsOfTheInstance(t *testing.T) {
	m := newUnconfiguredMount(t)
	t.Setenv("AWS_EC2_METADATA_DISABLED", "false")
	t.Setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", m.aws.URL())
	m.aws.SetInstanceRole("deploy", 24*time.Hour)
	m.write("roles/deploy", map[string]any{"credential_type": "assumed_role", "role_arns": deployARN})
	m.endsOwn("deploy", deployARN)
	m.cutOff("creds/developer-access")
	before := m.b.(*backend).KnownClient()
	for range 4 {
		m.passEverywhere(time.Minute)
		_ = m.tick()
	}
	if m.b.(*backend).KnownClient() != before {
		t.Error("the engine begins anew with the session that it had, and forgets what it shares")
	}
	m.saysProblem("ended the engine's own sessions", "still gives the old session", "Wait until it has a new one", "or write another identity to config/root")
	m.aws.ExpireInstanceCredentials()
	m.ticksUntilNew()
	m.revoke(m.creds("developer-access"))
	m.ended()
}

// What AWS refuses to write ends nothing, and nothing is said of it.
func TestOwnSessionsThatDidNotEnd(t *testing.T) {
	t.Parallel()
	m := newRevocableMount(t, noRetries)
	m.aws.SetTrust("deploy", home)
	m.write("config/root", map[string]any{"role_arn": deployARN})
	m.aws.Inject(fakeaws.Fault{Action: "PutRolePolicy", Kind: fakeaws.Refuse, Code: "AccessDenied", Status: 403, Message: "no", Times: 1})
	if text := m.refused(logical.UpdateOperation, "roles/deploy/revoke-sessions", nil); strings.Contains(text, "gets new ones") {
		t.Error(text)
	}
	if text := m.problems(); strings.Contains(text, "the engine's own sessions") {
		t.Error(text)
	}
	m.revoke(m.creds("developer-access"))
}
