// SPDX-License-Identifier: MPL-2.0

package backend

// What a name that repeats leaves behind.

import (
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

// AWS does not delete the user of a name that repeats, and nobody knows until when.
func TestNameIsNotTakenUntilThePast(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t, repeatingOnce)
	creds := m.creds("developer-access")
	stays := m.aws.Inject(fakeaws.Fault{Action: "DeleteUser", Kind: fakeaws.Refuse})
	m.fails(logical.DeleteOperation, "issued/"+m.user(creds), nil)
	m.age(time.Hour)
	_ = m.tick()
	m.age(time.Minute)
	text := m.refused(logical.ReadOperation, "creds/developer-access", nil)
	if _, until, told := strings.Cut(text, "until "); told {
		if at, err := time.Parse(time.RFC3339, strings.Fields(until)[0]); err == nil && at.Before(time.Now().Add(time.Duration(m.ahead.Load()))) {
			t.Errorf("it says that the name is taken until a moment that is past, now %v: %s", time.Now().Add(time.Duration(m.ahead.Load())).UTC(), text)
		}
	}
	stays.Remove()
	m.revoke(creds)
}

// A name is somebody else's, AWS said so, and storage did not take the deletion of the record at that moment.
func TestRecordOfANameThatIsSomebodyElsesGoes(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t, repeatingOnce)
	user := "vault-token-test-developer-access"
	m.aws.AddUser(user)
	m.aws.Adopt(user)
	m.storage.breaks("delete", "issued/")
	m.fails(logical.ReadOperation, "creds/developer-access", nil)
	m.storage.mend()
	for range 48 {
		m.age(time.Hour)
		_ = m.tick()
	}
	if info := m.read("issued/" + user); info != nil {
		t.Errorf("two days later there is still a record: %v; status %v", info["state"], m.read("status")["problems"])
	}
	m.has(user, true)
}
