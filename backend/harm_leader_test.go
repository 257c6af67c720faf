// SPDX-License-Identifier: MPL-2.0

package backend

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

// A server that cannot write storage may not lead any more: another renews what it would
// delete. Whoever asks for the end of a user is told so, and AWS hears of nothing.
func TestWhoCannotWriteDeletesNothing(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(m *mount, creds *logical.Response) string{
		"revocation": func(m *mount, creds *logical.Response) string {
			_, err := m.lease(logical.RevokeOperation, creds)
			if err == nil {
				m.t.Error("revoked")
				return ""
			}
			return err.Error()
		},
		"delete of the record": func(m *mount, creds *logical.Response) string {
			return m.fails(logical.DeleteOperation, "issued/"+m.user(creds), nil)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newConfiguredMount(t)
			creds := m.creds("developer-access")
			m.start() // so that no earlier write proves anything
			m.storage.breaks("put", "")
			calls := len(m.aws.Calls())
			if text := end(m, creds); !strings.Contains(text, errStorage.Error()) {
				t.Errorf("it says %q", text)
			}
			m.has(m.user(creds), true)
			if n := len(m.aws.Calls()); n != calls {
				t.Errorf("AWS was called %d times", n-calls)
			}
			m.storage.mend()
			m.revoke(creds)
			m.has(m.user(creds), false)
		})
	}
}

// A run of tidy that was paused with its server goes by what storage told before: the next leader may have written a
// record of the user since, or a static role.
func TestTidyOfWhoCannotWriteDeletesNothing(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t)
	user := m.orphan()
	held := m.aws.Inject(fakeaws.Fault{Action: "GetUser", User: user, Kind: fakeaws.HangAfter})
	m.write("tidy", deleting)
	<-held.Reached()
	m.storage.breaks("put", "")
	m.pass(2 * time.Minute)
	held.Release()
	status := m.tidied()
	m.told(status, map[string]any{"deleted_count": 0, "found_count": 1, "errors_count": 1})
	if text := fmt.Sprint(status["errors"]); !strings.Contains(text, "may not be the leader any more") {
		t.Errorf("it says %s", text)
	}
	m.has(user, true)
	m.storage.mend()
	m.told(m.tidy(deleting), map[string]any{"deleted_count": 1})
	m.has(user, false)
}
