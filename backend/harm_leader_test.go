// SPDX-License-Identifier: MPL-2.0

package backend

import (
	"strings"
	"testing"

	"github.com/hashicorp/vault/sdk/logical"
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
