// SPDX-License-Identifier: MPL-2.0

package backend

// One process serves many mounts: a panic in a request becomes that request's
// error, and the next request is served as ever.

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/hashicorp/vault/sdk/framework"
	"github.com/hashicorp/vault/sdk/logical"
)

// panicking is storage with a mistake in it: a verb panics for keys with a prefix.
type panicking struct {
	logical.Storage
	verb, prefix string
}

func (s panicking) check(verb, key string) {
	if verb == s.verb && strings.HasPrefix(key, s.prefix) {
		panic("a mistake of the programmer's at " + key)
	}
}

func (s panicking) Get(ctx context.Context, key string) (*logical.StorageEntry, error) {
	s.check("get", key)
	return s.Storage.Get(ctx, key)
}

func (s panicking) Put(ctx context.Context, entry *logical.StorageEntry) error {
	s.check("put", entry.Key)
	return s.Storage.Put(ctx, entry)
}

func (s panicking) Delete(ctx context.Context, key string) error {
	s.check("delete", key)
	return s.Storage.Delete(ctx, key)
}

func (s panicking) List(ctx context.Context, prefix string) ([]string, error) {
	s.check("list", prefix)
	return s.Storage.List(ctx, prefix)
}

// survive calls what must not panic.
func survive(t testing.TB, call func() error) (err error) {
	t.Helper()
	defer func() {
		if p := recover(); p != nil {
			t.Errorf("the panic came through: %v", p)
			err = fmt.Errorf("%v", p)
		}
	}()
	return call()
}

// panics sends a request over storage that panics and returns what is answered.
func (m *mount) panics(verb, key string, req *logical.Request) error {
	m.t.Helper()
	req.Storage = panicking{m.storage, verb, key}
	return survive(m.t, func() error {
		_, err := m.b.HandleRequest(m.ctx, req)
		return err
	})
}

// Wherever a request can fail for want of storage, it can panic there as well.
func TestPanicIsTheErrorOfItsRequestAlone(t *testing.T) {
	t.Parallel()
	for _, c := range storageFailures {
		t.Run(string(c.op)+" "+c.path+" in "+c.verb+" of "+c.key, func(t *testing.T) {
			m := newConfiguredMount(t)
			m.start()
			m.knowAccount()
			var data map[string]any
			if c.op == logical.CreateOperation || c.op == logical.UpdateOperation {
				data = failureData[c.path]
			}
			err := m.panics(c.verb, c.key, m.request(c.op, c.path, data))
			if err == nil || !strings.Contains(err.Error(), "internal error") || strings.Contains(err.Error(), c.key) {
				t.Errorf("answered %v", err)
			}
			m.mustNotCall()
			m.revoke(m.creds("developer-access"))
		})
	}
}

func TestPanicAsVaultAsksWhatExists(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t)
	req := m.request(logical.UpdateOperation, "config/root", fullRoot)
	req.Storage = panicking{m.storage, "get", "config/root"}
	if err := survive(t, func() error {
		_, _, err := m.b.HandleExistenceCheck(m.ctx, req)
		return err
	}); err == nil {
		t.Error("a panic is not an answer")
	}
}

func TestPanicInRenewRevokeAndRollback(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t)
	creds := m.creds("developer-access")
	m.start()
	for op, key := range map[logical.Operation]string{logical.RenewOperation: "role/", logical.RevokeOperation: "config/root"} {
		req := m.request(op, "", nil)
		req.Secret = creds.Secret
		if err := m.panics("get", key, req); err == nil || !strings.Contains(err.Error(), "internal error") {
			t.Errorf("%s answered %v", op, err)
		}
	}
	if _, err := framework.PutWAL(m.ctx, m.storage, walKindUser, walUser{UserName: "ghost"}); err != nil {
		t.Fatal(err)
	}
	for verb, key := range map[string]string{"list": "wal/", "get": "wal/"} {
		if err := m.panics(verb, key, m.request(logical.RollbackOperation, "", nil)); err == nil || !strings.Contains(err.Error(), "internal error") {
			t.Errorf("a rollback over a %s that panics: %v", verb, err)
		}
	}
	m.pass(2 * DefaultWALMinAge)
	m.mustTick()
	m.recorded(0)
	m.renew(creds)
	m.revoke(creds)
}
