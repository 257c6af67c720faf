// SPDX-License-Identifier: MPL-2.0

package engine

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/vault/sdk/logical"
)

// testMount is a mount whose clock the test moves, and its storage.
type testMount struct {
	*Mount
	t       *testing.T
	storage *countingStorage
	now     time.Time
}

var testStart = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

func newTestMount(t *testing.T) *testMount {
	tm := &testMount{t: t, storage: &countingStorage{Storage: new(logical.InmemStorage)}, now: testStart}
	tm.restart()
	return tm
}

// restart begins a process: only storage and time are left.
func (tm *testMount) restart() {
	tm.Mount = &Mount{Log: hclog.NewNullLogger(), Vault: &logical.StaticSystemView{}, GapCaution: DefaultGapCaution, Now: func() time.Time { return tm.now }}
}

func (tm *testMount) pass(d time.Duration) { tm.now = tm.now.Add(d) }

func (tm *testMount) beat() {
	tm.t.Helper()
	if err := tm.Beat(tm.t.Context(), tm.storage, time.Time{}); err != nil {
		tm.t.Fatal(err)
	}
}

// countingStorage counts writes, and fails them with err.
type countingStorage struct {
	logical.Storage
	mu   sync.Mutex
	puts int
	err  error
}

func (s *countingStorage) Put(ctx context.Context, e *logical.StorageEntry) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.puts++
	if s.err != nil {
		return s.err
	}
	return s.Storage.Put(ctx, e)
}

func (s *countingStorage) fails(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
}

var errBroken = errors.New("storage is out of order")

// panics runs f, and returns what it panicked with.
func panics(f func()) (text string) {
	defer func() {
		if p := recover(); p != nil {
			text, _ = p.(string)
		}
	}()
	f()
	return ""
}

func TestRecoverTellsNothingOfThePanic(t *testing.T) {
	t.Parallel()
	tm := newTestMount(t)
	err := func() (err error) {
		defer tm.Recover(&err)
		panic("hunter2")
	}()
	if err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("answered %v", err)
	}
}
