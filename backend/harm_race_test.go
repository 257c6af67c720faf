// SPDX-License-Identifier: MPL-2.0

package backend

// Two requests about one user at once, and names that only look like others.

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

// gate is storage whose first write of a key waits.
type gate struct {
	logical.Storage
	key     string
	once    sync.Once
	reached chan struct{}
	open    chan struct{}
}

func newGate(s logical.Storage, key string) *gate {
	return &gate{Storage: s, key: key, reached: make(chan struct{}), open: make(chan struct{})}
}

func (g *gate) Put(ctx context.Context, e *logical.StorageEntry) error {
	if e.Key == g.key {
		g.once.Do(func() { close(g.reached); <-g.open })
	}
	return g.Storage.Put(ctx, e)
}

// A renewal is writing its record while the user is deleted: what the delete has written is not
// taken back, and the user goes.
func TestDeleteWhileALeaseIsRenewed(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t, noRetries)
	creds := m.creds("developer-access")
	m.age(20 * time.Minute)
	held := newGate(m.storage, recordKey(m.user(creds)))
	var asked sync.WaitGroup
	asked.Go(func() { _, _ = m.leaseOn(held, logical.RenewOperation, creds) })
	<-held.reached
	deleted := make(chan struct{})
	asked.Go(func() {
		defer close(deleted)
		_, _ = m.ask(logical.DeleteOperation, "issued/"+m.user(creds), nil)
	})
	select {
	case <-deleted: // it did not wait for the renewal, which writes after it
	case <-time.After(50 * time.Millisecond): // it waits, for which there is no sign
	}
	close(held.open)
	asked.Wait()
	m.has(m.user(creds), false)
	m.registered(0)
	if text := m.refusedRenewal(creds); !strings.Contains(text, "has no record any more") {
		t.Errorf("renewed: %s", text)
	}
}

// A renewal comes while a delete, which fails, is under way.
func TestRenewalWhileAUserIsDeleted(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t, noRetries)
	creds := m.creds("developer-access")
	m.age(20 * time.Minute)
	held := m.aws.Inject(fakeaws.Fault{Action: "DeleteUser", Kind: fakeaws.Hang, Times: 1})
	failing := m.aws.Inject(fakeaws.Fault{Action: "DeleteUser", Kind: fakeaws.ServerError})
	var asked sync.WaitGroup
	asked.Go(func() { _, _ = m.ask(logical.DeleteOperation, "issued/"+m.user(creds), nil) })
	<-held.Reached()
	renewal := make(chan string, 1)
	asked.Go(func() {
		resp, err := m.lease(logical.RenewOperation, creds)
		text, _ := outcome(resp, err)
		renewal <- text
	})
	held.Release()
	asked.Wait()
	if text := <-renewal; !strings.Contains(text, "is being deleted") {
		t.Errorf("renewed: %q", text)
	}
	failing.Remove()
	m.minutes(7)
	m.has(m.user(creds), false)
	m.registered(0)
}

// A request that makes a user is not overtaken by a delete of its record.
func TestDeleteWhileAUserIsMade(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t, repeating)
	held := m.aws.Inject(fakeaws.Fault{Action: "CreateAccessKey", Kind: fakeaws.Hang, Times: 1})
	var creds *logical.Response
	var asked sync.WaitGroup
	asked.Go(func() { creds, _ = m.ask(logical.ReadOperation, "creds/developer-access", nil) })
	<-held.Reached()
	for op, path := range map[logical.Operation]string{logical.DeleteOperation: "issued/" + repeated, logical.UpdateOperation: "issued/" + repeated + "/forget"} {
		if text := m.refused(op, path, nil); !strings.Contains(text, "a request is making the IAM user") {
			t.Errorf("%s: refused with %s", path, text)
		}
	}
	held.Release()
	asked.Wait()
	m.registered(1)
	m.revoke(creds)
	m.registered(0)
}

// Storage spells two dots otherwise than AWS does. No request reaches a record by that spelling.
func TestRecordHasOneName(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t, map[string]any{"username_template": `a..b-{{random 12}}`})
	creds := m.creds("developer-access")
	alias := strings.ReplaceAll(m.user(creds), ".", "%2E")
	if m.read("issued/"+alias) != nil {
		t.Error("read by another spelling")
	}
	m.do(logical.DeleteOperation, "issued/"+alias, nil)
	m.refused(logical.UpdateOperation, "issued/"+alias+"/forget", nil)
	if shown := m.read("issued/" + m.user(creds)); shown == nil || shown["ending_since"] != nil {
		t.Errorf("the record: %v", shown)
	}
	m.listed(1)
	m.revoke(creds)
	m.registered(0)
}

// To AWS case does not matter; a record is found by any.
func TestRecordInAnotherCase(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t)
	creds := m.creds("developer-access")
	other := strings.ToUpper(m.user(creds))
	m.do(logical.DeleteOperation, "issued/"+other, nil)
	if shown := m.read("issued/" + m.user(creds)); shown != nil && shown["ending_since"] != nil {
		t.Error("half deleted")
	}
	m.age(20 * time.Minute)
	m.revoke(creds)
	m.registered(0)
	m.noUsers()
}
