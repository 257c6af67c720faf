// SPDX-License-Identifier: MPL-2.0

package backend

// A lease lives on in Vault after its user was deleted, and another request gets a user of the
// same name.

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

// A lease whose user was deleted goes on in Vault, while somebody else has a user of its name.
func TestEarlierLeaseOfANameIsNotRenewed(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t, repeating)
	one := m.do(logical.ReadOperation, "creds/developer-access", map[string]any{"ttl": "100h"})
	m.age(30 * time.Minute)
	m.do(logical.DeleteOperation, "issued/"+repeated, nil)
	two := m.do(logical.ReadOperation, "creds/developer-access", map[string]any{"ttl": "1h"})
	before := m.read("issued/" + repeated)["ends"]
	resp, err := m.lease(logical.RenewOperation, one)
	if text, status := outcome(resp, err); status != 400 || !strings.Contains(text, "deleted") {
		t.Errorf("the renewal of a lease whose user is gone: %d %s", status, text)
	}
	if after := m.read("issued/" + repeated)["ends"]; after != before {
		t.Errorf("the record of another lease ends at %v, and not at %v", after, before)
	}
	m.revoke(one)
	m.has(repeated, true)
	m.revoke(two)
}

// whileMade does something to an earlier lease of a name while a request makes a user of it.
func (m *mount) whileMade(do func(earlier *logical.Response)) (creds *logical.Response, err error) {
	m.t.Helper()
	one := m.creds("developer-access")
	m.age(30 * time.Minute)
	m.do(logical.DeleteOperation, "issued/"+repeated, nil)
	held := m.aws.Inject(fakeaws.Fault{Action: "CreateAccessKey", Kind: fakeaws.Hang, Times: 1})
	var asked sync.WaitGroup
	asked.Go(func() { creds, err = m.ask(logical.ReadOperation, "creds/developer-access", nil) })
	<-held.Reached()
	do(one)
	held.Release()
	asked.Wait()
	return creds, err
}

func TestRevokeOfAnEarlierLeaseLeavesARequestAlone(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t, repeating)
	var one *logical.Response
	creds, err := m.whileMade(func(earlier *logical.Response) {
		one = earlier
		resp, err := m.lease(logical.RevokeOperation, earlier)
		if well(resp, err) {
			t.Error("went well, and nobody knows yet whether its user is gone")
		}
		m.has(repeated, true)
	})
	if err != nil || creds.IsError() {
		t.Fatal(err, creds)
	}
	m.revoke(one)
	m.has(repeated, true)
	m.registered(1)
	m.start()
	m.mustTick()
	m.has(repeated, true)
	m.revoke(creds)
}

// slowPut holds the write of a key that a renewal makes until the test lets it go.
type slowPut struct {
	logical.Storage
	key           string
	reached, goOn chan struct{}
}

func (s *slowPut) Put(ctx context.Context, entry *logical.StorageEntry) error {
	if entry.Key == s.key {
		close(s.reached)
		<-s.goOn
	}
	return s.Storage.Put(ctx, entry)
}

func TestRenewalOfAnEarlierLeaseLeavesARequestAlone(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t, repeating)
	slow := &slowPut{Storage: m.storage, key: recordKey(repeated), reached: make(chan struct{}), goOn: make(chan struct{})}
	var renewal sync.WaitGroup
	creds, err := m.whileMade(func(earlier *logical.Response) {
		ended := make(chan struct{})
		renewal.Go(func() {
			defer close(ended)
			_, _ = m.leaseOn(slow, logical.RenewOperation, earlier)
		})
		select {
		case <-slow.reached:
		case <-ended:
		}
	})
	close(slow.goOn)
	renewal.Wait()
	if err != nil || creds.IsError() {
		t.Fatal(err, creds)
	}
	m.start()
	m.mustTick()
	m.has(repeated, true)
	m.revoke(creds)
}

// A revocation that fails puts nothing down about the user of a later lease.
func TestFailedRevokeOfAnEarlierLeaseLeavesTheLaterOneAlone(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t, repeatingOnce)
	m.instantly()
	one := m.creds("developer-access")
	m.age(30 * time.Minute)
	m.do(logical.DeleteOperation, "issued/"+repeated, nil)
	looked := m.aws.Inject(fakeaws.Fault{Action: "GetUser", Kind: fakeaws.HangAfter, Times: 1})
	failing := m.aws.Inject(fakeaws.Fault{Action: "GetAccessKeyLastUsed", Kind: fakeaws.Unavailable})
	var revocation sync.WaitGroup
	revocation.Go(func() {
		if resp, err := m.lease(logical.RevokeOperation, one); well(resp, err) {
			t.Error("went well, and nobody knows yet whether its user is gone")
		}
	})
	<-looked.Reached()
	two := m.creds("developer-access")
	looked.Release()
	revocation.Wait()
	failing.Remove()
	m.renewed(two)
	m.minutes(7)
	m.has(repeated, true)
	m.revoke(one)
	m.has(repeated, true)
	m.registered(1)
	m.revoke(two)
	m.registered(0)
}

func TestRecordOfAUserCalledRoleIsForgotten(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t, map[string]any{"username_template": "role"})
	m.creds("developer-access")
	m.aws.RemoveUser("role")
	m.write("issued/role/forget", nil)
	m.registered(0)
	m.do(logical.ListOperation, "issued/role/forget/", nil) // of a role that is called so
}

// Everything that may end a user, and two ticks that overlap, at once: all ends, and nothing is left.
func TestAllEndsAtOnceLeaveNothing(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t, repeating)
	for range 15 {
		c := m.creds("developer-access")
		m.age(6 * time.Minute)
		var w sync.WaitGroup
		for _, f := range []func(){
			func() { _, _ = m.lease(logical.RevokeOperation, c) }, func() { _, _ = m.lease(logical.RenewOperation, c) },
			func() { _ = m.tick() }, func() { _ = m.tick() },
			func() { _, _ = m.ask(logical.DeleteOperation, "issued/"+repeated, nil) },
			func() { _, _ = m.ask(logical.ReadOperation, "creds/developer-access", nil) },
			func() { _, _ = m.ask(logical.UpdateOperation, "tidy", map[string]any{"delete": true}) },
		} {
			w.Go(f)
		}
		w.Wait()
		_, _ = m.lease(logical.RevokeOperation, c)
		_, _ = m.ask(logical.DeleteOperation, "issued/"+repeated, nil)
		m.age(30 * time.Minute)
		_ = m.tick()
	}
	m.noUsers()
	m.recorded(0)
	m.registered(0)
}
