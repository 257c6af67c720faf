// SPDX-License-Identifier: MPL-2.0

package backend

// What the runs beside strangers have shown, each by itself.

import (
	"testing"
	"time"

	"github.com/hashicorp/vault/sdk/framework"
	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/users"
	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

// A copy of the storage proves its users with the same key as this mount, and a template
// without a random part gives them the same names.
func TestUserOfACopyIsNoneOfOurs(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t, noRetries, map[string]any{"username_template": "v-{{.PolicyName}}"})
	m.mustTick()
	copied := &mount{t: t, ctx: m.ctx, aws: m.aws, system: m.system}
	fill(copied, m.storage.dump(t))
	copied.pass(time.Second) // the tags tell when a request began in whole seconds
	copied.start()
	held := copied.creds("developer-access")
	m.aws.Inject(fakeaws.Fault{Action: "CreateUser", Kind: fakeaws.LostAnswer, Times: 1}) // AWS said that there is such a user
	m.fails(logical.ReadOperation, "creds/developer-access", nil)
	m.has("v-developer-access", true)
	m.age(users.DefaultLateWindow)
	_ = m.tick() // which complains that the record's user may be somebody else's
	m.has("v-developer-access", true)
	copied.revoke(held)
	m.noUsers()
}

// A user of the first edition is gone, and somebody made another one under its name.
func TestUserMadeAnewUnderANameOfTheFirstEditionStays(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t)
	issued := m.now()
	m.put(recordKey("somebody"), &userRecord{Role: "r", AccessKeyID: "AKIAIOSFODNN7EXAMPLE", Issued: issued, Ends: issued.Add(time.Hour), Written: issued})
	m.start()
	m.age(3 * time.Hour)
	m.aws.AddUser("somebody")
	_ = m.tick()
	m.fails(logical.DeleteOperation, "issued/somebody", nil)
	m.has("somebody", true)
}

// An entry of the WAL stays as long as AWS does not let the engine look whose the user is.
func TestEntryOfTheWALWaitsForPermissionToLook(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t, noRetries)
	key := m.aws.AddUser("unproven")
	m.put(framework.WALPrefix+"entry", &framework.WALEntry{Kind: walKindUser, Data: walUser{UserName: "unproven"}, CreatedAt: m.now().Unix()})
	denied := m.aws.Inject(fakeaws.Fault{Action: "GetUser", Kind: fakeaws.Refuse})
	m.start()
	m.age(10 * time.Minute)
	if err := m.tick(); err == nil {
		t.Errorf("nobody hears that AWS does not let the engine look at the user with %s", key.AccessKeyID)
	}
	m.has("unproven", true)
	m.recorded(1)
	denied.Remove()
	m.mustTick()
	m.has("unproven", false)
	m.recorded(0)
}

// A clock that was wrong for a while keeps no user for the years that it was ahead.
func TestClockThatWasAheadKeepsNoUser(t *testing.T) {
	t.Parallel()
	const ahead = 10 * 365 * 24 * time.Hour
	for name, leave := range map[string]func(m *mount){
		"being made": func(m *mount) {
			m.pass(ahead)
			m.aws.Inject(fakeaws.Fault{Action: "DeleteUser", Kind: fakeaws.Refuse})
			m.aws.Inject(fakeaws.Fault{Action: "CreateUser", Kind: fakeaws.LostAnswer})
			m.fails(logical.ReadOperation, "creds/developer-access", nil)
		},
		"to be deleted": func(m *mount) {
			user := m.user(m.creds("developer-access"))
			m.pass(ahead)
			m.aws.Inject(fakeaws.Fault{Action: "DeleteUser", Kind: fakeaws.Unavailable})
			m.fails(logical.DeleteOperation, "issued/"+user, nil)
		},
	} {
		for _, restarts := range []bool{false, true} {
			m := newConfiguredMount(t, noRetries)
			leave(m)
			m.aws.ClearFaults()
			m.pass(-ahead)
			if restarts {
				m.start()
			}
			for range 3 {
				m.age(users.DefaultLateWindow + time.Minute)
				_ = m.tick()
			}
			if issued, creating := m.recordsByState(); issued+creating > 0 || len(m.aws.Users()) > 0 {
				t.Errorf("%s, restarts %v: %d records, users %v", name, restarts, issued+creating, m.aws.Users())
			}
		}
	}
}

// The first creation after config/root was written fails: its record says which account it
// was made in, although nobody knew that when it began.
func TestFirstCreationElsewhereIsRememberedThere(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t, noRetries)
	m.revoke(m.creds("developer-access"))
	m.mustTick()
	home, elsewhere := m.aws, fakeaws.New(t, fakeaws.WithAccount("210987654321"))
	lead := func(aws *fakeaws.Server) {
		key := aws.RootKey()
		m.write("config/root", map[string]any{"access_key": key.AccessKeyID, "secret_key": key.SecretAccessKey, "iam_endpoint": aws.URL(), "sts_endpoint": aws.URL()})
	}
	lead(elsewhere)
	elsewhere.Inject(fakeaws.Fault{Kind: fakeaws.Cut, After: 1})
	m.fails(logical.ReadOperation, "creds/developer-access", nil)
	elsewhere.ClearFaults()
	lead(home)
	m.age(time.Hour)
	if err := m.tick(); err == nil {
		t.Error("nobody hears of the user in another account")
	}
	m.recorded(1)
	lead(elsewhere)
	m.age(2 * time.Hour)
	m.mustTick()
	m.recorded(0)
	if left := elsewhere.Users(); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}
