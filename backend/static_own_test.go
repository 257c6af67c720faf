// SPDX-License-Identifier: MPL-2.0

package backend

// IAM users that no static role may have: the engine's own, and those that it issues.

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/vault/sdk/framework"
	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

// changesNothing checks that a request is refused before it changes anything in AWS.
func (m *mount) changesNothing(path string, data map[string]any, words ...string) {
	m.t.Helper()
	m.aws.ResetCalls()
	text := m.refused(logical.UpdateOperation, path, data)
	for _, word := range words {
		if !strings.Contains(text, word) {
			m.t.Errorf("%s is refused without a word about %q: %s", path, word, text)
		}
	}
	for _, call := range m.aws.Calls() {
		if strings.HasPrefix(call.Action, "Create") || strings.HasPrefix(call.Action, "Delete") {
			m.t.Errorf("%s calls %s", path, call.Action)
		}
	}
}

var engineUser = map[string]any{"username": rootUser, "rotation_period": "24h"}

func TestStaticRoleOfTheEnginesOwnUserIsRefused(t *testing.T) {
	t.Parallel()
	for name, root := range map[string]map[string]any{
		"by its key":          {},
		"that assumes a role": {"role_arn": "arn:aws:iam::123456789012:role/engine"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newMount(t)
			m.aws.AddRole("engine")
			m.configure(root)
			keys := m.rootKeys()
			m.changesNothing("static-roles/x", engineUser, "username", rootUser, "config/rotate-root")
			m.changesNothing("static-roles/x", map[string]any{"username": rootUser, "rotation_period": "24h", "replace_access_key": keys[0]}, "replace_access_key", keys[0])
			if m.read("static-roles/x") != nil {
				t.Error("there is a static role")
			}
		})
	}
}

// The engine finds its key in the environment, and is asked for more than it may read.
func TestStaticRoleOfTheUserFromTheEnvironmentIsRefused(t *testing.T) {
	m := newMount(t)
	key := m.aws.RootKey()
	t.Setenv("AWS_ACCESS_KEY_ID", key.AccessKeyID)
	t.Setenv("AWS_SECRET_ACCESS_KEY", key.SecretAccessKey)
	m.write("config/root", map[string]any{"iam_endpoint": m.aws.URL(), "sts_endpoint": m.aws.URL(), "region": "us-east-1", "max_retries": 0})
	m.changesNothing("static-roles/x", engineUser, "username", "config/rotate-root")
	m.aws.Inject(fakeaws.Fault{Action: "GetUser", Kind: fakeaws.Refuse, After: 1, Times: 1}) // only the question about itself
	m.changesNothing("static-roles/x", engineUser, "username", "config/rotate-root")
}

func TestStaticRoleOfAUserThatTheMountIssuesIsRefused(t *testing.T) {
	t.Parallel()
	m := newStaticMount(t)
	creds := m.creds("developer-access")
	m.changesNothing("static-roles/x", map[string]any{"username": m.user(creds), "rotation_period": "24h"}, "username", m.user(creds), "lease")
	m.revoke(creds)

	m.put(recordKey("APP"), &userRecord{Role: "r", Issued: m.now(), Ends: m.now().Add(time.Hour)}) // AWS does not tell names apart by case
	m.start()
	m.changesNothing("static-roles/x", daily, "username", "lease")
	if err := m.storage.Delete(m.ctx, recordKey("APP")); err != nil {
		t.Fatal(err)
	}
	id, err := framework.PutWAL(m.ctx, m.storage, walKindUser, walUser{UserName: "App"})
	if err != nil {
		t.Fatal(err)
	}
	m.changesNothing("static-roles/x", daily, "username", "lease")
	if err := framework.DeleteWAL(m.ctx, m.storage, id); err != nil {
		t.Fatal(err)
	}
	m.start()
	m.write("static-roles/x", daily)
}

