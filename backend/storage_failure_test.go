// SPDX-License-Identifier: MPL-2.0

package backend

// Storage that fails: every verb of every path answers an error, AWS is not called
// for what cannot be written down, and no user is left without a record.

import (
	"maps"
	"strings"
	"testing"

	"github.com/hashicorp/vault/sdk/framework"
	"github.com/hashicorp/vault/sdk/logical"
)

// storageFailure is a request, and a verb of storage that it needs.
type storageFailure struct {
	op   logical.Operation
	path string
	verb string // get, put, delete or list
	key  string // prefix of the keys for which it fails
}

// storageFailures are all the needs of all the verbs of all the paths.
var storageFailures = []storageFailure{
	{logical.ReadOperation, "config/root", "get", "config/root"},
	{logical.CreateOperation, "config/root", "get", "config/root"},
	{logical.CreateOperation, "config/root", "put", "config/root"},
	{logical.UpdateOperation, "config/root", "get", "config/root"},
	{logical.UpdateOperation, "config/root", "put", "config/root"},
	{logical.DeleteOperation, "config/root", "delete", "config/root"},
	{logical.UpdateOperation, "config/rotate-root", "get", "config/root"},
	{logical.ReadOperation, "config/lease", "get", "config/lease"},
	{logical.UpdateOperation, "config/lease", "get", "config/lease"},
	{logical.UpdateOperation, "config/lease", "put", "config/lease"},
	{logical.UpdateOperation, "config/check", "get", "config/root"},
	{logical.UpdateOperation, "roles/developer-access/check", "get", "role/"},
	{logical.ReadOperation, "config/users", "get", "config/users"},
	{logical.UpdateOperation, "config/users", "get", "config/users"},
	{logical.UpdateOperation, "config/users", "put", "config/users"},
	{logical.ReadOperation, "config/auto-tidy", "get", "config/auto-tidy"},
	{logical.UpdateOperation, "config/auto-tidy", "get", "config/auto-tidy"},
	{logical.UpdateOperation, "config/auto-tidy", "get", "config/users"},
	{logical.UpdateOperation, "config/auto-tidy", "put", "config/auto-tidy"},
	{logical.ReadOperation, "config/gap", "get", "terms"},
	{logical.UpdateOperation, "config/gap", "put", "terms"},
	{logical.UpdateOperation, "tidy", "get", "config/users"},
	{logical.UpdateOperation, "tidy", "get", "tidy-status"},
	{logical.UpdateOperation, "tidy", "put", "tidy-status"}, // and more in tidy_test.go
	{logical.ReadOperation, "tidy/status", "get", "tidy-status"},
	{logical.ReadOperation, "tidy/status", "get", "config/users"},
	{logical.UpdateOperation, "tidy/cancel", "get", "tidy-status"},
	{logical.ListOperation, "issued/", "list", "issued/"},
	{logical.ListOperation, "issued/", "list", "sessions/"},
	{logical.ListOperation, "issued/role/developer-access", "list", "issued/"},
	{logical.ListOperation, "issued/entity/entity-1", "list", "issued/"},
	{logical.DeleteOperation, "issued/somebody", "get", "sessions/"},
	{logical.ReadOperation, "issued/somebody", "get", "issued/"},
	{logical.DeleteOperation, "issued/somebody", "get", "issued/"}, // and more in sweep_test.go
	{logical.UpdateOperation, "issued/somebody/forget", "get", "issued/"},
	{logical.ListOperation, "roles/", "list", "role/"},
	{logical.ListOperation, "roles/", "list", "policy/"},
	{logical.ReadOperation, "roles/developer-access", "get", "role/"},
	{logical.ReadOperation, "roles/other", "get", "policy/"},
	{logical.UpdateOperation, "roles/developer-access", "get", "role/"},
	{logical.UpdateOperation, "roles/other", "get", "policy/"},
	{logical.UpdateOperation, "roles/developer-access", "put", "role/"},
	{logical.UpdateOperation, "roles/other", "put", "role/"},
	{logical.UpdateOperation, "roles/other", "delete", "policy/"},
	{logical.DeleteOperation, "roles/developer-access", "delete", "role/"},
	{logical.DeleteOperation, "roles/developer-access", "delete", "policy/"},
	{logical.UpdateOperation, "roles/developer-access/revoke-sessions", "get", "role/"}, // and more in revoke_crash_test.go
	{logical.ReadOperation, "creds/developer-access", "get", "role/"},
	{logical.ReadOperation, "creds/other", "get", "policy/"},
	{logical.ReadOperation, "creds/developer-access", "get", "config/lease"},
	{logical.ReadOperation, "creds/developer-access", "get", "config/root"},
	{logical.ReadOperation, "creds/developer-access", "get", "config/users"},
	{logical.ReadOperation, "creds/developer-access", "put", "issued/"},
	{logical.UpdateOperation, "creds/developer-access", "get", "role/"},
	{logical.UpdateOperation, "creds/developer-access", "get", "config/root"},
	{logical.UpdateOperation, "creds/developer-access", "put", "issued/"},
	{logical.ReadOperation, "console/developer-access", "get", "role/"},
	{logical.UpdateOperation, "console/developer-access", "get", "role/"},
	{logical.ReadOperation, "sdk/creds/developer-access", "get", "role/"},
	{logical.ReadOperation, "sdk/creds/other", "get", "policy/"},
	{logical.ReadOperation, "sdk/static-creds/app", "get", "static-roles/"},
	{logical.ReadOperation, "config/iam-policy", "get", "config/root"},
	{logical.ReadOperation, "config/iam-policy", "get", "config/users"},
	{logical.ReadOperation, "config/iam-policy", "list", "role/"},
	{logical.ReadOperation, "config/iam-policy", "get", "role/"},
	{logical.ReadOperation, "config/iam-policy", "list", "static-roles/"},
	{logical.ListOperation, "static-roles/", "list", "static-roles/"},
	{logical.ReadOperation, "static-roles/app", "get", "static-roles/"},
	{logical.UpdateOperation, "static-roles/app", "get", "static-roles/"}, // and more in static_crash_test.go
	{logical.DeleteOperation, "static-roles/app", "get", "static-roles/"},
	{logical.DeleteOperation, "static-roles/app", "delete", "static-roles/"},
	{logical.DeleteOperation, "static-roles/app", "delete", "static-creds/"},
	{logical.UpdateOperation, "static-roles/app/rotate", "get", "static-roles/"},
	{logical.ReadOperation, "static-creds/app", "get", "static-roles/"},
}

