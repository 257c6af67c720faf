// SPDX-License-Identifier: MPL-2.0

package backend

// config/root leads to another account for a while, as a mistake in a variable makes it. What
// that account says of users of the first one is true of no user of the first one.

import (
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/engine"
	"vault-plugin-secrets-aws-dyn/internal/awscreds"
	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

const otherNumber = "999999999999"

// anotherAccount is an account that has nothing of the mount's.
func anotherAccount(t *testing.T) *fakeaws.Server {
	t.Helper()
	return fakeaws.New(t, fakeaws.WithAccount(otherNumber))
}

// leadTo has config/root lead to an account.
func (m *mount) leadTo(aws *fakeaws.Server) *logical.Response {
	m.t.Helper()
	key := aws.RootKey()
	return m.write("config/root", map[string]any{
		"access_key": key.AccessKeyID, "secret_key": key.SecretAccessKey, "iam_endpoint": aws.URL(), "sts_endpoint": aws.URL(),
	})
}

// namesBoth checks that a text names both accounts.
func namesBoth(t *testing.T, text string) {
	t.Helper()
	if !strings.Contains(text, otherNumber) || !strings.Contains(text, "was made in AWS account "+homeNumber) {
		t.Errorf("does not name both accounts: %s", text)
	}
}

// homeNumber is the account of the fake unless a test asks for another.
const homeNumber = "123456789012"

// Whoever asks for the end of a user while config/root leads elsewhere is told so; the record
// stays, and the user goes when config/root leads home again.
func TestAnotherAccountProvesNothing(t *testing.T) {
	t.Parallel()
	for name, ask := range map[string]func(m *mount, creds *logical.Response) string{
		"a revoke": func(m *mount, creds *logical.Response) string {
			resp, err := m.lease(logical.RevokeOperation, creds)
			text, _ := outcome(resp, err)
			return text
		},
		"a delete of issued/": func(m *mount, creds *logical.Response) string {
			return m.refused(logical.DeleteOperation, "issued/"+m.user(creds), nil)
		},
		"the sweep": func(m *mount, _ *logical.Response) string {
			m.age(800 * time.Hour)
			return outcomeOf(m.tick())
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newConfiguredMount(t)
			creds := m.creds("developer-access")
			m.mustTick()
			m.age(10 * time.Minute)
			m.leadTo(anotherAccount(t))
			namesBoth(t, ask(m, creds))
			m.has(m.user(creds), true)
			m.registered(1)
			m.start() // what a process knows by heart does not decide it
			namesBoth(t, ask(m, creds))
			m.registered(1)
			m.configure()
			m.age(2 * time.Hour)
			m.mustTick()
			if name == "the sweep" {
				m.age(800 * time.Hour) // two years old by now: after a gap all renewals are in doubt
				m.mustTick()
			}
			m.noUsers()
			m.registered(0)
		})
	}
}

// outcomeOf is the text of an error; empty for none.
func outcomeOf(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// The other account does not say which it is: a policy of its STS endpoint denies GetCallerIdentity, and its identity may not
// look at itself. What it says counts for no user whose account is known. An installation that has no such actions is
// believed, since it never tells.
func TestAnAccountThatAWSRefusesToNameProvesNothing(t *testing.T) {
	t.Parallel()
	for kind, believed := range map[fakeaws.Kind]bool{fakeaws.Refuse: false, fakeaws.Unsupported: true} {
		t.Run(kind.String(), func(t *testing.T) {
			t.Parallel()
			m := newConfiguredMount(t, noRetries)
			m.aws.AddUser("app")
			m.write("static-roles/app", daily)
			creds := m.creds("developer-access")
			m.mustTick()
			other := anotherAccount(t)
			for _, action := range []string{"GetCallerIdentity", "GetUser"} {
				other.Inject(fakeaws.Fault{Action: action, Kind: kind})
			}
			m.leadTo(other)
			m.age(10 * time.Minute)
			resp, err := m.lease(logical.RevokeOperation, creds)
			if text, _ := outcome(resp, err); strings.Contains(text, "asking which account has no IAM user") == believed {
				t.Errorf("a revoke answers %q", text)
			}
			resp, err = m.ask(logical.DeleteOperation, "static-roles/app", nil)
			if text, _ := outcome(resp, err); strings.Contains(text, "asking which account this is") == believed {
				t.Errorf("a delete of the static role answers %q", text)
			}
			if believed {
				m.registered(0)
				m.aws.RemoveUser(m.user(creds))
				m.aws.RemoveUser("app")
				return
			}
			m.registered(1)
			m.configure()
			m.age(2 * time.Hour)
			m.mustTick()
			m.registered(0)
			m.has(m.user(creds), false)
			m.do(logical.DeleteOperation, "static-roles/app", nil)
			m.aws.RemoveUser("app")
		})
	}
}

// A process died while it made a user, and the next one looks for it in another account.
func TestRollbackInAnotherAccountProvesNothing(t *testing.T) {
	t.Parallel()
	m := newWideMount(t, noRetries)
	m.revoke(m.creds("wide")) // the client knows its account
	m.dieAt("CreateAccessKey")
	m.leadTo(anotherAccount(t))
	for range 4 {
		m.age(6 * time.Minute)
		if text := outcomeOf(m.tick()); text != "" {
			namesBoth(t, text)
		}
		m.recorded(1)
	}
	m.configure()
	m.age(2 * time.Hour)
	m.mustTick()
	m.noUsers()
	m.recorded(0)
}

// A record that names no account, as the first edition and the built-in engine wrote it, is of
// the account in its access key, or of the mount's home.
func TestRecordWithoutAnAccountIsOfTheHomeAccount(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t)
	m.revoke(m.creds("developer-access"))
	m.mustTick() // which keeps the home account
	const user = "vault-token-test-developer-access-1700000000-aBcDeFgHiJ"
	m.aws.AddUser(user)
	m.aws.Adopt(user)
	m.age(20 * time.Minute)
	lease := &logical.Response{Secret: &logical.Secret{
		InternalData: map[string]any{"secret_type": secretType, "username": user, "is_sts": false},
		LeaseOptions: logical.LeaseOptions{IssueTime: m.now().Add(-20 * time.Minute)},
	}}
	m.leadTo(anotherAccount(t))
	resp, err := m.lease(logical.RevokeOperation, lease)
	text, _ := outcome(resp, err)
	namesBoth(t, text)
	m.has(user, true)
	m.registered(1) // it is written down now, since Vault may give up
	m.configure()
	m.age(2 * time.Hour)
	m.mustTick()
	m.has(user, false)
	m.registered(0)
}

