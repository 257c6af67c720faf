// SPDX-License-Identifier: MPL-2.0

package backend

// Sessions of an assumed role that end before their time: the fake refuses the calls of one that its role's policy denies.

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

// newRevocableMount has the role deploy, whose sessions can be revoked.
func newRevocableMount(t testing.TB, more ...map[string]any) *mount {
	t.Helper()
	m := newConfiguredMount(t, more...)
	m.aws.SetMaxSession("deploy", 12*time.Hour)
	m.write("roles/deploy", map[string]any{"credential_type": "assumed_role", "role_arns": deployARN, "revoke_sessions": true})
	return m
}

// sessionWorks reports whether AWS does what a session asks for.
func (m *mount) sessionWorks(creds *logical.Response) bool {
	m.t.Helper()
	text := func(key string) string { return creds.Data[key].(string) }
	client := fakeaws.Client{Endpoint: m.aws.URL(), Key: fakeaws.Key{AccessKeyID: text("access_key"), SecretAccessKey: text("secret_key"), SessionToken: text("session_token")}}
	_, err := client.Do(m.ctx, "iam", "ListUsers", nil)
	if err != nil && !strings.Contains(err.Error(), "with an explicit deny") {
		m.t.Fatal(err)
	}
	return err == nil
}

// heard is how often AWS heard of an action.
func (m *mount) heard(action string) (n int) {
	for _, one := range m.aws.Actions() {
		if one == action {
			n++
		}
	}
	return n
}

// ended has all denials over, and their policies gone.
func (m *mount) ended() {
	m.t.Helper()
	m.pass(13 * time.Hour)
	m.mustTick()
	for name := range m.aws.RolePolicies("deploy") {
		if strings.HasPrefix(name, "vault-") {
			m.t.Errorf("left behind: %s", name)
		}
	}
	for key := range m.storage.dump(m.t) {
		if strings.HasPrefix(key, "denied-sessions/") {
			m.t.Errorf("left in storage: %s", key)
		}
	}
}

func TestRevokedSessionIsRefused(t *testing.T) {
	t.Parallel()
	m := newRevocableMount(t)
	one, two := m.creds("deploy"), m.creds("deploy")
	m.aws.ResetCalls()
	m.revoke(one)
	if got := m.aws.Actions(); fmt.Sprint(got) != "[GetRolePolicy PutRolePolicy]" {
		t.Errorf("called %v", got)
	}
	if m.sessionWorks(one) || !m.sessionWorks(two) {
		t.Errorf("the revoked one works: %v; its neighbour works: %v", m.sessionWorks(one), m.sessionWorks(two))
	}
	m.revoke(one) // again, as after a crash of Vault
	if n := m.heard("PutRolePolicy"); n != 1 {
		t.Errorf("wrote the same policy %d times", n)
	}
	for name, text := range m.aws.RolePolicies("deploy") {
		if !strings.HasSuffix(name, mountID) || !strings.Contains(text, `"Sid":"SessionsUntil`) {
			t.Errorf("%s: %s", name, text)
		}
	}
	m.revoke(two)
	if m.sessionWorks(two) {
		t.Error("the second one works")
	}
	m.ended()
	m.aws.ResetCalls()
	m.revoke(m.creds("deploy")) // by a clock that is ahead the session has not begun: no matter
	m.ended()
}

func TestLeaseThatEndsByTimeCallsNobody(t *testing.T) {
	t.Parallel()
	m := newRevocableMount(t)
	creds := m.creds("deploy")
	m.write("roles/plain", map[string]any{"credential_type": "assumed_role", "role_arns": deployARN})
	plain := m.creds("plain")
	m.aws.ResetCalls()
	m.revoke(plain)
	m.pass(creds.Secret.TTL)
	m.revoke(creds)
	if got := m.aws.Actions(); len(got) > 0 {
		t.Errorf("called %v", got)
	}
}

// What is denied stays denied in the hands of a copy of the storage from before, and of a new process.
func TestRestoredCopyGivesNothingBack(t *testing.T) {
	t.Parallel()
	m := newRevocableMount(t)
	one, two := m.creds("deploy"), m.creds("deploy")
	before := m.storage.dump(t)
	m.revoke(one)
	for key := range m.storage.dump(t) {
		if _, was := before[key]; !was {
			if err := m.storage.Delete(m.ctx, key); err != nil {
				t.Fatal(err)
			}
		}
	}
	m.start()
	m.revoke(two)
	if m.sessionWorks(one) || m.sessionWorks(two) {
		t.Error("a copy has given a session back")
	}
	// And a policy that somebody has deleted comes again.
	m.aws.SetRolePolicy("deploy", "vault-denied-sessions-"+mountID, "")
	if !m.sessionWorks(one) {
		t.Error("the fake denies without a policy")
	}
	m.start()
	m.mustTick()
	if m.sessionWorks(one) || m.sessionWorks(two) {
		t.Error("the policy did not come again")
	}
	m.ended()
}

