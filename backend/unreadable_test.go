// SPDX-License-Identifier: MPL-2.0

package backend

// What stands in storage and cannot be read is named, and stops nothing else.

import (
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/vault/sdk/logical"
)

func TestUnreadableRecordStopsNothingElse(t *testing.T) {
	t.Parallel()
	for _, record := range []string{`{"type":`, `"text"`, `{"type":7}`, `{"created_at":"now"}`} {
		m := newConfiguredMount(t)
		m.instantly()
		m.aws.AddUser("app")
		m.aws.Adopt("app")
		m.write("static-roles/app", map[string]any{"username": "app", "rotation_period": "1h"})
		m.leave("wal/broken", record)
		m.leave("wal/user", `{"type":"user","data":{"UserName":"vault-gone"},"created_at":1700000000}`)
		before := m.read("static-creds/app")["access_key"]
		m.write("static-roles/app/rotate", nil)
		m.write("config/rotate-root", nil)
		m.pass(2 * time.Hour)
		if err := m.tick(); err == nil || !strings.Contains(err.Error(), "wal/broken") {
			t.Errorf("%s: the tick says %v", record, err)
		}
		m.recorded(1)
		if m.read("static-creds/app")["access_key"] == before {
			t.Errorf("%s: the static role was not rotated", record)
		}
		m.aws.Forgive() // the root user's new key
	}
}

// A new root key without its names must not be looked for: AWS takes an empty name of a
// user for the caller's own.
func TestRootNextWithoutItsNamesIsAnError(t *testing.T) {
	t.Parallel()
	for _, entry := range []string{`{}`, `null`, `{"user":"vault-root","access_key":"` + goodAccessKey + `","secret_key":"x"}`,
		`{"access_key":"` + goodAccessKey + `","secret_key":"x","old":{"access_key":"` + goodAccessKey + `"}}`} {
		m := newConfiguredMount(t)
		m.leave("config/root-next", entry)
		for _, text := range []string{m.fails(logical.UpdateOperation, "config/rotate-root", nil), m.tick().Error()} {
			if !strings.Contains(text, "config/root-next") {
				t.Errorf("%s: answered %s", entry, text)
			}
		}
		m.mustNotCall()
		m.revoke(m.creds("developer-access")) // issuing goes on
	}
}