// The way out where nobody can ask the first account any more.
func TestForgetDropsARecordOfAnAccountThatIsClosed(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t)
	creds := m.creds("developer-access")
	user := m.user(creds)
	m.age(10 * time.Minute)
	other := anotherAccount(t)
	m.leadTo(other)
	other.ResetCalls()
	m.warns(m.write("issued/"+user+"/forget", nil), m.aws.Keys(user)[0].AccessKeyID)
	if calls := other.Calls(); len(calls) != 0 {
		t.Errorf("AWS was asked: %v", calls)
	}
	m.registered(0)
	if resp, err := m.lease(logical.RevokeOperation, creds); !well(resp, err) { // else Vault would try for ever
		t.Errorf("revoke of a forgotten user: %v %v", resp, err)
	}
	m.registered(0)
	m.has(user, true)
	m.aws.RemoveUser(user)
	if text := m.refused(logical.UpdateOperation, "issued/"+user+"/forget", nil); !strings.Contains(text, "there is no record") {
		t.Errorf("refused with %s", text)
	}
}

// A static role's keys live on in the account of its user, and so does the role.
func TestStaticRoleStaysWhileAnotherAccountIsAsked(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t)
	m.addBareUser("app")
	m.write("static-roles/app", map[string]any{"username": "app", "rotation_period": "24h"})
	key := m.served("app")
	m.age(10 * time.Minute)
	other := anotherAccount(t)
	other.AddUser("app") // one of the same name
	m.leadTo(other)
	if text := m.fails(logical.DeleteOperation, "static-roles/app", nil); !strings.Contains(text, homeNumber) || !strings.Contains(text, otherNumber) {
		t.Errorf("refused with %s", text)
	}
	m.hasKeys("app", key)
	if m.read("static-roles/app") == nil {
		t.Fatal("the role is gone")
	}
	if text := m.fails(logical.UpdateOperation, "static-roles/app/rotate", nil); !strings.Contains(text, otherNumber) {
		t.Errorf("refused with %s", text)
	}
	m.age(25 * time.Hour)
	m.mustTick()
	if m.served("app") != key {
		t.Error("rotated in another account")
	}
	m.configure()
	m.do(logical.DeleteOperation, "static-roles/app", nil)
	m.hasKeys("app")
}

// With force the role goes all the same, and the answer says which keys stay.
func TestStaticRoleOfAnotherAccountGoesByForce(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t)
	m.addBareUser("app")
	m.write("static-roles/app", map[string]any{"username": "app", "rotation_period": "24h"})
	key := m.served("app")
	m.leadTo(anotherAccount(t))
	m.warns(m.do(logical.DeleteOperation, "static-roles/app", map[string]any{"force": true}), key)
	m.deleteKey("app", key)
}

// A key that was lost on its way is looked for in the account that it was made in.
func TestStrayKeyWaitsForItsAccount(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t, noRetries)
	m.addBareUser("app")
	m.write("static-roles/app", map[string]any{"username": "app", "rotation_period": "24h"})
	key := m.served("app")
	m.dieStatic("CreateAccessKey", "static-roles/app/rotate", nil)
	m.recorded(1)
	m.leadTo(anotherAccount(t))
	for range 3 {
		m.age(6 * time.Minute)
		_ = m.tick()
		m.recorded(1)
	}
	m.configure()
	m.mustTick()
	m.recorded(0)
	m.hasKeys("app", key)
	m.do(logical.DeleteOperation, "static-roles/app", nil)
}

