// SPDX-License-Identifier: MPL-2.0

package backend

// What is written down before AWS hears of it, and how it ends: after a crash,
// after a failure, and while AWS does not show a user yet.

import (
	"context"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/vault/sdk/framework"
	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/users"
	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

// mortal is the storage of a process that dies: from then on it changes nothing.
type mortal struct {
	logical.Storage
	dead atomic.Bool
}

func (s *mortal) Put(ctx context.Context, entry *logical.StorageEntry) error {
	if s.dead.Load() {
		return errStorage
	}
	return s.Storage.Put(ctx, entry)
}

func (s *mortal) Delete(ctx context.Context, key string) error {
	if s.dead.Load() {
		return errStorage
	}
	return s.Storage.Delete(ctx, key)
}

// dieAt lets a creation run until AWS has done a call and owes the answer. There
// the process dies, and reaches neither storage nor AWS any more.
func (m *mount) dieAt(action string) {
	m.t.Helper()
	m.dieOnce(fakeaws.Fault{Action: action, Kind: fakeaws.HangAfter}, func() bool { return true })
}

// dieAfterTheRecord is dieAt before AWS has done a call of the second wave, once the record
// says who holds the user.
func (m *mount) dieAfterTheRecord(action string) {
	m.t.Helper()
	m.dieOnce(fakeaws.Fault{Action: action, Kind: fakeaws.Hang}, func() bool {
		issued, _ := m.recordsByState()
		return issued > 0
	})
}

// dieOnce kills the process of a creation that AWS holds, once storage is as it should be.
func (m *mount) dieOnce(hold fakeaws.Fault, stored func() bool) {
	m.t.Helper()
	held := m.aws.Inject(hold)
	req := m.request(logical.ReadOperation, "creds/wide", nil)
	process := &mortal{Storage: m.storage}
	req.Storage = process
	ctx, kill := context.WithCancel(m.ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_, _ = m.b.HandleRequest(ctx, req)
	}()
	<-held.Reached()
	for !stored() {
		runtime.Gosched()
	}
	process.dead.Store(true)
	m.away()
	kill()
	<-ended
	m.restart()
}

// A record that an earlier process wrote is rolled back at the next tick, however
// young it is.
func TestCrashIsRolledBackAtTheNextTick(t *testing.T) {
	t.Parallel()
	for _, action := range []string{"CreateUser", "CreateAccessKey"} {
		t.Run(action, func(t *testing.T) {
			t.Parallel()
			m := newWideMount(t, noRetries)
			m.dieAt(action)
			m.recorded(1)
			if len(m.aws.Users()) != 1 {
				t.Fatalf("users: %v", m.aws.Users())
			}
			m.mustTick()
			m.noUsers()
			m.recorded(1) // of a process that died nobody knows whether AWS may do something late
			m.pass(users.DefaultLateWindow)
			m.mustTick()
			m.recorded(0)
		})
	}
}

// From when the record says who holds the user, a process that dies leaves what cannot be told
// from a credential that was handed out: it ends as one.
func TestCrashAfterTheKeyIsRecordedEndsWithTheLease(t *testing.T) {
	t.Parallel()
	for _, action := range []string{"AddUserToGroup", "PutUserPolicy", "AttachUserPolicy"} {
		t.Run(action, func(t *testing.T) {
			t.Parallel()
			m := newWideMount(t, noRetries)
			m.mustTick()
			m.dieAfterTheRecord(action)
			m.registered(1)
			m.mustTick()
			user := m.aws.Users()[0]
			if shown := m.read("issued/" + user); shown["unconfirmed"] != true || shown["state"] != "issued" {
				t.Errorf("shown as %v", shown)
			}
			m.age(768*time.Hour + users.DefaultSweepGrace + time.Minute)
			m.mustTick()
			m.noUsers()
			m.registered(0)
		})
	}
}

// Nothing is rolled back under a request that is still making it.
func TestRollbackLeavesARequestUnderWayAlone(t *testing.T) {
	t.Parallel()
	m := newWideMount(t)
	held := m.aws.Inject(fakeaws.Fault{Action: "CreateAccessKey", Kind: fakeaws.Hang})
	answer := make(chan *logical.Response)
	go func() {
		resp, _ := m.ask(logical.ReadOperation, "creds/wide", nil)
		answer <- resp
	}()
	<-held.Reached()
	m.recorded(1)
	m.pass(time.Hour) // whatever its age
	m.mustTick()
	m.recorded(1)
	held.Release()
	creds := <-answer
	if creds == nil || creds.IsError() {
		t.Fatalf("the request failed: %v", creds)
	}
	m.recorded(0)
	m.mustTick()
	if _, ok := m.aws.User(m.user(creds)); !ok {
		t.Error("the rollback took a user that has a lease")
	}
	m.revoke(creds)
}

// While AWS may not show a new user yet, its word that there is none ends nothing.
func TestUserThatAWSDoesNotShowYetStaysWrittenDown(t *testing.T) {
	t.Parallel()
	m := newWideMount(t, noRetries)
	m.aws.SetLagCalls(20) // the second wave of creation, all of the clean-up, and some looks of the rollback
	m.fails(logical.ReadOperation, "creds/wide", nil)
	if len(m.aws.Users()) != 1 {
		t.Fatalf("users: %v", m.aws.Users())
	}
	m.recorded(1)
	for range 20 {
		m.mustTick()
		if len(m.aws.Users()) == 0 {
			break
		}
	}
	m.noUsers()
	m.pass(users.DefaultLateWindow)
	m.mustTick()
	m.recorded(0)
}

// AWS denies knowing a user whose lease is young: the revocation goes well, and the
// user is looked for again.
func TestRevokeOfAYoungLeaseDoesNotForgetTheUser(t *testing.T) {
	t.Parallel()
	m := newWideMount(t)
	creds := m.creds("wide")
	for _, call := range revokeCalls {
		m.aws.Inject(fakeaws.Fault{Action: call, Kind: fakeaws.Lagging, Times: 3})
	}
	m.revoke(creds)
	if _, ok := m.aws.User(m.user(creds)); !ok {
		t.Fatal("the user is gone; the test shows nothing")
	}
	m.registered(1)
	m.aws.ClearFaults()
	m.mustTick()
	m.registered(1) // Vault may still be trying, and AWS may not show the user
	m.age(DefaultWALMinAge)
	m.mustTick()
	m.noUsers()
	m.registered(0)
}

func TestRevokeOfAnOldLeaseWhoseUserIsGoneIsDone(t *testing.T) {
	t.Parallel()
	m := newWideMount(t)
	creds := m.creds("wide")
	m.aws.RemoveUser(m.user(creds))
	m.pass(DefaultWALMinAge)
	m.revoke(creds)
	m.recorded(0)
}

// An entry whose user never came to be goes when AWS has had time to show it.
func TestRecordOfAUserThatNeverWasGoesWithAge(t *testing.T) {
	t.Parallel()
	m := newWideMount(t, noRetries)
	m.aws.Inject(fakeaws.Fault{Action: "CreateUser", Kind: fakeaws.Cut, Times: 1})
	m.fails(logical.ReadOperation, "creds/wide", nil)
	m.recorded(1)
	m.mustTick()
	m.recorded(1)
	m.pass(DefaultWALMinAge)
	m.mustTick()
	m.recorded(1) // AWS may perform late what it did not answer
	m.pass(users.DefaultLateWindow)
	m.mustTick()
	m.recorded(0)
}

// A name alone is what a record holds. A user of that name that is older than the
// record is somebody else's.
func TestRollbackLeavesAnOlderUserAlone(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t)
	m.aws.AddUser("somebody")
	later := time.Now().Add(time.Hour)
	m.put(framework.WALPrefix+"0001", &framework.WALEntry{Kind: walKindUser, Data: walUser{UserName: "somebody"}, CreatedAt: later.Unix()})
	req := m.request(logical.RollbackOperation, "", map[string]any{"immediate": true})
	if _, err := m.b.HandleRequest(m.ctx, req); err != nil {
		t.Fatal(err)
	}
	m.recorded(0)
	if _, ok := m.aws.User("somebody"); !ok {
		t.Error("the rollback deleted a user that was there before")
	}
}

