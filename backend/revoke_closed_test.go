// SPDX-License-Identifier: MPL-2.0

package backend

// Sessions that were denied in an account that is closed.

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/vault/sdk/logical"
)

// The account of a role whose sessions were revoked is closed. When all of them have ended, nothing is left to do, and nobody
// is told for ever that something fails.
func TestDenialsOfAClosedAccountEnd(t *testing.T) {
	t.Parallel()
	m, there := newAccounts(t, noRetries)
	there.AddRole("deploy")
	m.write("roles/far", map[string]any{"credential_type": "assumed_role", "role_arns": "arn:aws:iam::" + other + ":role/deploy", "revoke_sessions": true, "assume_role_arn": otherHub})
	m.revoke(m.creds("far"))
	there.RemoveRole("hub")
	m.do(logical.DeleteOperation, "roles/far", nil)
	m.start()
	for range 32 {
		m.pass(24 * time.Hour)
		_ = m.tick()
	}
	if err := m.tick(); err != nil {
		t.Errorf("a month after the sessions ended, each tick still fails: %v", err)
	}
	for key := range m.storage.dump(t) {
		if strings.HasPrefix(key, "denied-sessions/") {
			t.Errorf("left in storage for ever: %s", key)
		}
	}
	if problems := fmt.Sprint(m.read("status")["problems"]); strings.Contains(problems, "revoked sessions") {
		t.Errorf("status: %s", problems)
	}
	there.RemoveRole("deploy") // with its account
}
