// SPDX-License-Identifier: MPL-2.0

package backend

// What a panic leaves.

import (
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/vault/sdk/logical"
)

// What the engine does once a minute panics, which its log alone would tell.
func TestStatusTellsOfAChoreThatPanics(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t)
	m.mustTick()
	if err := m.panics("list", "wal/", m.request(logical.RollbackOperation, "", nil)); err == nil {
		t.Fatal("no error")
	}
	text := m.problems()
	if !strings.Contains(text, "once a minute failed: rollback") {
		t.Errorf("status says %q, healthy=%v", text, m.read("status")["healthy"])
	}
}

// A request that panics between taking a name and AWS does not count as under way for ever.
func TestPanicGivesThePlaceUnderTheCapBack(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t)
	m.write("roles/developer-access", map[string]any{"max_users": 1})
	m.knowAccount()
	if err := m.panics("put", "issued/", m.request(logical.ReadOperation, "creds/developer-access", nil)); err == nil {
		t.Fatal("no error")
	}
	for range 30 {
		m.pass(time.Minute)
		_ = m.tick()
	}
	if n := m.read("status")["records_making"]; n != 0 {
		t.Errorf("half an hour later a request is still making %v user", n)
	}
	resp, err := m.ask(logical.ReadOperation, "creds/developer-access", nil)
	if text, status := outcome(resp, err); status != 200 {
		t.Fatalf("the cap counts a user that never was: %d %s", status, text)
	}
	m.revoke(resp)
}

// A panic while Vault lets go of a mount does not end the process of the others.
func TestPanicAtTheEndOfAMount(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t)
	b, err := New(Options{Version: "v0.0.1"})(m.ctx, &logical.BackendConfig{Logger: hclog.NewNullLogger(), StorageView: panicking{m.storage, "list", "issued/"}, System: m.system, BackendUUID: mountID})
	if err != nil {
		t.Fatal(err)
	}
	_ = survive(t, func() error { b.Cleanup(m.ctx); return nil })
}