// So is a root key whose secret was lost.
func TestStrayRootKeyWaitsForItsAccount(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t, noRetries)
	m.mustTick()
	m.aws.Inject(fakeaws.Fault{Action: "CreateAccessKey", Kind: fakeaws.LostAnswer, Times: 1})
	away := m.aws.Inject(fakeaws.Fault{Action: "ListAccessKeys", Kind: fakeaws.Cut, After: 1})
	m.fails(logical.UpdateOperation, "config/rotate-root", nil)
	away.Remove()
	m.recorded(1)
	m.leadTo(anotherAccount(t))
	for range 3 {
		m.age(6 * time.Minute)
		_ = m.tick()
		m.recorded(1)
	}
	m.aws.Age(-18 * time.Minute)
	m.pass(-18 * time.Minute)
	m.configure()
	m.untilUseIsTold()
	m.recorded(0)
	m.oneRootKey()
}

// A write of config/root that leads elsewhere says what it leaves behind, and is not refused
// for it.
func TestConfigRootWarnsOfRecordsThatItLeavesBehind(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t)
	if resp := m.leadTo(m.aws); resp != nil {
		t.Errorf("warned: %v", resp.Warnings)
	}
	creds := []*logical.Response{m.creds("developer-access"), m.creds("developer-access")}
	m.addBareUser("app")
	m.write("static-roles/app", map[string]any{"username": "app", "rotation_period": "24h"})
	m.mustTick()
	if resp := m.leadTo(m.aws); resp != nil {
		t.Errorf("warned: %v", resp.Warnings)
	}
	resp := m.leadTo(anotherAccount(t))
	m.warns(resp, "leads to AWS account "+otherNumber)
	m.warns(resp, "2 IAM users")
	m.warns(resp, "1 static role")
	m.warns(resp, homeNumber)
	m.write("config/root", map[string]any{"sts_endpoint": "http://127.0.0.1:9", "iam_endpoint": "http://127.0.0.1:9"}) // nobody answers
	m.configure()
	for _, c := range creds {
		m.revoke(c)
	}
	m.do(logical.DeleteOperation, "static-roles/app", nil)
}

// config/users tells the home account, and takes another.
func TestHomeAccount(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t)
	if account := m.read("config/users")["account"]; account != "" {
		t.Errorf("at first it is %v", account)
	}
	m.revoke(m.creds("developer-access"))
	m.mustTick()
	if account := m.read("config/users")["account"]; account != homeNumber {
		t.Errorf("it is %v", account)
	}
	m.write("config/users", map[string]any{"max_users": 7})
	m.write("config/users", map[string]any{"account": ""})
	if account := m.read("config/users")["account"]; account != homeNumber {
		t.Errorf("a write that does not name it made it %v", account)
	}
	for written, want := range map[string]string{"210987654321": "210987654321", "aws-cn:210987654321": "aws-cn:210987654321", "aws:210987654321": "210987654321"} {
		m.write("config/users", map[string]any{"account": written})
		if account := m.read("config/users")["account"]; account != want {
			t.Errorf("%s became %v", written, account)
		}
		m.start()
		m.mustTick()
		if account := m.read("config/users")["account"]; account != want {
			t.Errorf("after a tick %s is %v", written, account)
		}
	}
	before := m.storage.dump(t)
	m.aws.ResetCalls()
	for _, wrong := range []string{"21098765432", "2109876543210", "21098765432x", "aws-cn:", ":210987654321", "arn:aws:iam::210987654321:root", "moon:210987654321"} {
		text := m.refused(logical.UpdateOperation, "config/users", map[string]any{"account": wrong, "max_users": -1})
		if !strings.Contains(text, "account: ") || !strings.Contains(text, "max_users: ") {
			t.Errorf("%s: refused with %s", wrong, text)
		}
		m.untouched(before, wrong)
	}
}

// What was written counts for records that do not say theirs.
func TestWrittenHomeAccountDecides(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t)
	const user = "vault-token-test-developer-access-1700000000-aBcDeFgHiJ"
	m.aws.AddUser(user)
	m.age(20 * time.Minute)
	m.write("config/users", map[string]any{"account": otherNumber})
	began := m.now().Add(-20 * time.Minute)
	m.put(recordKey(user), &userRecord{Role: "r", Issued: began, Ends: began.Add(time.Minute), Written: began, Ending: began})
	m.start()
	m.revoke(m.creds("developer-access")) // which tells the engine where it is
	if text := outcomeOf(m.tick()); !strings.Contains(text, "was made in AWS account "+otherNumber) {
		t.Errorf("the tick says %s", text)
	}
	m.has(user, true)
	m.write("config/users", map[string]any{"account": homeNumber})
	m.start()
	m.mustTick()
	m.has(user, false)
	m.registered(0)
	if home, err := engine.Load[awscreds.Account](m.ctx, m.storage, engine.KeyHome); err != nil || home.Number != homeNumber {
		t.Errorf("stored %v, %v", home, err)
	}
}
