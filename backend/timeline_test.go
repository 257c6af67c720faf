// SPDX-License-Identifier: MPL-2.0

package backend

// How often a life writes storage, and when: the timeline of docs/design.md. That AWS is called in
// two round trips each way is in issue_test.go.

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/engine"
	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

// timedStorage remembers each write of storage, and when it began and ended.
type timedStorage struct {
	logical.Storage
	mu     sync.Mutex
	writes []timedWrite
	done   chan string // what was written, as it ends
}

type timedWrite struct {
	what       string
	start, end time.Time
}

func newTimedStorage(s logical.Storage) *timedStorage {
	return &timedStorage{Storage: s, done: make(chan string, 100)}
}

func (s *timedStorage) time(what string, do func() error) error {
	start := time.Now()
	err := do()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writes = append(s.writes, timedWrite{what, start, time.Now()})
	s.done <- what
	return err
}

func (s *timedStorage) Put(ctx context.Context, entry *logical.StorageEntry) error {
	return s.time("put "+entry.Key, func() error { return s.Storage.Put(ctx, entry) })
}

func (s *timedStorage) Delete(ctx context.Context, key string) error {
	return s.time("delete "+key, func() error { return s.Storage.Delete(ctx, key) })
}

// timed are the calls of AWS since the last reset, by action.
func (m *mount) timed() map[string]fakeaws.Call {
	calls := map[string]fakeaws.Call{}
	for _, call := range m.aws.Calls() {
		calls[call.Action] = call
	}
	return calls
}

// One write before AWS hears of the user, one while AWS is still at work, none afterwards.
func TestACreationWritesStorageTwice(t *testing.T) {
	t.Parallel()
	m := newWideMount(t)
	m.mustTick()
	m.revoke(m.creds("wide")) // what is read once has been read
	m.aws.ResetCalls()
	held := m.aws.Inject(fakeaws.Fault{Action: "PutUserPolicy", Kind: fakeaws.Hang, Times: 1})
	storage := newTimedStorage(m.storage)
	req := m.request(logical.ReadOperation, "creds/wide", nil)
	req.Storage = storage
	answer := make(chan *logical.Response, 1)
	go func() {
		resp, _ := m.b.HandleRequest(m.ctx, req)
		answer <- resp
	}()
	for range 2 { // the second one comes though AWS still owes an answer
		select {
		case <-storage.done:
		case <-time.After(time.Minute):
			t.Fatal("storage is written after AWS's last answer")
		}
	}
	held.Release()
	creds := <-answer
	if creds == nil || creds.IsError() {
		t.Fatal(creds)
	}
	writes, calls := storage.writes, m.timed()
	record := "put " + recordKey(m.user(creds))
	if len(writes) != 2 || writes[0].what != record || writes[1].what != record {
		t.Fatalf("a creation writes %v", writes)
	}
	if !writes[0].end.Before(calls["CreateUser"].Start) {
		t.Error("AWS heard of the user before its record was stored")
	}
	if !writes[1].start.After(calls["CreateAccessKey"].End) {
		t.Error("the record of who holds the key was written without the key")
	}
	m.revoke(creds)
}

// A revocation writes nothing before AWS has deleted the user, and a renewal writes once.
func TestARenewalAndARevocationWriteStorageOnce(t *testing.T) {
	t.Parallel()
	m := newWideMount(t)
	m.mustTick()
	creds := m.creds("wide")
	storage := newTimedStorage(m.storage)
	if resp, err := m.leaseOn(storage, logical.RenewOperation, creds); !well(resp, err) || len(storage.writes) != 1 || !strings.HasPrefix(storage.writes[0].what, "put issued/") {
		t.Errorf("a renewal writes %v: %v %v", storage.writes, resp, err)
	}
	m.aws.ResetCalls()
	storage = newTimedStorage(m.storage)
	if resp, err := m.leaseOn(storage, logical.RevokeOperation, creds); !well(resp, err) {
		t.Fatal(resp, err)
	}
	// A second after the last write, on a busy machine, the engine proves once more that it leads.
	storage.writes = slices.DeleteFunc(storage.writes, func(w timedWrite) bool { return w.what == "put "+engine.KeyHeartbeat })
	if len(storage.writes) != 1 || !strings.HasPrefix(storage.writes[0].what, "delete issued/") || !storage.writes[0].start.After(m.timed()["DeleteUser"].End) {
		t.Errorf("a revocation writes %v", storage.writes)
	}
	if reads := slices.Contains(m.aws.Actions(), "GetUser"); reads {
		t.Error("a user whose name proves it was looked at")
	}
}
