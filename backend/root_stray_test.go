// SPDX-License-Identifier: MPL-2.0

package backend

// What is taken for a key of ours whose secret was lost, what is not, and a new key
// that AWS cannot make up its mind about.

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/vault/sdk/framework"
	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/rootkey"
	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

// newDoubtfulMount has asked AWS for a root key, and nobody knows what came of it.
func newDoubtfulMount(t *testing.T) *mount {
	t.Helper()
	m := newScheduledMount(t)
	m.aws.Inject(fakeaws.Fault{Action: "CreateAccessKey", User: rootUser, Kind: fakeaws.Cut, Times: 1})
	if text := m.fails(logical.UpdateOperation, "config/rotate-root", nil); !strings.Contains(text, "may have made the key") {
		t.Errorf("the answer is: %s", text)
	}
	m.mustTick()
	m.recorded(1)
	return m
}

// AWS shows the key a while after it was asked for.
func TestRootKeyThatShowsLateIsDeleted(t *testing.T) {
	t.Parallel()
	m := newDoubtfulMount(t)
	m.aws.AddKey(rootUser)
	m.mustTick()
	if len(m.rootKeys()) != 2 {
		t.Error("deleted before AWS can tell of a use")
	}
	m.untilUseIsTold()
	m.oneRootKey()
}

// Whether somebody uses it, nobody may be able to tell.
func TestRootKeyThatShowsLateIsDeletedWhereNobodyCanTell(t *testing.T) {
	t.Parallel()
	for name, fault := range untold {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newDoubtfulMount(t)
			m.aws.ClearFaults()
			m.aws.Inject(fault)
			m.aws.AddKey(rootUser)
			m.untilUseIsTold()
			m.oneRootKey()
		})
	}
}

// It shows after the next rotation went well, and is told from the key of that one.
func TestRootKeyThatShowsAfterTheNextRotationIsDeleted(t *testing.T) {
	t.Parallel()
	m := newDoubtfulMount(t)
	m.rotateRoot()
	m.recorded(1)
	m.aws.AddKey(rootUser)
	m.mustTick()
	if len(m.rootKeys()) != 2 {
		t.Error("deleted before AWS can tell of a use")
	}
	m.untilUseIsTold()
	m.oneRootKey()
}

// A key that was made long after the record is somebody else's.
func TestKeyMadeByHandIsNotTakenForALostOne(t *testing.T) {
	t.Parallel()
	m := newDoubtfulMount(t)
	m.pass(time.Hour)
	other := m.aws.AddKey(rootUser)
	m.mustTick()
	if keys := m.rootKeys(); !slices.Contains(keys, other.AccessKeyID) {
		t.Errorf("AWS has the keys %v", keys)
	}
	m.recorded(0)
}

// The user is gone, with its keys: there is nothing to look for.
func TestLostRootKeyOfAUserThatIsGone(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t)
	m.put(framework.WALPrefix+"0001", map[string]any{
		"type": rootkey.WALKind, "data": map[string]any{"user": "gone", "keep": []string{}}, "created_at": time.Now().Unix(),
	})
	m.mustTick()
	m.recorded(1)
	m.pass(DefaultWALMinAge)
	m.mustTick()
	m.recorded(0)
}

// AWS accepts the key now and then, but never often enough in a row.
func TestRootKeyThatIsAcceptedNowAndThenIsNotProven(t *testing.T) {
	t.Parallel()
	m := newScheduledMount(t)
	for k := range 50 / 4 { // every fourth look; a fault does not count what an earlier one answers
		m.aws.Inject(fakeaws.Fault{Action: "GetUser", Kind: fakeaws.Refuse, After: 4 + 3*k, Times: 1})
	}
	text, status := outcome(m.ask(logical.UpdateOperation, "config/rotate-root", nil))
	if status != 502 || !strings.Contains(text, "refuses it in others") {
		t.Errorf("the answer is %d: %s", status, text)
	}
	if id := m.read("config/root")["access_key"]; id != m.aws.RootKey().AccessKeyID {
		t.Errorf("config/root has %v", id)
	}
	m.aws.ClearFaults()
	m.mustTick()
	m.oneRootKey()
}

// AWS tells of a use of a key some time after it: that a young key looks unused does not make it a stray.
func TestYoungKeyInUseIsNoStray(t *testing.T) {
	t.Parallel()
	for path, user := range map[string]string{"static-roles/app/rotate": "app", "config/rotate-root": "vault-root"} {
		t.Run(user, func(t *testing.T) {
			t.Parallel()
			m := newRotatingMount(t, noRetries)
			m.aws.SetLastUsedDelay(10 * time.Minute)
			m.aws.Inject(fakeaws.Fault{Action: "CreateAccessKey", Kind: fakeaws.ServerError, Times: 1})
			m.fails(logical.UpdateOperation, path, nil)
			customers := m.aws.AddKey(user)
			m.works(customers.AccessKeyID, customers.SecretAccessKey)
			m.mustTick()
			m.works(customers.AccessKeyID, customers.SecretAccessKey)
			m.untilUseIsTold()
			m.works(customers.AccessKeyID, customers.SecretAccessKey)
		})
	}
}
