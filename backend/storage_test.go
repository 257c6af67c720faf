// SPDX-License-Identifier: MPL-2.0

package backend

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/hashicorp/vault/sdk/logical"
)

// storage is Vault's storage in memory, which can be told to fail.
type storage struct {
	logical.Storage
	mu     sync.Mutex
	broken map[string]string // verb -> prefix of the keys for which it fails; "panic" is a get that panics
	panics atomic.Int64
}

func newStorage() *storage {
	return &storage{Storage: new(logical.InmemStorage), broken: map[string]string{}}
}

var errStorage = errors.New("storage is out of order")

// breaks makes a verb (get, put, delete, list, panic) fail for keys with a prefix, until
// it is mended.
func (s *storage) breaks(verb, prefix string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.broken[verb] = prefix
}

func (s *storage) mend() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.broken)
}

func (s *storage) check(verb, key string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if prefix, broken := s.broken[verb]; broken && strings.HasPrefix(key, prefix) {
		return errStorage
	}
	return nil
}

func (s *storage) Get(ctx context.Context, key string) (*logical.StorageEntry, error) {
	if err := s.check("get", key); err != nil {
		return nil, err
	}
	if s.check("panic", key) != nil {
		s.panics.Add(1)
		panic("a mistake of the programmer's at " + key)
	}
	return s.Storage.Get(ctx, key)
}

func (s *storage) Put(ctx context.Context, entry *logical.StorageEntry) error {
	if err := s.check("put", entry.Key); err != nil {
		return err
	}
	return s.Storage.Put(ctx, entry)
}

func (s *storage) Delete(ctx context.Context, key string) error {
	if err := s.check("delete", key); err != nil {
		return err
	}
	return s.Storage.Delete(ctx, key)
}

func (s *storage) List(ctx context.Context, prefix string) ([]string, error) {
	if err := s.check("list", prefix); err != nil {
		return nil, err
	}
	return s.Storage.List(ctx, prefix)
}

// dump is all that is stored, to compare before and after.
func (s *storage) dump(t testing.TB) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := logical.ScanView(t.Context(), s.Storage.(logical.ClearableView), func(key string) {
		entry, err := s.Storage.Get(t.Context(), key)
		if err != nil {
			t.Error(err)
			return
		}
		all[key] = string(entry.Value)
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// watchedReads tells of each read of a key.
type watchedReads struct {
	logical.Storage
	key  string
	read chan struct{}
}

// watch returns a channel that gets something whenever somebody has read a key of storage, up to a
// hundred times.
func (m *mount) watch(key string) <-chan struct{} {
	watched := &watchedReads{m.storage.Storage, key, make(chan struct{}, 100)}
	m.storage.Storage = watched
	return watched.read
}

// Get implements [logical.Storage].
func (s *watchedReads) Get(ctx context.Context, key string) (*logical.StorageEntry, error) {
	entry, err := s.Storage.Get(ctx, key)
	if key == s.key {
		s.read <- struct{}{}
	}
	return entry, err
}
