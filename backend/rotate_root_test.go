// SPDX-License-Identifier: MPL-2.0

package backend

// The engine's own key is made anew, on request.

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/engine"
	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

// rootUser is whose key config/root is given.
const rootUser = "vault-root"

// newScheduledMount is configured without retries, and may leave a new root key behind. AWS
// does not let it ask who uses a key, so the old one goes at once.
func newScheduledMount(t testing.TB, more ...map[string]any) *mount {
	t.Helper()
	m := newConfiguredMount(t, append([]map[string]any{noRetries}, more...)...)
	m.aws.Adopt(rootUser)
	m.aws.Inject(fakeaws.Fault{Action: "GetAccessKeyLastUsed", Kind: fakeaws.Refuse})
	return m
}

func (m *mount) rotateRoot() *logical.Response {
	m.t.Helper()
	m.aws.Settle() // the rotation before was a while ago: see TestRotateRootAfterARestart
	return m.write("config/rotate-root", nil)
}

// rootKeys are the IDs of the keys that AWS has of the engine's own user.
func (m *mount) rootKeys() []string {
	var ids []string
	for _, key := range m.aws.Keys(rootUser) {
		ids = append(ids, key.AccessKeyID)
	}
	return ids
}

// oneRootKey checks that the engine's own user has one key, that it is the one in
// config/root, that it works, and that nothing is left to do.
func (m *mount) oneRootKey() (id string) {
	m.t.Helper()
	keys := m.rootKeys()
	id = m.read("config/root")["access_key"].(string)
	if !slices.Equal(keys, []string{id}) {
		m.t.Errorf("AWS has the keys %v, and config/root has %s", keys, id)
	}
	m.revoke(m.creds("developer-access"))
	m.recorded(0)
	if _, pending := m.storage.dump(m.t)[engine.KeyRootNext]; pending {
		m.t.Error("a new key is still on its way")
	}
	return id
}

func TestRotateRoot(t *testing.T) {
	t.Parallel()
	m := newScheduledMount(t, map[string]any{"region": "eu-central-1", "username_template": "vault-{{ random 20 }}"})
	creds := m.creds("developer-access") // makes the client, which has to go
	before := m.read("config/root")
	resp := m.rotateRoot()
	id := m.oneRootKey()
	if resp.Data["access_key"] != id || id == m.aws.RootKey().AccessKeyID {
		t.Errorf("answered %v, config/root has %s, and began with %s", resp.Data, id, m.aws.RootKey().AccessKeyID)
	}
	if len(resp.Data) != 1 || len(resp.Warnings) > 0 {
		t.Errorf("the answer is %v, with the warnings %v", resp.Data, resp.Warnings)
	}
	after := m.read("config/root")
	for field, value := range before {
		if list, ok := value.([]string); ok && len(list) == 0 || field == "access_key" || field == "last_vault_rotation" {
			continue
		}
		if after[field] != value {
			t.Errorf("%s was %v and is %v", field, value, after[field])
		}
	}
	if after["last_vault_rotation"] == nil {
		t.Error("nothing says that the key was rotated")
	}
	m.revoke(creds)
	m.rotateRoot()
	if again := m.oneRootKey(); again == id {
		t.Error("the second rotation changed nothing")
	}
}

// The old key is deleted by the new one, after AWS accepted that several times in a row.
func TestNewRootKeyIsProvenBeforeTheOldOneGoes(t *testing.T) {
	t.Parallel()
	m := newScheduledMount(t)
	m.aws.SetLag(0, 40*time.Millisecond)
	id := m.rotateRoot().Data["access_key"].(string)
	inARow := 0
	for _, call := range m.aws.Calls() {
		switch {
		case call.Action == "GetUser" && call.AccessKeyID == id && call.Code == "":
			inARow++
		case call.Action == "GetUser" && call.AccessKeyID == id:
			inARow = 0
		case call.Action == "DeleteAccessKey" && (inARow < 5 || call.AccessKeyID != id):
			t.Errorf("the old key was deleted by %s, after the new one was accepted %d times in a row", call.AccessKeyID, inARow)
		}
	}
	m.oneRootKey()
}

