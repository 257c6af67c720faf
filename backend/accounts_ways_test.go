// SPDX-License-Identifier: MPL-2.0

package backend

// Several ways into one account: the hub that made a user may have been replaced since, ask for
// another external ID, or lead to the account of config/root.

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/vault/sdk/framework"
	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/roles"
	"vault-plugin-secrets-aws-dyn/backend/staticrole"
	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

const (
	otherHub2 = "arn:aws:iam::" + other + ":role/hub2"
	homeHub   = "arn:aws:iam::" + home + ":role/hub"
)

// replaceHub removes the hub, which the role payments leads to, for another.
func (m *mount) replaceHub(there *fakeaws.Server) {
	m.t.Helper()
	there.SetTrust("hub2", home)
	m.write("roles/payments", map[string]any{"assume_role_arn": otherHub2})
	there.RemoveRole("hub")
	m.start()
}

// A user can be ended by any hub of its account that a role leads to: its own may have been replaced.
func TestUserOfAReplacedHubEnds(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(m *mount, creds *logical.Response){
		"revoke": func(m *mount, creds *logical.Response) { m.revoke(creds) },
		"sweep": func(m *mount, _ *logical.Response) {
			m.age(800 * time.Hour)
			m.mustTick()
		},
		"its role is gone, and another leads there": func(m *mount, creds *logical.Response) {
			m.write("roles/others", map[string]any{"policy_arns": readOnly, "assume_role_arn": otherHub2})
			m.do(logical.DeleteOperation, "roles/payments", nil)
			m.revoke(creds)
		},
		"a record leads there": func(m *mount, creds *logical.Response) {
			later := m.creds("payments")
			m.do(logical.DeleteOperation, "roles/payments", nil)
			m.revoke(creds)
			m.revoke(later)
		},
		"deleted by name": func(m *mount, creds *logical.Response) {
			m.do(logical.DeleteOperation, "issued/"+m.user(creds), nil)
		},
		"deleted by name, its record unreadable": func(m *mount, creds *logical.Response) {
			m.write("roles/a", map[string]any{"policy_arns": readOnly, "assume_role_arn": otherHub}) // which is gone
			m.leave(recordKey(m.user(creds)), `{`)
			m.start()
			m.do(logical.DeleteOperation, "issued/"+m.user(creds), nil)
		},
		"tidy finds that it is gone": func(m *mount, creds *logical.Response) {
			m.aws.Account(other).RemoveUser(m.user(creds))
			m.age(time.Hour)
			m.tidy(nil)
			m.registered(0)
		},
		"an MFA device that AWS has kept": func(m *mount, creds *logical.Response) {
			r, err := loadRecord(m.ctx, m.storage, m.user(creds))
			if err == nil {
				_, err = framework.PutWAL(m.ctx, m.storage, walKindDevice, walDevice{Serial: "arn:aws:iam::" + other + ":mfa/left", AssumeRole: r.AssumeRole})
			}
			if err != nil {
				m.t.Fatal(err)
			}
			m.mustTick()
			m.mustNotMirror()
			m.revoke(creds)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m, there := newAccounts(t, noRetries)
			creds := m.creds("payments")
			m.mustTick()
			m.replaceHub(there)
			end(m, creds)
			if users := there.Users(); len(users) > 0 {
				t.Errorf("left behind for good: %v", users)
			}
			m.aws.Forgive()
		})
	}
}

// The same where the hub got another external ID, in AWS and at the role.
func TestUserOfAnOlderExternalIDEnds(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t, noRetries)
	there := m.aws.Account(other)
	there.AddRoleExternalID("hub", "first")
	m.write("roles/payments", map[string]any{"policy_arns": readOnly, "assume_role_arn": otherHub, "external_id": "first"})
	creds := m.creds("payments")
	there.AddRoleExternalID("hub", "second")
	m.write("roles/payments", map[string]any{"external_id": "second"})
	m.start()
	m.revoke(creds)
	m.noUsers()
	m.aws.Forgive()
}

