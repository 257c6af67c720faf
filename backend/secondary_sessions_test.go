// SPDX-License-Identifier: MPL-2.0

package backend

// What a performance secondary knows of sessions: those that it gave, and what its primary has ended.

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/engine"
	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

// withItsOwn is the storage of a secondary with all that is its own: the WAL and the denials.
type withItsOwn struct{ replicated }

func (s withItsOwn) Put(ctx context.Context, e *logical.StorageEntry) error {
	if strings.HasPrefix(e.Key, engine.PrefixDenied) {
		return s.Storage.Put(ctx, e)
	}
	return s.replicated.Put(ctx, e)
}

func (s withItsOwn) Delete(ctx context.Context, key string) error {
	if strings.HasPrefix(key, engine.PrefixDenied) {
		return s.Storage.Delete(ctx, key)
	}
	return s.replicated.Delete(ctx, key)
}

// hears tells a secondary which replicated keys its primary has written since, as Vault does.
func (of *secondary) hears(m *mount, before map[string]string) {
	for key, text := range m.storage.dump(m.t) {
		if before[key] != text && !strings.HasPrefix(key, "wal/") && !strings.HasPrefix(key, engine.PrefixDenied) {
			of.b.InvalidateKey(m.ctx, key)
		}
	}
}

func TestSecondarySharesNoSessionThatThePrimaryEnded(t *testing.T) {
	t.Parallel()
	m := newRevocableMount(t)
	m.write("roles/deploy", map[string]any{"revoke_sessions": false, "share_for": "30m"})
	of := newSecondary(m)
	of.entityID = "e"
	first := of.creds("deploy")
	if same := of.creds("deploy"); same.Data["access_key"] != first.Data["access_key"] {
		t.Fatal("it is not shared")
	}
	before := m.storage.dump(t)
	m.write("roles/deploy/revoke-sessions", nil)
	of.hears(m, before)
	if m.sessionWorks(first) {
		t.Fatal("it was not ended")
	}
	m.aws.SetClock(time.Minute)
	of.ahead.Store(int64(time.Minute))
	if again := of.creds("deploy"); !m.sessionWorks(again) {
		t.Error("a minute later the secondary returns the session once more that AWS refuses")
	}
	m.aws.SetClock(0)
	m.ended()
}

// Storage takes no writes after the sessions were ended: they are, and who asked hears who was not told.
func TestRevokedSessionsOfWhichOthersAreNotTold(t *testing.T) {
	t.Parallel()
	m := newRevocableMount(t)
	creds := m.creds("deploy")
	m.storage.breaks("put", engine.KeySessionsEnded)
	resp := m.do(logical.UpdateOperation, "roles/deploy/revoke-sessions", nil)
	m.warns(resp, "performance standbys and secondaries were not told")
	if m.sessionWorks(creds) {
		t.Error("the session works")
	}
	m.storage.mend()
	m.ended()
}

func TestStatusOfASecondaryTellsOfItsOwnSessions(t *testing.T) {
	t.Parallel()
	m := newRevocableMount(t, noRetries)
	user := m.creds("developer-access")
	other := m.creds("developer-access")
	of := newSecondary(m)
	of.storage.Storage = withItsOwn{replicated{m.storage.Storage}}
	creds := of.creds("deploy")
	of.revoke(user)
	of.mustTick()
	healthy := of.read("status")
	if healthy["records_issued"] != 0 {
		t.Errorf("it counts the primary's records: %v", healthy["records_issued"])
	}
	m.revoke(other)
	if healthy["healthy"] != true || !strings.Contains(strings.Join(healthy["warnings"].([]string), " "), "primary") {
		t.Errorf("nothing is wrong, and it says %v, %v", healthy["problems"], healthy["warnings"])
	}
	m.aws.Inject(fakeaws.Fault{Action: "PutRolePolicy", Kind: fakeaws.Refuse, Code: "AccessDenied", Status: http.StatusForbidden, Message: "no"})
	if _, err := of.lease(logical.RevokeOperation, creds); err == nil {
		t.Fatal("it was revoked")
	}
	if told := of.problems(); !strings.Contains(told, "Sessions of AWS role deploy") {
		t.Errorf("the status of the secondary: %q", told)
	}
	if told := m.problems(); told != "" {
		t.Errorf("the primary tells of another cluster's sessions: %q", told)
	}
	m.aws.ClearFaults()
	of.revoke(creds)
	m.ended()
}