// With role_arn the engine works as the role, and rotates the key all the same.
func TestRotateRootRotatesTheKeyAndNotTheRole(t *testing.T) {
	t.Parallel()
	m := newMount(t)
	m.aws.AddRole("vault")
	m.aws.Adopt(rootUser)
	m.configure(map[string]any{"role_arn": "arn:aws:iam::123456789012:role/vault"})
	m.write("roles/developer-access", map[string]any{"policy_arns": readOnly})
	m.rotateRoot()
	for _, call := range m.aws.Calls() {
		if !strings.HasPrefix(call.AccessKeyID, "AKIA") {
			t.Errorf("%s was called as %s", call.Action, call.AccessKeyID)
		}
	}
	m.oneRootKey()
}

func TestRotateRootWithoutAKeyIsRefused(t *testing.T) {
	m := newUnconfiguredMount(t)
	key := m.aws.RootKey()
	t.Setenv("AWS_ACCESS_KEY_ID", key.AccessKeyID)
	t.Setenv("AWS_SECRET_ACCESS_KEY", key.SecretAccessKey)
	text := m.refused(logical.UpdateOperation, "config/rotate-root", nil)
	if !strings.Contains(text, "access_key") || !strings.Contains(text, "environment") {
		t.Errorf("the answer is: %s", text)
	}
	if calls := m.aws.Calls(); len(calls) > 0 {
		t.Errorf("AWS was called: %v", calls)
	}
}

// A second key is somebody's: it stays, and the answer says which is whose.
func TestRotateRootLeavesTheSecondKeyAlone(t *testing.T) {
	t.Parallel()
	m := newScheduledMount(t)
	other := m.aws.AddKey(rootUser)
	before := m.storage.dump(t)
	text := m.refused(logical.UpdateOperation, "config/rotate-root", nil)
	own := m.aws.RootKey().AccessKeyID
	for _, want := range []string{own + ", which is the engine's own", other.AccessKeyID, rootUser, "aws iam delete-access-key"} {
		if !strings.Contains(text, want) {
			t.Errorf("the answer does not say %q: %s", want, text)
		}
	}
	m.pass(DefaultWALMinAge)
	m.mustTick()
	if keys := m.rootKeys(); !slices.Equal(keys, []string{own, other.AccessKeyID}) {
		t.Errorf("AWS has the keys %v", keys)
	}
	after := m.storage.dump(t)
	maps.DeleteFunc(after, func(key, _ string) bool { return slices.Contains(keptByTicks, key) })
	if len(after) != len(before) {
		t.Errorf("stored now: %v", after)
	}
}

// A key that AWS never accepts is given up after a while; the old one serves on.
func TestNewRootKeyThatNeverWorksIsGivenUp(t *testing.T) {
	t.Parallel()
	m := newScheduledMount(t)
	m.aws.SetLag(0, time.Hour)
	text, status := outcome(m.ask(logical.UpdateOperation, "config/rotate-root", nil))
	if status != 502 || !strings.Contains(text, "so far") {
		t.Errorf("the answer is %d: %s", status, text)
	}
	if keys := m.rootKeys(); len(keys) != 2 {
		t.Errorf("AWS has the keys %v", keys)
	}
	m.revoke(m.creds("developer-access"))
	m.pass(DefaultWALMinAge)
	if err := m.tick(); err == nil || !strings.Contains(err.Error(), "never accepted") {
		t.Errorf("the tick said: %v", err)
	}
	if err, _ := m.read("config/root")["rotation_error"].(string); !strings.Contains(err, "never accepted") {
		t.Errorf("config/root shows the error %q", err)
	}
	if id := m.oneRootKey(); id != m.aws.RootKey().AccessKeyID {
		t.Errorf("the engine has %s", id)
	}
	m.aws.SetLag(0, 0)
	m.rotateRoot()
	m.oneRootKey()
	if err := m.read("config/root")["rotation_error"]; err != nil {
		t.Errorf("config/root still shows the error %v", err)
	}
}