// A prefix of leases is revoked at once; Vault has up to 200 workers.
func TestHundredRevocationsAreFewWrites(t *testing.T) {
	t.Parallel()
	m := newRevocableMount(t)
	const sessions = 100
	all := make([]*logical.Response, sessions)
	for i := range all {
		all[i] = m.creds("deploy")
	}
	bystander := m.creds("deploy")
	m.aws.ResetCalls()
	held := m.aws.Inject(fakeaws.Fault{Action: "GetRolePolicy", Kind: fakeaws.Hang, Times: 1})
	errs := make(chan error, sessions)
	revoke := func(creds *logical.Response) {
		_, err := m.lease(logical.RevokeOperation, creds)
		errs <- err
	}
	go revoke(all[0])
	<-held.Reached()
	for _, creds := range all[1:] {
		go revoke(creds)
	}
	waits := func() int { return m.b.(*backend).sessions.Waiting() }
	m.waitUntil("the others wait", func() bool { return waits() == sessions-1 })
	held.Release()
	for range all {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	writes := m.heard("PutRolePolicy")
	t.Logf("%d sessions revoked at once: %d writes of the role's policy", sessions, writes)
	if writes > 2 {
		t.Errorf("%d writes", writes)
	}
	for i, creds := range all {
		if m.sessionWorks(creds) {
			t.Errorf("session %d works", i)
		}
	}
	if !m.sessionWorks(bystander) {
		t.Error("a session that nobody revoked does not work")
	}
	m.ended()
}

func TestSessionsBeyondTheRoomAreTold(t *testing.T) {
	t.Parallel()
	m := newRevocableMount(t)
	revoked := 0
	var last *logical.Response
	var err error
	for ; err == nil && revoked < 300; revoked++ {
		last = m.creds("deploy")
		_, err = m.lease(logical.RevokeOperation, last)
	}
	revoked--
	t.Logf("%d sessions fit into a role; of the next one is said: %v", revoked, err)
	if revoked < 100 {
		t.Errorf("only %d fit", revoked)
	}
	for _, words := range []string{"AWS role deploy has no room", "10240 characters", "the first of them ends at", "roles/<role>/revoke-sessions", "the session lives until"} {
		if err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("%q is not said", words)
		}
	}
	if !m.sessionWorks(last) {
		t.Error("it was revoked anyway")
	}
	// There is room to end all, whatever else there is.
	resp := m.write("roles/deploy/revoke-sessions", nil)
	if m.sessionWorks(last) || len(resp.Warnings) != 1 {
		t.Errorf("it works: %v; %v", m.sessionWorks(last), resp.Warnings)
	}
	m.ended()
}

