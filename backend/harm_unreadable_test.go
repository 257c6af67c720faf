// SPDX-License-Identifier: MPL-2.0

package backend

// What stops new credentials does not stop old ones from ending.

import (
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/engine"
)

// Whatever of the configuration nobody can read: users are revoked, swept, rolled back and
// deleted all the same.
func TestRevocationNeedsNoOtherConfiguration(t *testing.T) {
	t.Parallel()
	template := func(text string) func(m *mount) {
		return func(m *mount) {
			cfg, err := engine.Load[engine.RootConfig](m.ctx, m.storage, engine.KeyRootConfig)
			if err != nil {
				m.t.Fatal(err)
			}
			cfg.UsernameTemplate = text
			m.put(engine.KeyRootConfig, cfg)
		}
	}
	for name, spoil := range map[string]func(m *mount){
		"template that is none":          template("{{ nonsense"),
		"template that only another has": template(`{{ range $i, $c := .DisplayName }}{{ $i }}{{ end }}-{{ random 20 }}`),
		"config/lease":                   func(m *mount) { m.leave(engine.KeyLeaseConfig, `"garbled"`) },
		"config/users":                   func(m *mount) { m.leave(engine.KeyUsersConfig, `{"max_users":"many"`) },
		"auto-tidy":                      func(m *mount) { m.leave(engine.KeyAutoTidy, `7`) },
		"the role":                       func(m *mount) { m.leave(engine.PrefixRole+"developer-access", `[`) },
		"the home account":               func(m *mount) { m.leave(engine.KeyHome, `{`) },
		"the heartbeat":                  func(m *mount) { m.leave(engine.KeyHeartbeat, `{`) },
		"the terms":                      func(m *mount) { m.leave(engine.KeyTerms, `{`) },
		"the key of the proofs":          func(m *mount) { m.leave(engine.KeyOwnership, `{`) },
		"the plan of the root key":       func(m *mount) { m.leave(engine.KeyRootRotation, `{`) },
		"a static role":                  func(m *mount) { m.leave(engine.PrefixStaticRole+"x", `{`) },
		"its own record":                 nil,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newConfiguredMount(t)
			creds, deleted, lost := m.creds("developer-access"), m.creds("developer-access"), m.lost("1h")
			m.mustTick()
			m.age(30 * time.Minute)
			m.mustTick()
			if spoil == nil {
				m.leave(recordKey(m.user(creds)), `{`)
			} else {
				spoil(m)
			}
			m.start()
			m.revoke(creds)
			m.do(logical.DeleteOperation, "issued/"+m.user(deleted), nil)
			m.has(m.user(creds), false)
			m.has(m.user(deleted), false)
			for range 25 {
				m.age(4 * time.Minute)
				_ = m.tick() // which may complain
			}
			if name != "the heartbeat" && name != "the terms" { // nobody knows then what was renewed meanwhile
				m.has(lost, false)
			} else {
				m.do(logical.DeleteOperation, "issued/"+lost, nil)
			}
		})
	}
}

// A revocation that did nothing, since config/root leads to another account, does not go well because the record
// cannot be read: what the lease tells takes its place.
func TestUnreadableRecordAndAnotherAccount(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t)
	creds, dropped := m.creds("developer-access"), m.creds("developer-access")
	m.mustTick()
	m.age(30 * time.Minute)
	for _, one := range []*logical.Response{creds, dropped} {
		m.leave(recordKey(m.user(one)), `{`)
	}
	m.start()
	text := outcomeOf(m.tick()) // which names the first of them
	if !strings.Contains(text, "delete issued/"+m.user(creds)+" to end it now") && !strings.Contains(text, "delete issued/"+m.user(dropped)+" to end it now") {
		t.Errorf("the tick says %v", text)
	}
	m.leadTo(anotherAccount(t))
	for _, one := range []*logical.Response{creds, dropped} {
		text, _ := outcome(m.lease(logical.RevokeOperation, one))
		namesBoth(t, text)
	}
	m.configure()
	m.revoke(creds)
	m.age(2 * time.Hour)
	m.mustTick()
	m.noUsers() // the other lease was given up
	m.registered(0)
}

// A user of the name that the engine has not made stays, in whatever account: a record that nobody can read proves nothing.
func TestUnreadableRecordOfANamesake(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		here, there bool // a stranger has the name in the account of config/root, and in another
		untagged    bool // AWS took none of our tags
		gone        bool // whether ours goes
	}{
		"in the account of ours":  {here: true},
		"in another account":      {there: true, gone: true},
		"nowhere":                 {gone: true},
		"nowhere, and no tags":    {untagged: true},
		"elsewhere, and no tags ": {there: true, untagged: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newConfiguredMount(t, repeating)
			there := m.aws.Account(other)
			there.SetTrust("hub", home)
			m.write("roles/payments", map[string]any{"policy_arns": readOnly, "assume_role_arn": otherHub})
			m.write("config/users", map[string]any{"ownership_tags": !c.untagged})
			creds := m.creds("developer-access")
			m.mustTick()
			m.age(30 * time.Minute)
			if c.here {
				m.aws.RemoveUser(repeated)
				m.aws.AddUser(repeated)
			}
			if c.there {
				there.AddUser(repeated)
			}
			m.leave(recordKey(repeated), `{`)
			m.start()
			text, status := outcome(m.ask(logical.DeleteOperation, "issued/"+repeated, nil))
			if c.gone != (status == 200) || !c.gone && !strings.Contains(text, "its record cannot be read, and neither its name nor its tags prove") {
				t.Errorf("%d %s", status, text)
			}
			m.has(repeated, !c.gone)
			if _, exists := there.User(repeated); exists != c.there {
				t.Error("a stranger's user in another account is gone")
			}
			if !c.gone && !c.here {
				m.revoke(creds) // the lease knows whose it is
			}
			m.aws.Forgive()
		})
	}
}