// What the built-in engine left behind when its mount was taken over.
func TestBuiltInRecordIsRolledBack(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t)
	m.aws.AddUser("vault-left-behind")
	m.put(framework.WALPrefix+"0001", map[string]any{
		"type": "user", "data": map[string]any{"UserName": "vault-left-behind"}, "created_at": time.Now().Unix(),
	})
	m.mustTick()
	m.recorded(0)
	if _, ok := m.aws.User("vault-left-behind"); ok {
		t.Error("the user is still there")
	}
}

// Entries that cannot be read stay, are told, and hold up no other.
func TestUnreadableRecordIsToldAndStays(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t)
	m.put(framework.WALPrefix+"0001", map[string]any{"type": "something-else", "data": 1, "created_at": 1})
	m.put(framework.WALPrefix+"0002", map[string]any{"type": "user", "data": map[string]any{}, "created_at": 1})
	m.put(framework.WALPrefix+"0003", map[string]any{"type": "user", "data": map[string]any{"UserName": "nobody"}, "created_at": 1})
	err := m.tick()
	if err == nil || !strings.Contains(err.Error(), "something-else") || !strings.Contains(err.Error(), "names no user") {
		t.Errorf("the tick said: %v", err)
	}
	m.recorded(2)
}

// The client is gone when the key is there: nobody would ever learn of it.
func TestClientGoneMidCreateLeavesNoUser(t *testing.T) {
	t.Parallel()
	m := newWideMount(t)
	held := m.aws.Inject(fakeaws.Fault{Action: "AttachUserPolicy", Kind: fakeaws.HangAfter})
	ctx, leave := context.WithCancel(m.ctx)
	failed := make(chan error)
	go func() {
		_, err := m.b.HandleRequest(ctx, m.request(logical.ReadOperation, "creds/wide", nil))
		failed <- err
	}()
	<-held.Reached()
	leave()
	if err := <-failed; err == nil {
		t.Error("the request went well though its client was gone")
	}
	m.noUsers()
	m.recorded(0)
}

// put writes a value to storage as another process left it.
func (m *mount) put(key string, v any) {
	m.t.Helper()
	entry, err := logical.StorageEntryJSON(key, v)
	if err != nil {
		m.t.Fatal(err)
	}
	if err := m.storage.Put(m.ctx, entry); err != nil {
		m.t.Fatal(err)
	}
}