// The policies of others take room as well, of which only AWS knows.
func TestRoomThatOthersTake(t *testing.T) {
	t.Parallel()
	m := newRevocableMount(t)
	actions := strings.Repeat(`"s3:GetObject",`, 620)
	m.aws.SetRolePolicy("deploy", "theirs", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":[`+strings.TrimSuffix(actions, ",")+`],"Resource":"*"}}`)
	var all []*logical.Response
	for range 20 {
		all = append(all, m.creds("deploy"))
	}
	held := m.aws.Inject(fakeaws.Fault{Action: "GetRolePolicy", Kind: fakeaws.Hang, Times: 1})
	results := map[*logical.Response]error{}
	var mu sync.Mutex
	var group sync.WaitGroup
	for _, creds := range all {
		group.Go(func() {
			_, err := m.lease(logical.RevokeOperation, creds)
			mu.Lock()
			defer mu.Unlock()
			results[creds] = err
		})
	}
	<-held.Reached()
	held.Release()
	group.Wait()
	done := 0
	for creds, err := range results {
		if m.sessionWorks(creds) != (err != nil) {
			t.Errorf("it works: %v, and the revocation said %v", m.sessionWorks(creds), err)
		}
		if err == nil {
			done++
		} else if !strings.Contains(err.Error(), "LimitExceeded") || !strings.Contains(err.Error(), "no room") {
			t.Error(err)
		}
	}
	t.Logf("%d of %d fit", done, len(all))
	if done == 0 || done == len(all) {
		t.Errorf("%d of %d fit", done, len(all))
	}
	m.ended()
}

func TestRevocationThatAWSDenies(t *testing.T) {
	t.Parallel()
	m := newRevocableMount(t, noRetries)
	creds := m.creds("deploy")
	for _, action := range []string{"GetRolePolicy", "PutRolePolicy"} {
		fault := m.aws.Inject(fakeaws.Fault{Action: action, Kind: fakeaws.Refuse, Code: "AccessDenied", Status: http.StatusForbidden, Message: "User: x is not authorized to perform: iam:" + action})
		_, err := m.lease(logical.RevokeOperation, creds)
		for _, words := range []string{"AccessDenied", "iam:GetRolePolicy, iam:PutRolePolicy and iam:DeleteRolePolicy on role deploy of AWS account 123456789012", "the session lives until"} {
			if err == nil || !strings.Contains(err.Error(), words) {
				t.Errorf("%s: %v does not say %q", action, err, words)
			}
		}
		fault.Remove()
		m.mustTick() // nothing is left to be done
		if len(m.aws.RolePolicies("deploy")) > 0 || !m.sessionWorks(creds) {
			t.Error("it was denied anyway")
		}
	}
	m.pass(creds.Secret.TTL)
	m.revoke(creds) // the lease ends as that of any session does
}

// AWS may have written what nobody heard of: it is not taken for a failure.
func TestRevocationWithoutAnAnswer(t *testing.T) {
	t.Parallel()
	for _, kind := range []fakeaws.Kind{fakeaws.LostAnswer, fakeaws.Cut} {
		m := newRevocableMount(t, noRetries)
		creds := m.creds("deploy")
		m.aws.Inject(fakeaws.Fault{Action: "PutRolePolicy", Kind: kind, Times: 1})
		_, _ = m.lease(logical.RevokeOperation, creds) // which may go on trying
		m.start()
		m.mustTick()
		if m.sessionWorks(creds) {
			t.Errorf("%v: what was asked for was not done", kind)
		}
		m.ended()
	}
}

func TestPolicyThatSomebodyElseChanged(t *testing.T) {
	t.Parallel()
	m := newRevocableMount(t)
	creds := m.creds("deploy")
	name := "vault-denied-sessions-" + mountID
	theirs := `{"Version":"2012-10-17","Statement":[{"Sid":"Mine","Effect":"Deny","Action":"*","Resource":"*","Condition":{"StringEquals":{"aws:userid":["x:y"]}}}]}`
	m.aws.SetRolePolicy("deploy", name, theirs)
	_, err := m.lease(logical.RevokeOperation, creds)
	if err == nil || !strings.Contains(err.Error(), "was changed by somebody else") || !strings.Contains(err.Error(), `"Mine"`) {
		t.Error(err)
	}
	if m.aws.RolePolicies("deploy")[name] != theirs || !m.sessionWorks(creds) {
		t.Error("it was overwritten")
	}
}

func TestRevokeSessionsOfARole(t *testing.T) {
	t.Parallel()
	m := newRevocableMount(t)
	m.write("roles/plain", map[string]any{"credential_type": "assumed_role", "role_arns": []string{deployARN, auditARN}})
	m.aws.AddRole("audit")
	one := m.creds("deploy")
	resp := m.write("roles/plain/revoke-sessions", map[string]any{"role_arn": deployARN})
	if fmt.Sprint(resp.Data["aws_roles"]) != "[deploy]" || m.sessionWorks(one) {
		t.Errorf("%v; the session works: %v", resp.Data, m.sessionWorks(one))
	}
	for _, words := range []string{"within minutes", "whoever holds it", "live on"} {
		if !strings.Contains(fmt.Sprint(resp.Warnings), words) {
			t.Errorf("%q is not said: %v", words, resp.Warnings)
		}
	}
	if resp = m.write("roles/plain/revoke-sessions", nil); fmt.Sprint(resp.Data["aws_roles"]) != "[deploy audit]" {
		t.Error(resp.Data)
	}
	for path, words := range map[string]string{
		"roles/nobody/revoke-sessions":           `name: there is no role "nobody"`,
		"roles/developer-access/revoke-sessions": "only sessions of assumed_role can be revoked",
	} {
		if text := m.refused(logical.UpdateOperation, path, nil); !strings.Contains(text, words) {
			t.Error(text)
		}
	}
	if text := m.refused(logical.UpdateOperation, "roles/deploy/revoke-sessions", map[string]any{"role_arn": auditARN}); !strings.Contains(text, "role_arn: ") {
		t.Error(text)
	}
	m.ended()
}

func TestRevocableRoleOfAnotherAccount(t *testing.T) {
	t.Parallel()
	m := newRevocableMount(t)
	const number = "210987654321"
	far := m.aws.Account(number)
	far.AddRole("deploy")
	far.SetTrust("hub", "123456789012")
	arn := "arn:aws:iam::" + number + ":role/"
	fields := map[string]any{"credential_type": "assumed_role", "role_arns": arn + "deploy", "revoke_sessions": true}
	text := m.refused(logical.UpdateOperation, "roles/far", fields)
	if !strings.Contains(text, "revoke_sessions: "+arn+"deploy is in AWS account "+number) || !strings.Contains(text, "set assume_role_arn to a role of account "+number) {
		t.Error(text)
	}
	fields["assume_role_arn"] = arn + "hub"
	m.write("roles/far", fields)
	creds := m.creds("far")
	m.revoke(creds)
	if m.sessionWorks(creds) || len(far.RolePolicies("deploy")) != 1 || len(m.aws.RolePolicies("deploy")) != 0 {
		t.Error("it was not revoked in its own account")
	}
	m.pass(13 * time.Hour)
	m.mustTick()
}

func TestNamesOfRevocableSessions(t *testing.T) {
	t.Parallel()
	m := newRevocableMount(t)
	m.write("roles/deploy", map[string]any{"session_name": "ci"})
	one, two := m.creds("deploy").Data["arn"].(string), m.creds("deploy").Data["arn"].(string)
	if one == two || !strings.Contains(one, "/ci-") {
		t.Errorf("%s and %s", one, two)
	}
	text := m.refused(logical.UpdateOperation, "creds/deploy", map[string]any{"role_session_name": "mine"})
	if !strings.Contains(text, `role_session_name: the role "deploy" has revoke_sessions`) {
		t.Error(text)
	}
	if text := m.refused(logical.UpdateOperation, "roles/deploy", map[string]any{"share_for": "5m"}); !strings.Contains(text, "share_for: is not possible together with revoke_sessions") {
		t.Error(text)
	}
}

// A session that ends early is for people to know; that the lease of one is over is not.
func TestRevokedSessionsAreLogged(t *testing.T) {
	t.Parallel()
	m := newRevocableMount(t)
	log := m.logged(hclog.Info)
	m.write("roles/plain", map[string]any{"credential_type": "assumed_role", "role_arns": deployARN})
	m.revoke(m.creds("plain"))
	if log.Len() > 0 {
		t.Errorf("logged: %s", log)
	}
	m.revoke(m.creds("deploy"))
	if text := log.String(); strings.Count(text, "\n") != 1 || !strings.Contains(text, "revoked a session at the end of its lease") || !strings.Contains(text, "aws_role=deploy") {
		t.Errorf("logged: %s", text)
	}
	m.ended()
}

func TestShareForIsRefusedBesideRevokeSessions(t *testing.T) {
	t.Parallel()
	m := newRevocableMount(t)
	fields := map[string]any{"credential_type": "assumed_role", "role_arns": deployARN, "share_for": "5m"}
	m.write("roles/shared", fields)
	if text := m.refused(logical.UpdateOperation, "roles/shared", map[string]any{"revoke_sessions": true}); !strings.Contains(text, "share_for: is not possible together with revoke_sessions") || !strings.Contains(text, "omit one of the two") {
		t.Error(text)
	}
}

// A field that is not one would widen what ends: role_arns for role_arn.
func TestMistypedFieldEndsNoSessions(t *testing.T) {
	t.Parallel()
	m := newRevocableMount(t)
	text := m.refused(logical.UpdateOperation, "roles/deploy/revoke-sessions", map[string]any{"role_arns": deployARN})
	if !strings.HasPrefix(text, "role_arns: is not a field of this path; role_arn names") || len(m.aws.RolePolicies("deploy")) > 0 {
		t.Error(text)
	}
}

// The generated policy is not narrowed down unseen while the engine has a policy to remove.
func TestGeneratedPolicyTellsOfDeniedSessions(t *testing.T) {
	t.Parallel()
	m := newRevocableMount(t)
	m.revoke(m.creds("deploy"))
	warned := func() bool {
		return strings.Contains(strings.Join(m.do(logical.ReadOperation, "config/iam-policy", nil).Warnings, "\n"), "keep iam:GetRolePolicy, iam:PutRolePolicy and iam:DeleteRolePolicy on it until")
	}
	if warned() {
		t.Error("it warns while a role allows it")
	}
	m.write("roles/deploy", map[string]any{"role_arns": "arn:aws:iam::" + home + ":role/de*oy"})
	if warned() {
		t.Error("it warns while a pattern allows it")
	}
	if text := strings.Join(m.do(logical.ReadOperation, "config/iam-policy", nil).Warnings, "\n"); !strings.Contains(text, `role_arns of role "deploy" are patterns`) {
		t.Errorf("of a pattern: %s", text)
	}
	m.do(logical.DeleteOperation, "roles/deploy", nil)
	if !warned() {
		t.Error("nothing is said of what is denied")
	}
	m.ended()
	if warned() {
		t.Error("it warns of what is over")
	}
}