// A way that leads elsewhere is none, and where no way is allowed the error says what AWS said of the user's own.
func TestOnlyWaysIntoTheAccountAreTried(t *testing.T) {
	t.Parallel()
	m, there := newAccounts(t, noRetries)
	creds := m.creds("payments")
	third := m.aws.Account("333333333333")
	third.SetTrust("hub", home)
	third.AddUser(m.user(creds))
	m.aws.AddUser(m.user(creds))
	m.write("roles/payments", map[string]any{"assume_role_arn": "arn:aws:iam::333333333333:role/hub"})
	there.RemoveRole("hub")
	m.start()
	if _, err := m.lease(logical.RevokeOperation, creds); err == nil || !strings.Contains(err.Error(), otherHub) {
		t.Errorf("revoked with %v", err)
	}
	for _, account := range []*fakeaws.Server{third, m.aws} {
		if _, exists := account.User(m.user(creds)); !exists {
			t.Error("a user of the same name in another account was deleted")
		}
	}
	there.SetTrust("hub", home)
	m.revoke(creds)
}

// However many roles lead to an account, few are tried.
func TestWaysAreBounded(t *testing.T) {
	t.Parallel()
	m, there := newAccounts(t, noRetries)
	creds := m.creds("payments")
	there.RemoveRole("hub")
	for _, name := range strings.Split("abcdefghij", "") {
		m.write("roles/"+name, map[string]any{"policy_arns": readOnly, "assume_role_arn": otherHub + "-" + name})
	}
	m.start()
	m.aws.ResetCalls()
	if _, err := m.lease(logical.RevokeOperation, creds); err == nil {
		t.Error("revoked, although AWS refuses all ways")
	}
	if n := m.calls("AssumeRole", other); n > 5 {
		t.Errorf("%d calls of AssumeRole for one user", n)
	}
	there.SetTrust("hub", home)
	m.revoke(creds)
	m.aws.Forgive()
}

// A hub into the account of config/root is another way into it.
func TestHubIntoTheAccountOfConfigRoot(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t, noRetries)
	m.aws.SetTrust("hub", home)
	m.write("roles/by-hub", map[string]any{"policy_arns": readOnly, "assume_role_arn": homeHub})
	creds := m.creds("by-hub")
	m.mustTick()
	m.age(2 * time.Hour)
	status := m.tidy(map[string]any{"safety_buffer": "1h"})
	if fmt.Sprint(status["pages"]) != "1" {
		t.Errorf("tidy went through the account more than once: %v", status)
	}
	m.do(logical.DeleteOperation, "roles/by-hub", nil)
	m.aws.RemoveRole("hub")
	m.start()
	m.revoke(creds)
	m.noUsers()
	m.aws.Forgive()
}

// max_users of config/users counts an account, however its users are reached: a hub into the account of
// config/root is no second account.
func TestCapCountsTheHomeAccountOnce(t *testing.T) {
	t.Parallel()
	for _, order := range [][2]string{{"developer-access", "by-hub"}, {"by-hub", "developer-access"}} {
		for _, restart := range []bool{false, true} {
			m := newConfiguredMount(t)
			m.aws.SetTrust("hub", home)
			m.write("roles/by-hub", map[string]any{"policy_arns": readOnly, "assume_role_arn": homeHub})
			m.write("config/users", map[string]any{"max_users": 1})
			first := m.creds(order[0])
			if restart {
				m.start()
			}
			resp, err := m.ask(logical.ReadOperation, "creds/"+order[1], nil)
			if text, status := outcome(resp, err); status != 400 || !strings.Contains(text, "max_users") || strings.Contains(text, home) {
				t.Errorf("%v, restart %v: a second user in an account that may have one: %d %s", order, restart, status, text)
				m.revoke(resp)
			}
			m.revoke(first)
		}
	}
}

