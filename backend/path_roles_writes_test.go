// SPDX-License-Identifier: MPL-2.0

package backend

// Two writes of one thing at a time: what is read to be written again is locked.

import (
	"context"
	"maps"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/engine"
)

// heldRead is storage that holds the first read of a key until it is let go.
type heldRead struct {
	logical.Storage
	key     string
	first   sync.Once
	read    chan struct{} // closed when the first read has its value
	release chan struct{}
}

func (s *heldRead) Get(ctx context.Context, key string) (*logical.StorageEntry, error) {
	entry, err := s.Storage.Get(ctx, key)
	if key == s.key {
		held := false
		s.first.Do(func() { held = true })
		if held {
			close(s.read)
			<-s.release
		}
	}
	return entry, err
}

// twoWrites writes a path, and while that write has read what stands under the key and stored nothing, another
// request comes.
func (m *mount) twoWrites(key, path string, data map[string]any, op logical.Operation, other map[string]any) {
	m.t.Helper()
	held := &heldRead{Storage: m.storage.Storage, key: key, read: make(chan struct{}), release: make(chan struct{})}
	m.storage.Storage = held
	defer func() { m.storage.Storage = held.Storage }()
	var both sync.WaitGroup
	both.Go(func() {
		if resp, err := m.ask(logical.UpdateOperation, path, data); err != nil || resp.IsError() {
			m.t.Errorf("the slow write: %v %v", err, resp)
		}
	})
	<-held.read
	answered := make(chan struct{})
	both.Go(func() {
		defer close(answered)
		if resp, err := m.ask(op, path, other); err != nil || resp.IsError() {
			m.t.Errorf("the quick request: %v %v", err, resp)
		}
	})
	select {
	case <-answered: // nothing makes it wait
	case <-time.After(50 * time.Millisecond): // it waits for the slow one
	}
	close(held.release)
	both.Wait()
}

// A role that is switched off stays so: another write of the role, such as Terraform's, that is under way at
// that moment takes nothing back that it does not name.
func TestSwitchingOffIsNotLost(t *testing.T) {
	t.Parallel()
	for field, value := range map[string]any{"disabled": true, "require_entity": true} {
		m := newConfiguredMount(t)
		m.twoWrites("role/developer-access", "roles/developer-access", map[string]any{"max_users": 5}, logical.UpdateOperation, map[string]any{field: value})
		if role := m.read("roles/developer-access"); role[field] != value || role["max_users"] != 5 {
			t.Errorf("both writes were answered 204, and the role has %s=%v and max_users=%v", field, role[field], role["max_users"])
		}
	}
}

// A role that was deleted does not come back by a write that was under way.
func TestDeletedRoleStaysDeleted(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t)
	m.twoWrites("role/developer-access", "roles/developer-access", map[string]any{"max_users": 5}, logical.DeleteOperation, nil)
	// Two orders are possible: a delete after the write leaves nothing; a write after the delete finds no role, and makes one
	// that has what the write names and no more.
	if role := m.read("roles/developer-access"); role != nil && len(role["policy_arns"].([]string)) > 0 {
		t.Errorf("deleted and back: %v", role["policy_arns"])
	}
}

// The same for the configurations.
func TestTwoWritesOfAConfigurationKeepBoth(t *testing.T) {
	t.Parallel()
	for path, writes := range map[string][2]map[string]any{
		"config/users":     {{"max_users": 5}, {"ownership_tags": false}},
		"config/lease":     {{"lease": "1h0m0s"}, {"lease_max": "2h0m0s"}},
		"config/auto-tidy": {{"delete": true}, {"interval_duration": int64(7200)}},
	} {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			m := newConfiguredMount(t)
			m.twoWrites(path, path, maps.Clone(writes[0]), logical.UpdateOperation, maps.Clone(writes[1]))
			got := m.read(path)
			for _, write := range writes {
				for field, want := range write {
					if got[field] != want {
						t.Errorf("both writes were answered, and %s=%v", field, got[field])
					}
				}
			}
		})
	}
}

// What an operator decides about a gap stays, although the first tick is about to write the terms.
func TestDecisionBesideTheFirstTickStays(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t)
	m.mustTick()
	m.pass(time.Hour)
	m.start()
	held := &heldRead{Storage: m.storage.Storage, key: engine.KeyTerms, read: make(chan struct{}), release: make(chan struct{})}
	m.storage.Storage = held
	var both sync.WaitGroup
	both.Go(m.mustTick)
	<-held.read
	answered := make(chan struct{})
	both.Go(func() {
		defer close(answered)
		if resp, err := m.ask(logical.UpdateOperation, "config/gap", map[string]any{"resume": true}); err != nil || resp.IsError() {
			t.Errorf("%v %v", err, resp)
		}
	})
	select {
	case <-answered:
	case <-time.After(50 * time.Millisecond):
	}
	close(held.release)
	both.Wait()
	m.storage.Storage = held.Storage
	m.start()
	m.mustTick()
	if gap := m.read("config/gap"); gap["resumed"] == nil {
		t.Errorf("config/gap was answered, and shows %v", gap)
	}
}
