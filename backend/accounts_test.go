// SPDX-License-Identifier: MPL-2.0

package backend

// Roles whose credentials are made in another account than that of config/root.

import (
	"maps"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/vault/sdk/framework"
	"github.com/hashicorp/vault/sdk/helper/consts"
	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/roles"
	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

const (
	home     = "123456789012" // the account of config/root
	other    = "210987654321"
	otherHub = "arn:aws:iam::" + other + ":role/hub"
)

// newAccounts is a mount with the role developer-access in the account of config/root, and the
// role payments in another, which a hub there leads to.
func newAccounts(t testing.TB, more ...map[string]any) (m *mount, there *fakeaws.Server) {
	t.Helper()
	m = newConfiguredMount(t, more...)
	there = m.aws.Account(other)
	there.SetTrust("hub", home)
	m.write("roles/payments", map[string]any{"policy_arns": readOnly, "assume_role_arn": otherHub})
	return m, there
}

// calls counts the calls of an action about an account.
func (m *mount) calls(action, account string) (n int) {
	for _, c := range m.aws.Calls() {
		if c.Action == action && c.Account == account {
			n++
		}
	}
	return n
}

func TestUserOfAnotherAccount(t *testing.T) {
	t.Parallel()
	m, there := newAccounts(t)
	creds := m.creds("payments")
	user := m.user(creds)
	if _, exists := there.User(user); !exists || len(m.aws.Users()) > 0 {
		t.Fatalf("in the other account: %v; in the account of config/root: %v", there.Users(), m.aws.Users())
	}
	if n := len(there.Sessions()); n != 1 || there.Sessions()[0].SessionName != "vault-role" {
		t.Errorf("sessions: %+v", there.Sessions())
	}
	info := m.read("issued/" + user)
	if info["account"] != other || info["assume_role_arn"] != otherHub {
		t.Errorf("issued/ shows %v", info)
	}
	if before := m.creds("developer-access"); len(m.aws.Users()) != 1 {
		t.Errorf("in the account of config/root: %v", m.aws.Users())
	} else {
		m.revoke(before)
	}
	m.renew(creds)
	m.revoke(creds)
	m.noUsers()
	m.aws.ResetCalls()
	again := m.creds("payments")
	if n := m.calls("AssumeRole", other); n != 0 {
		t.Errorf("%d calls of AssumeRole, although there is a session", n)
	}
	m.revoke(again)
	m.registered(0)
}

// Whoever ends a user, and whatever became of its role, it is ended in its own account: a
// stranger of the same name in the other stays.
func TestUserOfAnotherAccountEndsThere(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(m *mount, creds *logical.Response){
		"its lease is revoked": func(m *mount, creds *logical.Response) { m.revoke(creds) },
		"its record is deleted": func(m *mount, creds *logical.Response) {
			m.do(logical.DeleteOperation, "issued/"+m.user(creds), nil)
		},
		"its record is deleted, which nobody can read": func(m *mount, creds *logical.Response) {
			m.write("roles/hub", map[string]any{"policy_arns": readOnly, "assume_role_arn": otherHub})
			m.leave(recordKey(m.user(creds)), `{`)
			m.start()
			m.do(logical.DeleteOperation, "issued/"+m.user(creds), nil)
		},
		"the sweep": func(m *mount, _ *logical.Response) {
			m.age(800 * time.Hour)
			m.mustTick()
		},
		"its revocation failed": func(m *mount, creds *logical.Response) {
			fault := m.aws.Inject(fakeaws.Fault{Action: "DeleteUser", Kind: fakeaws.Refuse, Account: other})
			if _, err := m.lease(logical.RevokeOperation, creds); err == nil {
				m.t.Error("revoked, although AWS refuses")
			}
			m.mustNotMirror()
			fault.Remove()
			m.pass(DefaultWALMinAge + time.Minute)
			m.mustTick()
		},
		"the mount is disabled": func(m *mount, _ *logical.Response) {
			m.system.(*tainted).is = true
			m.b.Cleanup(m.ctx)
		},
	} {
		for change, do := range map[string]func(*mount){
			"nothing":                          func(*mount) {},
			"a restart":                        func(m *mount) { m.start() },
			"the role is deleted, and restart": func(m *mount) { m.do(logical.DeleteOperation, "roles/payments", nil); m.start() },
			"the role leads elsewhere":         func(m *mount) { m.write("roles/payments", map[string]any{"assume_role_arn": ""}) },
		} {
			t.Run(name+", "+change, func(t *testing.T) {
				t.Parallel()
				m, there := newAccounts(t, noRetries)
				m.system = &tainted{SystemView: m.system}
				m.start()
				creds := m.creds("payments")
				user := m.user(creds)
				m.aws.AddUser(user)
				before, _ := m.aws.User(user)
				do(m)
				end(m, creds)
				if users := there.Users(); len(users) > 0 {
					t.Errorf("left in the other account: %v", users)
				}
				if after, _ := m.aws.User(user); after.ID != before.ID || len(after.AccessKeys) != 1 {
					t.Errorf("the user of the same name in the account of config/root: %+v", after)
				}
			})
		}
	}
}

// tainted is a system whose mount may be being disabled.
type tainted struct {
	logical.SystemView
	is bool
}

func (s *tainted) Tainted() bool { return s.is }

// ReplicationState says that this server may write.
func (s *tainted) ReplicationState() consts.ReplicationState { return consts.ReplicationUnknown }

// mustNotMirror ticks, and checks that nothing in the WAL names a user.
func (m *mount) mustNotMirror() {
	m.t.Helper()
	_ = m.tick() // the deletion fails again
	if ids, err := framework.ListWAL(m.ctx, m.storage); err != nil || len(ids) > 0 {
		m.t.Errorf("the WAL has %v (%v): the built-in engine would delete a user of the account of config/root", ids, err)
	}
}

// A creation that fails or dies in the other account leaves nothing there.
func TestFailedUserOfAnotherAccount(t *testing.T) {
	t.Parallel()
	m, there := newAccounts(t, noRetries)
	m.aws.Inject(fakeaws.Fault{Action: "AttachUserPolicy", Kind: fakeaws.Refuse, Account: other, Times: 1})
	m.fails(logical.ReadOperation, "creds/payments", nil)
	if users := there.Users(); len(users) > 0 {
		t.Errorf("left behind: %v", users)
	}
	m.write("roles/wide", map[string]any{"policy_arns": readOnly, "assume_role_arn": otherHub})
	m.dieAt("CreateUser")
	m.do(logical.DeleteOperation, "roles/wide", nil)
	if len(there.Users()) != 1 {
		t.Fatalf("the process died, and in the other account are %v", there.Users())
	}
	m.pass(time.Hour)
	m.mustTick()
	if users := there.Users(); len(users) > 0 {
		t.Errorf("left by a process that died: %v", users)
	}
	m.registered(0)
}

func TestOneSessionForAll(t *testing.T) {
	t.Parallel()
	m, there := newAccounts(t)
	var wait sync.WaitGroup
	for range 16 {
		wait.Go(func() {
			if resp, err := m.ask(logical.ReadOperation, "creds/payments", nil); err != nil || resp.IsError() {
				t.Errorf("%v %v", err, resp)
			} else {
				m.revoke(resp)
			}
		})
	}
	wait.Wait()
	if n := m.calls("AssumeRole", other); n != 1 {
		t.Errorf("%d calls of AssumeRole, want 1", n)
	}
	there.ExpireSessions()
	m.revoke(m.creds("payments"))
	if n := m.calls("AssumeRole", other); n != 2 {
		t.Errorf("%d calls of AssumeRole after the session has ended, want 2", n)
	}
	m.aws.Adopt("vault-root")
	m.write("config/rotate-root", nil)
	m.aws.ExpireSessions()
	m.revoke(m.creds("payments")) // with the new key
	m.write("config/root", map[string]any{"max_retries": 1})
	m.revoke(m.creds("payments"))
}

func TestCapOfEachAccount(t *testing.T) {
	t.Parallel()
	m, _ := newAccounts(t)
	m.write("config/users", map[string]any{"max_users": 1})
	here, there := m.creds("developer-access"), m.creds("payments")
	if text := m.refused(logical.ReadOperation, "creds/payments", nil); !strings.Contains(text, "max_users") || !strings.Contains(text, other) {
		t.Errorf("refused with %q", text)
	}
	if text := m.refused(logical.ReadOperation, "creds/developer-access", nil); !strings.Contains(text, "max_users") || strings.Contains(text, other) {
		t.Errorf("refused with %q", text)
	}
	m.start()
	m.refused(logical.ReadOperation, "creds/payments", nil)
	m.revoke(there)
	m.revoke(m.creds("payments"))
	m.revoke(here)
}

func TestTidyOfEachAccount(t *testing.T) {
	t.Parallel()
	m, there := newAccounts(t)
	m.mustTick()
	user := m.user(m.creds("payments"))
	kept := m.creds("payments")
	m.age(time.Minute)
	m.mustTick()
	m.unrecorded(user)
	m.mustTick()
	m.age(2 * time.Hour)
	lost := m.aws.Inject(fakeaws.Fault{Action: "ListUsers", Kind: fakeaws.Refuse, Account: home})
	status := m.tidy(map[string]any{"delete": true, "safety_buffer": "1h"})
	lost.Remove()
	found, _ := status["found"].([]map[string]any)
	if len(found) != 1 || found[0]["username"] != user || found[0]["account"] != other || found[0]["deleted"] != true {
		t.Errorf("tidy found %v (%v)", status["found"], status["error"])
	}
	if users := there.Users(); len(users) != 1 || users[0] != m.user(kept) {
		t.Errorf("tidy left %v", users)
	}
	m.revoke(kept)
}

// Records of other accounts are no reason to warn of a new config/root, and what the built-in
// engine wrote is of the account of config/root.
func TestHomeStaysTheAccountOfConfigRoot(t *testing.T) {
	t.Parallel()
	m, _ := newAccounts(t)
	creds := m.creds("payments")
	m.mustTick()
	if got := m.read("config/users")["account"]; got != home {
		t.Errorf("the home account is %v", got)
	}
	if resp := m.write("config/root", map[string]any{"max_retries": 2}); resp != nil && len(resp.Warnings) > 0 {
		t.Errorf("warned: %v", resp.Warnings)
	}
	m.revoke(creds)
}

func TestFieldsOfAnotherAccount(t *testing.T) {
	t.Parallel()
	m := newMount(t)
	m.leadToAWS()
	chain := "arn:aws:iam::" + other + ":role/app"
	for text, fields := range map[string]map[string]any{
		"assume_role_arn: is not supported by credential_type federation_token": {"credential_type": roles.FederationToken, "policy_arns": readOnly, "assume_role_arn": otherHub},
		"assume_role_arn: is not supported by credential_type session_token":    {"credential_type": roles.SessionToken, "assume_role_arn": otherHub},
		"assume_role_arn: \"hub\" is not the ARN of a role":                     {"policy_arns": readOnly, "assume_role_arn": "hub"},
		"assume_role_session_name: \"x\"":                                       {"policy_arns": readOnly, "assume_role_arn": otherHub, "assume_role_session_name": "x"},
		"external_id: is not an external ID":                                    {"policy_arns": readOnly, "assume_role_arn": otherHub, "external_id": "x"},
		"external_id: is not supported by credential_type iam_user without":     {"policy_arns": readOnly, "external_id": "tenant"},
		`assume_role_external_id: is not an external ID`:                        {"policy_arns": readOnly, "assume_role_arn": otherHub, "assume_role_external_id": "a b"},
		"assume_role_external_id: differs from external_id":                     {"policy_arns": readOnly, "assume_role_arn": otherHub, "external_id": "tenant", "assume_role_external_id": "other"},
		"role_arns: \"arn:aws:iam::*:role/app\" has * before the role's name":   {"credential_type": roles.AssumedRole, "role_arns": "arn:aws:iam::*:role/app"},
		"role_arns: \"arn:*:iam::123456789012:role/app\" has * before":          {"credential_type": roles.AssumedRole, "role_arns": "arn:*:iam::123456789012:role/app"},
	} {
		if got := m.refused(logical.UpdateOperation, "roles/bad", fields); !strings.Contains(got, text) {
			t.Errorf("%v: refused with %q, want %q", fields, got, text)
		}
	}
	idle := map[string]any{"policy_arns": readOnly, "assume_role_session_name": "name"}
	m.warns(m.write("roles/idle", idle), "assume_role_session_name: is not used without assume_role_arn")
	m.warns(m.write("roles/chained", map[string]any{"credential_type": roles.AssumedRole, "role_arns": chain, "assume_role_arn": otherHub, "default_sts_ttl": "2h"}),
		"default_sts_ttl: 2h0m0s is more than 1h0m0s")
}

// Sessions of roles are assumed from the hub, with an external ID for each, and last an hour.
func TestSessionByAnotherAccount(t *testing.T) {
	t.Parallel()
	m, there := newAccounts(t)
	there.AddRoleExternalID("hub", "of-hub")
	there.AddRoleExternalID("app", "of-the-app")
	there.SetTrust("app", other)
	there.SetMaxSession("app", 12*time.Hour)
	role := map[string]any{"credential_type": roles.AssumedRole, "role_arns": "arn:aws:iam::" + other + ":role/app", "assume_role_arn": otherHub,
		"external_id": "of-the-app", "assume_role_external_id": "of-hub", "assume_role_session_name": "vault-hub"}
	m.write("roles/app", role)
	resp := m.do(logical.ReadOperation, "creds/app", map[string]any{"ttl": "2h"})
	m.warns(resp, "ttl: cut from 2h0m0s to 1h0m0s")
	sessions := there.Sessions()
	if len(sessions) != 2 || sessions[0].SessionName != "vault-hub" || sessions[1].ExternalID != "of-the-app" || sessions[1].Duration != time.Hour {
		t.Errorf("sessions: %+v", sessions)
	}
	m.worksAs(resp, "arn:aws:sts::"+other+":assumed-role/app/")
	user := maps.Clone(role)
	maps.Copy(user, map[string]any{"credential_type": roles.IAMUser, "role_arns": "", "policy_arns": readOnly, "external_id": "of-hub", "assume_role_external_id": ""})
	m.write("roles/user", user)
	m.revoke(m.creds("user"))
}

func TestPatternsOfRoleARNs(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t)
	for _, name := range []string{"team-a", "team-b", "admin"} {
		m.aws.AddRole(name)
	}
	arn := "arn:aws:iam::" + home + ":role/"
	m.write("roles/teams", map[string]any{"credential_type": roles.AssumedRole, "role_arns": arn + "team-*"})
	if text := m.refused(logical.ReadOperation, "creds/teams", nil); !strings.Contains(text, "role_arn: is missing") {
		t.Errorf("refused with %q", text)
	}
	for _, name := range []string{"team-a", "team-b"} {
		m.worksAs(m.do(logical.ReadOperation, "creds/teams", map[string]any{"role_arn": arn + name}), "arn:aws:sts::"+home+":assumed-role/"+name+"/")
	}
	for _, bad := range []string{arn + "admin", arn + "team-*", arn + "team-x/admin", "arn:aws:iam::210987654321:role/team-a"} {
		if text := m.refused(logical.ReadOperation, "creds/teams", map[string]any{"role_arn": bad}); !strings.Contains(text, "is not among the role_arns") {
			t.Errorf("%s: refused with %q", bad, text)
		}
	}
	// What the built-in engine stored meant no role at all, and still does.
	m.keep("role/old", `{"credential_types":["assumed_role"],"role_arns":["`+arn+`team-*"],"version":1}`)
	if text := m.refused(logical.ReadOperation, "creds/old", map[string]any{"role_arn": arn + "team-a"}); !strings.Contains(text, "is not among the role_arns") {
		t.Errorf("refused with %q", text)
	}
}
