// SPDX-License-Identifier: MPL-2.0

package backend

// A process that dies at any step of the revocation of a session. Whether Vault revokes the lease once more or somebody has dropped it
// by force: what was written down is done, nothing else is, and no policy is left behind.

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

// dyingStorage does so many writes and no more.
type dyingStorage struct {
	*storage
	writes int
	dies   func() // after the last one
}

var errDead = errors.New("the process is dead")

func (s *dyingStorage) Put(ctx context.Context, entry *logical.StorageEntry) error {
	if s.writes == 0 {
		return errDead
	}
	defer s.wrote()
	return s.storage.Put(ctx, entry)
}

func (s *dyingStorage) Delete(ctx context.Context, key string) error {
	if s.writes == 0 {
		return errDead
	}
	defer s.wrote()
	return s.storage.Delete(ctx, key)
}

func (s *dyingStorage) wrote() {
	if s.writes--; s.writes == 0 {
		s.dies()
	}
}

func TestRevocationCutAtEachStep(t *testing.T) {
	t.Parallel()
	const forever = 100
	for name, step := range map[string]struct {
		action string // of AWS at which it dies
		kind   fakeaws.Kind
		writes int // of storage after which it dies
		denied bool
	}{
		"before GetRolePolicy":   {"GetRolePolicy", fakeaws.Cut, 0, false},
		"after GetRolePolicy":    {"GetRolePolicy", fakeaws.LostAnswer, 0, false},
		"before the record":      {"", fakeaws.Cut, 0, false},
		"after the record":       {"", fakeaws.Cut, 1, true},
		"before PutRolePolicy":   {"PutRolePolicy", fakeaws.Cut, forever, true},
		"after PutRolePolicy":    {"PutRolePolicy", fakeaws.LostAnswer, forever, true},
		"before Vault hears it":  {"", fakeaws.Cut, forever, true},
		"with another one there": {"PutRolePolicy", fakeaws.LostAnswer, forever, true},
	} {
		for _, again := range []bool{true, false} {
			m := newRevocableMount(t, noRetries)
			creds, neighbour, before := m.creds("deploy"), m.creds("deploy"), m.creds("deploy")
			if name == "with another one there" {
				m.revoke(before)
			}
			if step.action != "" {
				m.aws.Inject(fakeaws.Fault{Action: step.action, Kind: step.kind})
			}
			dead := func() { m.aws.Inject(fakeaws.Fault{Kind: fakeaws.Cut}) }
			_, _ = m.leaseOn(&dyingStorage{m.storage, step.writes, dead}, logical.RevokeOperation, creds)
			m.aws.ClearFaults()
			m.start()
			if again {
				m.revoke(creds)
			}
			m.mustTick()
			m.mustTick()
			if works := m.sessionWorks(creds); works == (step.denied || again) {
				t.Errorf("%s, revoked once more: %v: the session works: %v", name, again, works)
			}
			if !m.sessionWorks(neighbour) || m.sessionWorks(before) == (name == "with another one there") {
				t.Errorf("%s, revoked once more: %v: another session is not as it was", name, again)
			}
			m.ended()
			if left := m.aws.Leftovers(); len(left) > 0 {
				t.Errorf("%s, revoked once more: %v: left behind: %s", name, again, strings.Join(left, "; "))
			}
		}
	}
}
