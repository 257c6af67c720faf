// SPDX-License-Identifier: MPL-2.0

package backend

// Tags that somebody has forged, and a copy of the storage that is started elsewhere.

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/url"
	"testing"
	"time"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/engine"
	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

// copyTags gives a user all tags of another, as somebody who may tag users and read them can.
func (m *mount) copyTags(from, to string) {
	m.t.Helper()
	user, _ := m.aws.User(from)
	for key, value := range user.Tags {
		m.call("TagUser", url.Values{"UserName": {to}, "Tags.member.1.Key": {key}, "Tags.member.1.Value": {value}})
	}
}

// Who may tag users, and not delete any, cannot have tidy do it.
func TestForgedTagsDeleteNobody(t *testing.T) {
	t.Parallel()
	for name, forge := range map[string]func(m *mount, ours string){
		"the mount's tag":  func(m *mount, _ string) { m.tag("alice", "aws-dyn/"+mountID) },
		"all tags of ours": func(m *mount, ours string) { m.copyTags(ours, "alice") },
		"a made-up proof": func(m *mount, ours string) {
			m.copyTags(ours, "alice")
			m.call("TagUser", url.Values{"UserName": {"alice"}, "Tags.member.1.Key": {tagProof}, "Tags.member.1.Value": {m.b.(*backend).Term() + "/AAAA"}})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newConfiguredMount(t)
			m.mustTick()
			creds := m.creds("developer-access")
			m.aws.AddUser("alice")
			forge(m, m.user(creds))
			m.aws.Age(2 * time.Hour)
			for _, order := range []map[string]any{deleting, {"delete": true, "restored": true}} {
				m.told(m.tidy(order), map[string]any{"deleted_count": 0, "unproven_count": 1, "found_count": 1})
			}
			m.has("alice", true)
			m.revoke(creds)
		})
	}
}

// Tags of ours are worth nothing on a user that somebody has made anew under its name, as Terraform does that has
// imported it: AWS says that the user is younger than they say.
func TestTagsOfAUserMadeAnew(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t)
	m.mustTick()
	creds := m.creds("developer-access")
	user := m.user(creds)
	ours, _ := m.aws.User(user)
	for range 10 {
		m.minutes(4)
	}
	m.revoke(creds)
	m.aws.AddUser(user)
	for key, value := range ours.Tags {
		m.call("TagUser", url.Values{"UserName": {user}, "Tags.member.1.Key": {key}, "Tags.member.1.Value": {value}})
	}
	for range 30 {
		m.minutes(4)
	}
	for _, order := range []map[string]any{deleting, {"delete": true, "restored": true}} {
		m.told(m.tidy(order), map[string]any{"deleted_count": 0, "unproven_count": 1, "found_count": 1})
	}
	m.has(user, true)
}

// The engine's own user stays whatever its tags say, and whatever config/root says of a role.
func TestTidySparesTheEnginesOwnUser(t *testing.T) {
	t.Parallel()
	for name, more := range map[string]map[string]any{"itself": {}, "as a role": {"role_arn": "arn:aws:iam::" + homeNumber + ":role/vault"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newMount(t)
			m.aws.AddRole("vault")
			m.configure(more)
			m.write("roles/developer-access", map[string]any{"policy_arns": readOnly})
			m.mustTick()
			const own = "vault-root"
			b := m.b.(*backend)
			key, err := engine.Load[struct {
				Key []byte `json:"key"`
			}](m.ctx, m.storage, engine.KeyOwnership)
			if err != nil || key == nil {
				t.Fatal("no key of the proofs", err)
			}
			created := m.now().UTC().Format(time.RFC3339)
			mac := hmac.New(sha256.New, key.Key)
			fmt.Fprintf(mac, "%s\n%s\n%s", own, created, b.Term())
			m.tag(own, "aws-dyn/"+mountID)
			for k, v := range map[string]string{tagCreated: created, tagProof: b.Term() + "/" + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))} { // nobody can, but be it
				m.call("TagUser", url.Values{"UserName": {own}, "Tags.member.1.Key": {k}, "Tags.member.1.Value": {v}})
			}
			m.aws.Age(2 * time.Hour)
			m.told(m.tidy(map[string]any{"delete": true, "restored": true}), map[string]any{"deleted_count": 0, "found_count": 0})
			m.has(own, true)
			m.revoke(m.creds("developer-access"))
		})
	}
}

// drill starts another server from a copy of the storage; nobody asks it for anything.
func (m *mount) drill() *mount {
	m.t.Helper()
	copied := newStorage()
	for key, value := range m.storage.dump(m.t) {
		if err := copied.Put(m.ctx, &logical.StorageEntry{Key: key, Value: []byte(value)}); err != nil {
			m.t.Fatal(err)
		}
	}
	d := &mount{t: m.t, ctx: m.ctx, storage: copied, aws: m.aws, system: m.system}
	d.ahead.Store(m.ahead.Load())
	return d
}

// A snapshot of a mount with auto-tidy that deletes is started elsewhere as a drill. Users that
// production has made since have no record in it, and are production's.
func TestCopyOfStorageDeletesNothingOfItsOriginal(t *testing.T) {
	t.Parallel()
	for name, how := range map[string]struct{ restart, late bool }{
		"at once": {}, "after hours": {late: true}, "after a restart of production": {restart: true, late: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newConfiguredMount(t)
			m.write("config/auto-tidy", map[string]any{"enabled": true, "delete": true, "interval_duration": "1h", "safety_buffer": "15m"})
			m.mustTick()
			m.tidied()
			snapshot := m.drill()
			if how.restart {
				m.start()
			}
			if how.late {
				for range 4 {
					m.minutes(4) // production goes on
				}
			}
			creds := m.creds("developer-access")
			m.age(20 * time.Minute)
			m.mustTick()
			m.tidied()
			snapshot.ahead.Store(m.ahead.Load())
			snapshot.start()
			for hour := range 30 {
				snapshot.mustTick()
				snapshot.tidied()
				if hour == 0 {
					snapshot.warns(snapshot.do(logical.ReadOperation, "tidy/status", nil), "only report until")
				}
				snapshot.age(time.Hour) // days go by, in which nobody looks
			}
			snapshot.told(snapshot.tidied(), map[string]any{"scheduled": true, "deleted_count": 0})
			m.has(m.user(creds), true)
			snapshot.told(snapshot.tidy(deleting), map[string]any{"deleted_count": 0}) // not even when asked
			m.has(m.user(creds), true)
			m.ahead.Store(snapshot.ahead.Load())
			m.revoke(creds)
		})
	}
}

// AWS refuses our tags for the users of one role: those of others have them.
func TestTagsThatAWSRefusesForOneRole(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t, noRetries)
	m.write("roles/other", map[string]any{"policy_arns": readOnly})
	m.aws.Inject(fakeaws.Fault{Action: "CreateUser", Kind: fakeaws.Refuse, Times: 1})
	m.revoke(m.creds("other"))
	if tags := m.tags(); len(tags) != len(engine.OwnTags) {
		t.Errorf("tags: %v", tags)
	}
	creds := m.creds("other")
	if user, _ := m.aws.User(m.user(creds)); len(user.Tags) != 0 {
		t.Errorf("tags: %v", user.Tags)
	}
	m.revoke(creds)
}