// The old key cannot be deleted: the new one serves, the answer says so, and the engine
// goes on trying.
func TestOldRootKeyThatCannotBeDeletedIsTold(t *testing.T) {
	t.Parallel()
	m := newScheduledMount(t)
	met := m.aws.Inject(fakeaws.Fault{Action: "DeleteAccessKey", User: rootUser, Kind: fakeaws.Refuse})
	resp := m.rotateRoot()
	if len(resp.Warnings) != 1 || !strings.Contains(resp.Warnings[0], m.aws.RootKey().AccessKeyID) {
		t.Errorf("the warnings are %v", resp.Warnings)
	}
	if err := m.tick(); err == nil || !strings.Contains(err.Error(), "deleting the old access key") {
		t.Errorf("the tick said: %v", err)
	}
	if err, _ := m.read("config/root")["rotation_error"].(string); !strings.Contains(err, "AccessDenied") {
		t.Errorf("config/root shows the error %q", err)
	}
	text := m.refused(logical.UpdateOperation, "config/rotate-root", nil)
	if !strings.Contains(text, "deleting the old access key") {
		t.Errorf("another rotation heard: %s", text)
	}
	met.Remove()
	m.mustTick()
	if id := m.oneRootKey(); id != resp.Data["access_key"] {
		t.Errorf("config/root has %s", id)
	}
}

// The secret of a new key is nowhere but where Vault seals it once more.
func TestNewRootKeyIsSealed(t *testing.T) {
	t.Parallel()
	m := newScheduledMount(t)
	m.aws.SetLag(0, time.Hour)
	m.fails(logical.UpdateOperation, "config/rotate-root", nil)
	sealed := m.b.SpecialPaths().SealWrapStorage
	found := false
	for _, key := range m.aws.Keys(rootUser) {
		for at, value := range m.storage.dump(t) {
			if strings.Contains(value, key.SecretAccessKey) {
				found = true
				if !slices.Contains(sealed, at) {
					t.Errorf("%s holds a secret and is not sealed", at)
				}
			}
		}
	}
	if !found {
		t.Error("no secret found: is the test looking in the right place?")
	}
	m.pass(DefaultWALMinAge)
	_ = m.tick()
	m.oneRootKey()
}

// Right after a rotation AWS may still show the key that it deleted, and count it. It is no stranger's.
func TestRotateRootAgainAtOnce(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t)
	m.aws.Adopt(rootUser)
	m.rotateRoot()
	m.write("config/rotate-root", nil)
	m.oneRootKey()
}

// The old key may have been left by the rotation before, so that it goes right before the new one is made.
func TestRotateRootEndsTheKeyOfTheLastRotationFirst(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t)
	m.aws.Adopt(rootUser)
	kept := m.aws.Inject(fakeaws.Fault{Action: "DeleteAccessKey", Kind: fakeaws.Refuse})
	m.rotateRoot()
	kept.Remove()
	m.write("config/rotate-root", nil)
	m.oneRootKey()
}

// A process that has just started does not know what the one before it deleted. Waiting helps.
func TestRotateRootAfterARestart(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t)
	m.aws.Adopt(rootUser)
	old := m.aws.RootKey().AccessKeyID
	m.rotateRoot()
	m.start()
	if text := m.refused(logical.UpdateOperation, "config/rotate-root", nil); !strings.Contains(text, old+", which is not in config/root") ||
		!strings.Contains(text, "If a rotation deleted it a moment ago, AWS still shows it: rotate again in a minute") {
		t.Errorf("the refusal says %q", text)
	}
	m.rotateRoot()
	m.oneRootKey()
}
