// SPDX-License-Identifier: MPL-2.0

package backend

// Sessions that were denied where nobody lets the engine see to their policy any more.

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

// The account of a role whose sessions were revoked is closed, or the engine may not see to their policy any more. When all of
// them have ended, nothing is left to do, and nobody is told for ever that something fails.
func TestDenialsThatCannotBeTendedEnd(t *testing.T) {
	t.Parallel()
	for name, happens := range map[string]func(there *fakeaws.Server){
		"the account is closed": func(there *fakeaws.Server) { there.RemoveRole("hub") },
		"the policy may not be read": func(there *fakeaws.Server) {
			there.Inject(fakeaws.Fault{Action: "GetRolePolicy", Kind: fakeaws.Refuse, Code: "AccessDenied", Status: http.StatusForbidden, Message: "no"})
		},
		"the policy may not be deleted": func(there *fakeaws.Server) {
			there.Inject(fakeaws.Fault{Action: "DeleteRolePolicy", Kind: fakeaws.Refuse, Code: "AccessDenied", Status: http.StatusForbidden, Message: "no"})
		},
		"somebody changed the policy": func(there *fakeaws.Server) {
			there.SetRolePolicy("deploy", "vault-denied-sessions-"+mountID, `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m, there := newAccounts(t, noRetries)
			there.AddRole("deploy")
			m.write("roles/far", map[string]any{"credential_type": "assumed_role", "role_arns": "arn:aws:iam::" + other + ":role/deploy", "revoke_sessions": true, "assume_role_arn": otherHub})
			m.revoke(m.creds("far"))
			m.do(logical.DeleteOperation, "roles/far", nil)
			happens(there)
			m.start()
			failed := 0
			for range 32 {
				m.pass(24 * time.Hour)
				if m.tick() != nil {
					failed++
				}
			}
			if failed < 29 {
				t.Errorf("it was tried for %d days", failed)
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
			there.ClearFaults()
			there.RemoveRole("deploy") // with its account
		})
	}
}