// adoptedBefore is a static role as the first edition stored it, with a key that it made.
func (m *mount) adoptedBefore(user string, made time.Time) (key string) {
	m.t.Helper()
	second := m.aws.AddKey(user)
	client, err := m.b.(*backend).AWS(m.ctx, m.storage)
	if err != nil {
		m.t.Fatal(err)
	}
	found, err := client.LookUpUser(m.ctx, user)
	if err != nil {
		m.t.Fatal(err)
	}
	m.put("static-roles/old", map[string]any{"name": "old", "id": found.ID, "username": user, "rotation_period": 24 * time.Hour})
	m.put("static-creds/old", map[string]any{
		"access_key": second.AccessKeyID, "secret_key": second.SecretAccessKey, "last_rotated": made, "other_access_keys": []string{m.aws.RootKey().AccessKeyID},
	})
	m.start()
	return second.AccessKeyID
}

func TestStaticRoleThatTheFirstEditionGaveTheEnginesUser(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t)
	own := m.aws.RootKey().AccessKeyID
	second := m.adoptedBefore(rootUser, m.now().Add(-25*time.Hour))
	m.mustTick()
	m.hasKeys(rootUser, own, second)
	if told := fmt.Sprint(m.read("static-roles/old")["last_rotation_error"]); !strings.Contains(told, "engine's own identity") || !strings.Contains(told, "Delete the static role") {
		t.Errorf("the role tells %q", told)
	}
	m.changesNothing("static-roles/old/rotate", nil, "engine's own identity")
	m.changesNothing("static-roles/old", map[string]any{"replace_access_key": own}, "replace_access_key", own)
	resp := m.write("static-roles/old", map[string]any{"rotation_period": "48h"})
	if len(resp.Warnings) != 1 || strings.Contains(resp.Warnings[0], "replace_access_key") || !strings.Contains(resp.Warnings[0], "Delete the static role") {
		t.Errorf("warned with %v", resp.Warnings)
	}
	m.do(logical.DeleteOperation, "static-roles/old", nil)
	m.hasKeys(rootUser, own)
	m.aws.Adopt(rootUser)
	m.rotateRoot()
}

// Somebody gave the engine the key of a static role.
func TestStaticRoleWhoseKeyTheEngineWorksWith(t *testing.T) {
	t.Parallel()
	m := newStaticMount(t)
	m.write("static-roles/app", daily)
	creds := m.read("static-creds/app")
	m.write("config/root", map[string]any{"access_key": creds["access_key"], "secret_key": creds["secret_key"]})
	m.pass(25 * time.Hour)
	m.mustTick()
	m.hasKeys("app", creds["access_key"].(string))
	m.warns(m.do(logical.DeleteOperation, "static-roles/app", nil), "stays")
	m.hasKeys("app", creds["access_key"].(string))
	if m.read("static-roles/app") != nil {
		t.Error("the role is there")
	}
}

// The first edition adopted a user that has a lease.
func TestStaticRoleThatTheFirstEditionGaveAnIssuedUser(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t)
	lease := m.creds("developer-access")
	m.adoptedBefore(m.user(lease), m.now().Add(-25*time.Hour))
	before := m.keys(m.user(lease))
	m.mustTick()
	m.hasKeys(m.user(lease), before...)
	if told := fmt.Sprint(m.read("static-roles/old")["last_rotation_error"]); !strings.Contains(told, "this mount issues") {
		t.Errorf("the role tells %q", told)
	}
	m.revoke(lease)
}

// Whatever its tags say, the engine's own user is no orphan.
func TestTidyLeavesTheEnginesOwnUserAlone(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t)
	m.tag(rootUser, "aws-dyn/"+mountID)
	m.age(3 * time.Hour)
	m.told(m.tidy(deleting), map[string]any{"state": "finished", "users_recorded": 1, "found_count": 0, "deleted_count": 0, "errors_count": 0})
	if !slices.Contains(m.rootKeys(), m.aws.RootKey().AccessKeyID) {
		t.Error("the engine has lost its key")
	}
}
