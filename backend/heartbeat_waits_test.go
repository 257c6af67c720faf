// SPDX-License-Identifier: MPL-2.0

package backend

// A heartbeat that comes while a request waits.

import (
	"testing"
	"time"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/engine"
)

// A request waits until the records are read, for longer than an answer takes; meanwhile a heartbeat counts the
// requests that were answered. The process ends right after the answer.
func TestRequestThatWaitsForTheRecordsIsNotAnswered(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t)
	m.write("config/users", map[string]any{"max_users": 100, "unconfirmed_ttl": "24h"})
	m.mustTick()
	b := m.b.(*backend)
	_, unlock, err := b.Locks.Lock(m.ctx, engine.LockRecords) // who reads all records, from a slow storage
	if err != nil {
		t.Fatal(err)
	}
	b.invalidate(m.ctx, "issued/x") // so that there is something to read
	got := make(chan *logical.Response)
	go func() {
		resp, _ := m.ask(logical.ReadOperation, "creds/developer-access", nil)
		got <- resp
	}()
	m.waitUntil("the request is under way", func() bool { return !m.quiet() })
	m.age(30 * time.Second)
	if err := b.beat(m.ctx, m.storage); err != nil {
		t.Fatal(err)
	}
	unlock()
	creds := <-got
	if creds == nil || creds.IsError() {
		t.Fatalf("%v", creds)
	}
	m.start() // right after the answer
	m.mustTick()
	if info := m.read("issued/" + m.user(creds)); info["unconfirmed"] != true {
		t.Errorf("the process ended right after the answer, and issued/ says unconfirmed %v", info["unconfirmed"])
	}
	m.revoke(creds)
}
