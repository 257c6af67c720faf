// SPDX-License-Identifier: MPL-2.0

package backend

// What is known of the terms may be lost or stored twice, and a write that failed may have been
// stored. That ends nobody's credential.

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/engine"
)

// storedAllTheSame is a storage that says once that it did not store a key, which it did.
type storedAllTheSame struct {
	logical.Storage
	key  string
	once sync.Once
}

func (s *storedAllTheSame) Put(ctx context.Context, entry *logical.StorageEntry) (err error) {
	if err := s.Storage.Put(ctx, entry); err != nil {
		return err
	}
	if entry.Key == s.key {
		s.once.Do(func() { err = errStorage })
	}
	return err
}

// A term that is opened twice, by two requests at once or because storage failed, is one term.
func TestTermThatIsOpenedTwiceIsOne(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t)
	m.mustTick()
	m.write("config/users", map[string]any{"unconfirmed_ttl": "24h"})
	m.age(2 * time.Minute)
	m.start()
	sound := m.storage.Storage
	m.storage.Storage = &storedAllTheSame{Storage: sound, key: engine.KeyTerms}
	_ = m.tick() // says that it could not open the term
	m.storage.Storage = sound
	m.mustTick()
	creds := m.creds("developer-access")
	m.age(time.Minute)
	m.mustTick() // it is known to have been answered
	m.start()
	m.mustTick()
	m.shownUnconfirmed(creds, false)
	m.day()
	m.has(m.user(creds), true)
	m.revoke(creds)
}

// Terms that nobody can read, or that are too many to keep, make no credential doubtful.
func TestForgottenTermsMakeNothingDoubtful(t *testing.T) {
	t.Parallel()
	for name, forget := range map[string]func(m *mount){
		"unreadable":               func(m *mount) { m.leave(engine.KeyTerms, "{") },
		"the heartbeat unreadable": func(m *mount) { m.leave(engine.KeyHeartbeat, "{") },
		"too many": func(m *mount) {
			for range 260 {
				m.start()
				m.mustTick()
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newConfiguredMount(t)
			m.mustTick()
			m.write("config/users", map[string]any{"unconfirmed_ttl": "24h"})
			creds := m.creds("developer-access")
			m.age(time.Minute)
			m.mustTick()
			forget(m)
			m.start()
			m.mustTick()
			m.shownUnconfirmed(creds, false)
			m.day()
			m.has(m.user(creds), true)
			m.revoke(creds)
		})
	}
}

// What a failed write has changed all the same counts, and not what was read before.
func TestSettingsAfterAWriteThatFailedAndWasStored(t *testing.T) {
	t.Parallel()
	for path, key := range map[string]string{"config/lease": engine.KeyLeaseConfig, "config/users": engine.KeyUsersConfig} {
		m := newConfiguredMount(t)
		m.revoke(m.creds("developer-access"))
		m.storage.Storage = &storedAllTheSame{Storage: m.storage.Storage, key: key}
		m.fails(logical.UpdateOperation, path, map[string]any{"lease": "7m", "lease_max": "8m", "max_users": 1})
		creds := m.creds("developer-access")
		switch path {
		case "config/lease":
			if creds.Secret.TTL != 7*time.Minute {
				t.Errorf("a lease of %s", creds.Secret.TTL)
			}
		default:
			m.refused(logical.ReadOperation, "creds/developer-access", nil)
		}
		m.revoke(creds)
	}
}

// A cluster whose leaders change so often that no tick comes by is no gap, as long as the engine is
// at work.
func TestWorkWithoutTicksIsNoGap(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t)
	m.mustTick()
	for range 10 {
		m.age(2 * time.Minute)
		m.revoke(m.creds("developer-access"))
	}
	m.start()
	m.mustTick()
	if since := m.b.(*backend).KnownSince(); !since.IsZero() {
		t.Errorf("a gap was noticed at %s", since)
	}
}