// What nobody can read can be written anew. Where defaults would make do without asking what was wanted, it has to be
// deleted first, and the refusal says so.
func TestUnreadableConfigurationIsWrittenAnew(t *testing.T) {
	t.Parallel()
	for path, c := range map[string]struct {
		key, stored string
		write       map[string]any
		reads       map[string]any // afterwards
		first       string         // what a write says before the delete
	}{
		"config/lease": {
			key: engine.KeyLeaseConfig, stored: `"garbled"`, write: map[string]any{"lease": "1h", "lease_max": "2h"},
			reads: map[string]any{"lease": "1h0m0s", "lease_max": "2h0m0s"},
		},
		"config/users": {
			key: engine.KeyUsersConfig, stored: `{"max_users":"many"`, write: map[string]any{"max_users": 7},
			reads: map[string]any{"max_users": 7, "ownership_tags": true},
		},
		"config/users, of the account": {
			key: engine.KeyHome, stored: `{`, write: map[string]any{"account": other}, reads: map[string]any{"account": other},
		},
		"config/auto-tidy": {key: engine.KeyAutoTidy, stored: `7`, write: map[string]any{"enabled": true}, reads: map[string]any{"enabled": true, "delete": false}},
		"config/root": {
			key: engine.KeyRootConfig, stored: `[]`, write: map[string]any{"region": "eu-west-1"}, reads: map[string]any{"region": "eu-west-1"},
			first: "name access_key and secret_key, or role_arn, and all else that config/root should say",
		},
		"config/root, with an identity": {
			key: engine.KeyRootConfig, stored: `[]`, write: map[string]any{"access_key": "AKIAIOSFODNN7EXAMPLE", "secret_key": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"},
			reads: map[string]any{"access_key": "AKIAIOSFODNN7EXAMPLE", "region": ""},
		},
		"roles/developer-access": {
			key: engine.PrefixRole + "developer-access", stored: `[`, write: map[string]any{"policy_arns": readOnly}, reads: map[string]any{"max_users": 0},
			first: "; delete roles/developer-access and write all of it anew",
		},
	} {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			path, _, _ := strings.Cut(path, ",")
			m := newConfiguredMount(t)
			m.mustTick() // which keeps the account
			m.leave(c.key, c.stored)
			m.start()
			if path != "roles/developer-access" { // of which a request for its credentials tells
				if resp, _ := m.ask(logical.ReadOperation, "creds/developer-access", nil); resp != nil && !resp.IsError() {
					m.revoke(resp)
				}
				_ = m.tick() // which meets config/auto-tidy
				says := "An entry of Vault's storage cannot be read"
				if c.key == engine.KeyAutoTidy {
					says = "What the engine does once a minute failed"
				}
				m.saysProblem(says, "decoding "+c.key, "; write ")
				if n := strings.Count(m.problems(), says+": "); n != 1 {
					t.Errorf("it is told %d times: %s", n, m.problems())
				}
			}
			if c.first != "" {
				if text, status := outcome(m.ask(logical.UpdateOperation, path, c.write)); status == 200 || !strings.Contains(text, c.first) {
					t.Fatalf("a write is answered %d %s", status, text)
				}
				m.do(logical.DeleteOperation, path, nil)
			}
			resp := m.do(logical.UpdateOperation, path, c.write)
			if told := resp != nil && strings.Contains(strings.Join(resp.Warnings, " "), lostKey); told != (c.key == engine.KeyRootConfig && c.first == "") {
				t.Errorf("of the key it warned: %v", resp)
			}
			if told := resp != nil && strings.Contains(strings.Join(resp.Warnings, " "), "what was stored cannot be read"); told != (c.first == "" && c.key != engine.KeyHome) {
				t.Errorf("warned: %v", resp)
			}
			for field, want := range c.reads {
				if got := m.read(path)[field]; got != want {
					t.Errorf("%s is %v and not %v", field, got, want)
				}
			}
			if resp := m.do(logical.UpdateOperation, path, c.write); resp != nil && strings.Contains(strings.Join(resp.Warnings, " "), "cannot be read") {
				t.Errorf("warned once more: %v", resp.Warnings)
			}
		})
	}
}

// To begin with the defaults switches the register of sessions off, which roles may need.
func TestUnreadableUsersConfigWarnsOfTheRegister(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t)
	m.write("config/users", map[string]any{"register_sessions": true})
	m.write("roles/deploy", map[string]any{"credential_type": "assumed_role", "role_arns": "arn:aws:iam::" + home + ":role/deploy", "revoke_sessions": true})
	m.leave(engine.KeyUsersConfig, `{"max_users":"many","register_sessions":true}`)
	m.start()
	resp := m.do(logical.UpdateOperation, "config/users", map[string]any{"max_users": 7})
	if text := strings.Join(resp.Warnings, "\n"); !strings.Contains(text, "register_sessions") || !strings.Contains(text, "1 role") {
		t.Errorf("warned: %s", text)
	}
}

// What the last run of tidy found is no reason not to begin the next.
func TestUnreadableReportOfTidy(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t)
	m.leave(engine.KeyTidyStatus, `[`)
	m.start()
	if state := m.read("tidy/status")["state"]; state != "idle" {
		t.Errorf("the state is %v", state)
	}
	m.write("tidy", nil)
	m.waitUntil("the run ends", func() bool { return m.read("tidy/status")["state"] == "finished" })
}
