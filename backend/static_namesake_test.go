// SPDX-License-Identifier: MPL-2.0

package backend

// Static roles for users of one name in two accounts.

import (
	"net/url"
	"testing"
	"time"

	"github.com/hashicorp/vault/sdk/framework"
	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

// A rotation in one account was cut off, and that account goes out of reach. A static role for a user of the same name
// in the account of config/root has nothing to do with it.
func TestNamesakeInALostAccountHoldsUpNoRotation(t *testing.T) {
	t.Parallel()
	m, there := newAccounts(t, noRetries)
	m.instantly()
	m.addBareUser("app")
	only := there.AddUser("app").AccessKeyID
	there.Adopt("app")
	root := fakeaws.Client{Endpoint: there.URL(), Key: there.AccountKey()}
	if _, err := root.Do(m.ctx, "iam", "DeleteAccessKey", url.Values{"UserName": {"app"}, "AccessKeyId": {only}}); err != nil {
		t.Fatal(err)
	}
	m.write("static-roles/here", daily)
	m.write("static-roles/far", map[string]any{"username": "app", "rotation_period": "720h", "assume_role_arn": otherHub})
	lost := m.aws.Inject(fakeaws.Fault{Action: "CreateAccessKey", Kind: fakeaws.Cut, Account: other, Times: 1})
	m.fails(logical.UpdateOperation, "static-roles/far/rotate", nil)
	if lost.Hits() != 1 {
		t.Fatalf("met %d times", lost.Hits())
	}
	there.SetTrust("hub") // the account is lost, e.g. closed
	there.ExpireSessions()
	m.start() // nobody remembers the session
	before := m.served("here")
	resp, err := m.ask(logical.UpdateOperation, "static-roles/here/rotate", nil)
	if text, status := outcome(resp, err); status != 0 && status >= 400 {
		t.Errorf("a rotation in the account of config/root fails because of another account: %s", text)
	}
	for range 40 {
		m.age(time.Hour)
		_ = m.tick()
	}
	if m.served("here") == before {
		t.Errorf("static role here was not rotated for 40 h: %v", m.read("static-roles/here")["last_rotation_error"])
	}
}

// An account is closed in the midst of a rotation, and its static role deleted by force. A role for the user of that
// name in another account can be written, and in the end nothing is left of the first one.
func TestNamesakeOfAClosedAccountIsForgotten(t *testing.T) {
	t.Parallel()
	m, there := newAccounts(t, noRetries)
	m.instantly()
	m.addBareUser("app")
	there.AddUser("app")
	there.Adopt("app")
	m.write("static-roles/far", map[string]any{"username": "app", "rotation_period": "720h", "assume_role_arn": otherHub})
	m.aws.Inject(fakeaws.Fault{Action: "CreateAccessKey", Kind: fakeaws.Cut, Account: other, Times: 1})
	m.fails(logical.UpdateOperation, "static-roles/far/rotate", nil)
	there.SetTrust("hub")
	there.ExpireSessions()
	m.do(logical.DeleteOperation, "static-roles/far", map[string]any{"force": true})
	for range 40 {
		m.age(24 * time.Hour)
		_ = m.tick()
	}
	resp, err := m.ask(logical.UpdateOperation, "static-roles/app", daily)
	if text, status := outcome(resp, err); status >= 400 {
		t.Errorf("40 days later no static role can be written for the user app of the account of config/root: %s", text)
	}
	if err := m.tick(); err != nil {
		t.Errorf("each tick still fails: %v", err)
	}
	if ids, _ := framework.ListWAL(m.ctx, m.storage); len(ids) > 0 {
		t.Errorf("left in the WAL for ever: %v", ids)
	}
}
