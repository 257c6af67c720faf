// SPDX-License-Identifier: MPL-2.0

package backend

// Whose a user is, where its name does not tell and part of what did is gone.

import (
	"testing"
	"time"

	"github.com/hashicorp/vault/sdk/framework"
	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

// AWS's own ID of the user proves it, and is written down when CreateUser has told it.
func TestFailedCreationOfARepeatedNameEnds(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t, repeatingOnce)
	m.write("config/users", map[string]any{"ownership_tags": false})
	m.revoke(m.creds("developer-access"))
	a := m.aws.Inject(fakeaws.Fault{Action: "CreateAccessKey", Kind: fakeaws.Refuse})
	b := m.aws.Inject(fakeaws.Fault{Action: "DeleteUser", Kind: fakeaws.Unavailable})
	m.fails(logical.ReadOperation, "creds/developer-access", nil)
	a.Remove()
	b.Remove()
	m.age(time.Hour)
	if err := m.tick(); err != nil {
		t.Error(err)
	}
	m.noUsers()
	m.recorded(0)
}

// The key proved whose the user is, and is gone when AWS did not delete the user.
func TestProofByKeyOutlivesTheKey(t *testing.T) {
	t.Parallel()
	for name, recorded := range map[string]bool{"with a record": true, "without a record": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newConfiguredMount(t, repeatingOnce)
			creds := m.creds("developer-access")
			m.age(30 * time.Minute)
			m.untag(repeated) // as if the first edition had made it
			for _, field := range []string{"user_id", "edition", "registered"} {
				delete(creds.Secret.InternalData, field)
			}
			creds.Secret.InternalData["created"] = m.now().Add(-10 * time.Hour).Format(time.RFC3339)
			m.unrecorded(repeated)
			if recorded {
				m.put(recordKey(repeated), &userRecord{Role: "developer-access", AccessKeyID: creds.Data["access_key"].(string), Issued: m.now().Add(-10 * time.Hour), Ends: m.now().Add(time.Hour)})
			}
			m.start()
			m.mustTick()
			failing := m.aws.Inject(fakeaws.Fault{Action: "DeleteUser", Kind: fakeaws.Throttle})
			for range 2 {
				if resp, err := m.lease(logical.RevokeOperation, creds); well(resp, err) {
					t.Error("a revocation went well, and should not have")
				}
			}
			failing.Remove()
			m.revoke(creds)
			m.noUsers()
			m.registered(0)
		})
	}
}

// A user that another mount has made, by its tags, is not taken for one of the first edition.
func TestEntryOfTheFirstEditionLeavesAnotherMountsUserAlone(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t, repeating)
	other := m.copied()
	other.id = "another-mount"
	other.start()
	creds := other.creds("developer-access")
	m.put("wal/some", &framework.WALEntry{Kind: walKindUser, Data: walUser{UserName: repeated}, CreatedAt: m.now().Add(-time.Minute).Unix()})
	m.mustTick()
	m.has(repeated, true)
	other.revoke(creds)
}
