// SPDX-License-Identifier: MPL-2.0

package backend

// A server that cannot write storage may not be the leader any more: what it takes for ended
// may have been renewed elsewhere.

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/engine"
	"vault-plugin-secrets-aws-dyn/backend/users"
)

// A new process has written nothing yet, so it proves that it leads before it deletes.
func TestNothingIsDeletedBeforeAWriteGoesWell(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t)
	creds := m.creds("developer-access")
	m.age(2 * DefaultWALMinAge)
	for name, key := range map[string]string{"the first write": engine.KeyTerms, "the last write": engine.KeyHeartbeat} {
		m.start()
		m.storage.breaks("put", key)
		calls := len(m.aws.Calls())
		_, err := m.lease(logical.RevokeOperation, creds)
		if !errors.Is(err, errStorage) || !strings.Contains(err.Error(), "may not be the leader") {
			t.Errorf("revoked where %s fails: %v", name, err)
		}
		if more := m.aws.Calls()[calls:]; len(more) > 0 {
			t.Errorf("AWS was called where %s fails: %v", name, more)
		}
		m.storage.mend()
	}
	m.revoke(creds)
	m.noUsers()
}

// The same goes for the sweep, whose users nobody asks for.
func TestNothingIsSweptBeforeAWriteGoesWell(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t)
	user := m.user(m.creds("developer-access"))
	m.start()
	m.storage.breaks("put", "")
	m.age(768*time.Hour + 2*users.DefaultSweepGrace)
	if err := m.tick(); err == nil {
		t.Error("a tick that can write nothing went well")
	}
	if users := m.aws.Users(); len(users) != 1 || users[0] != user {
		t.Errorf("users: %v", users)
	}
	m.storage.mend()
	m.mustTick()
	m.noUsers()
}