// failureData are fields that each path takes.
var failureData = map[string]map[string]any{
	"config/root": fullRoot, "config/lease": {"lease": "1h"}, "config/users": {"max_users": 10}, "config/auto-tidy": {"enabled": true}, "config/gap": {"resume": true},
	"roles/developer-access": fullRole, "roles/other": fullRole, "creds/developer-access": {"ttl": "1h"},
}

func TestStorageFailureIsAnError(t *testing.T) {
	t.Parallel()
	for _, c := range storageFailures {
		t.Run(string(c.op)+" "+c.path+" without "+c.verb+" of "+c.key, func(t *testing.T) {
			m := newConfiguredMount(t)
			m.start() // a new process keeps nothing in memory
			m.knowAccount()
			before := m.storage.dump(t)
			m.storage.breaks(c.verb, c.key)
			var data map[string]any
			if c.op == logical.CreateOperation || c.op == logical.UpdateOperation {
				data = failureData[c.path]
			}
			resp, err := m.b.HandleRequest(m.ctx, m.request(c.op, c.path, data))
			text, status := outcome(resp, err)
			// Vault knows some errors of storage by their very text: it stays as it is.
			if status != 500 || text != errStorage.Error() {
				t.Errorf("answered %d %s", status, text)
			}
			m.storage.mend()
			if after := m.storage.dump(t); c.verb != "delete" && !maps.Equal(before, after) {
				t.Errorf("stored %v, before %v", after, before)
			}
			m.mustNotCall()
			m.recorded(0)
			m.revoke(m.creds("developer-access")) // all is well again
		})
	}
}

// A request that fails for want of a get, a put or a list is in the table; one that
// needs a verb which the table has not would be missing from it.
func TestStorageFailuresAreAllInTheTable(t *testing.T) {
	t.Parallel()
	m := newMount(t)
	known := map[string]bool{"^status$ read": true} // which tells: see TestStatusTellsOfStorage
	for _, c := range storageFailures {
		known[m.b.(*backend).Route(c.path).Pattern+" "+string(c.op)] = true
	}
	for _, path := range m.b.(*backend).Paths {
		for op := range path.Operations {
			if !known[path.Pattern+" "+string(op)] {
				t.Errorf("%s of %s is not tried with storage that fails", op, path.Pattern)
			}
		}
	}
}

// The end of a lease needs config/root; without it the lease stays, and Vault asks
// again.
func TestLeaseWithStorageThatFails(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t)
	creds := m.creds("developer-access")
	for _, c := range [][2]string{{"get", "role/"}, {"get", "config/lease"}, {"get", "issued/"}, {"put", "issued/"}} {
		m.start() // with nothing in memory
		m.storage.breaks(c[0], c[1])
		if resp, err := m.lease(logical.RenewOperation, creds); err == nil && !resp.IsError() {
			t.Errorf("renewed without %s of %s", c[0], c[1])
		}
		m.storage.mend()
	}
	m.renew(creds)
	m.start()
	m.storage.breaks("get", "config/root")
	if _, err := m.lease(logical.RevokeOperation, creds); err == nil {
		t.Error("revoked without a configuration")
	}
	if len(m.aws.Users()) != 1 {
		t.Errorf("users: %v", m.aws.Users())
	}
	m.storage.mend()
	m.revoke(creds)
	m.noUsers()
}

// A user that AWS does not show yet is written down at revocation; where that
// fails, the lease stays.
func TestRevokeThatCannotBeWrittenDownFails(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t)
	creds := m.creds("developer-access")
	m.aws.RemoveUser(m.user(creds))
	m.storage.breaks("put", "issued/")
	if _, err := m.lease(logical.RevokeOperation, creds); err == nil {
		t.Error("a young user that AWS does not show was forgotten")
	}
	m.storage.mend()
	m.revoke(creds)
	m.registered(1)
	m.pass(2 * DefaultWALMinAge)
	m.mustTick()
	m.registered(0)
}

// A rollback that cannot read or list what is written down says so and loses nothing.
func TestRollbackWithStorageThatFails(t *testing.T) {
	t.Parallel()
	for verb, key := range map[string]string{"list": "wal/", "get": "wal/", "delete": "wal/"} {
		m := newConfiguredMount(t)
		if _, err := framework.PutWAL(m.ctx, m.storage, walKindUser, walUser{UserName: "ghost"}); err != nil {
			t.Fatal(err)
		}
		m.pass(2 * DefaultWALMinAge)
		m.storage.breaks(verb, key)
		if err := m.tick(); err == nil || !strings.Contains(err.Error(), errStorage.Error()) {
			t.Errorf("%s fails, and the tick says %v", verb, err)
		}
		m.storage.mend()
		m.recorded(1)
		m.mustTick()
		m.recorded(0)
	}
}