// A hub that is out of reach is asked for once a run of tidy, and not at each of its calls.
func TestTidyAsksALostHubOnce(t *testing.T) {
	t.Parallel()
	m, _ := newAccounts(t)
	m.mustTick()
	creds := m.creds("payments")
	orphans := []string{m.user(m.creds("payments")), m.user(m.creds("payments")), m.user(m.creds("payments")), m.user(m.creds("payments"))}
	m.age(time.Minute)
	m.mustTick()
	for _, user := range orphans {
		m.unrecorded(user)
	}
	m.mustTick()
	m.age(2 * time.Hour)
	m.write("roles/a", map[string]any{"policy_arns": readOnly, "assume_role_arn": "arn:aws:iam::" + other + ":role/a-hub-that-is-gone"})
	status := m.tidy(map[string]any{"safety_buffer": "1h"})
	refused := 0
	for _, c := range m.aws.Calls() {
		if c.Action == "AssumeRole" && c.Status >= 400 {
			refused++
		}
	}
	if refused != 1 {
		t.Errorf("AWS refused AssumeRole %d times in one run over %d users", refused, len(orphans))
	}
	if status["error"] != "" || len(status["found"].([]map[string]any)) != len(orphans) {
		t.Errorf("the run by the other hub: %v, %v", status["error"], status["found"])
	}
	m.revoke(creds)
	m.aws.Forgive()
}

// A role of the deprecated form issues IAM users and federation tokens. With assume_role_arn its tokens would be of the
// account of config/root, so the write is refused, and where another edition has stored it, sts/ is.
func TestTokenOfTheWrongAccount(t *testing.T) {
	t.Parallel()
	m, _ := newAccounts(t)
	m.write("roles/old", map[string]any{"policy": s3Only})
	if told := m.refused(logical.UpdateOperation, "roles/old", map[string]any{"assume_role_arn": otherHub}); !strings.HasPrefix(told, "assume_role_arn: ") || !strings.Contains(told, roles.FederationToken) {
		t.Errorf("refused with %s", told)
	}
	m.write("roles/old", map[string]any{"assume_role_arn": otherHub, "credential_type": roles.IAMUser})
	m.revoke(m.creds("old"))
	m.leave("role/stored", `{"credential_types":["iam_user","federation_token"],"policy_document":`+quoted(s3Only)+`,"assume_role_arn":"`+otherHub+`","version":1}`)
	m.leave("role/alone", `{"credential_types":["session_token"],"assume_role_arn":"`+otherHub+`","version":1}`)
	for _, path := range []string{"sts/stored", "sts/alone"} {
		if told := m.refused(logical.ReadOperation, path, nil); !strings.HasPrefix(told, "assume_role_arn: ") {
			t.Errorf("%s: refused with %s", path, told)
		}
	}
	m.revoke(m.creds("stored"))
}

// A stray key of a static role is looked for by the way that the role has now.
func TestStrayKeyOfAReplacedHub(t *testing.T) {
	t.Parallel()
	m, there := newAccounts(t, noRetries)
	key := there.AddUser("app")
	there.Adopt("app")
	m.write("static-roles/app", map[string]any{"username": "app", "rotation_period": "24h", "assume_role_arn": otherHub, "replace_access_key": key.AccessKeyID})
	there.SetTrust("hub2", home)
	m.write("static-roles/app", map[string]any{"assume_role_arn": otherHub2})
	there.RemoveRole("hub")
	m.start()
	stray := map[string]any{"role": "app", "username": "app", "made": m.now().Add(-time.Hour), "assume_role_arn": otherHub}
	if _, err := framework.PutWAL(m.ctx, m.storage, staticrole.WALKind, stray); err != nil {
		t.Fatal(err)
	}
	m.write("static-roles/app/rotate", nil)
	m.mustTick()
	m.mustNotMirror() // nothing is left in the WAL
	m.do(logical.DeleteOperation, "static-roles/app", nil)
	m.aws.Forgive()
}
