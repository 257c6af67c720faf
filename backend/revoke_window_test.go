// SPDX-License-Identifier: MPL-2.0

package backend

// What comes right after sessions were ended: new ones, storage that hangs, clocks that jump, a mount that goes.

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/engine"
	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

// A session that was asked for right after revoke-sessions may be refused too, since AWS's times are in whole seconds and its
// clock is not ours. It is not shared.
func TestSessionRightAfterRevokeSessionsIsNotShared(t *testing.T) {
	t.Parallel()
	for name, clock := range map[string]time.Duration{"clocks agree": 0, "AWS is 10s behind": -10 * time.Second} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newRevocableMount(t)
			m.write("roles/deploy", map[string]any{"revoke_sessions": false, "share_for": "30m"})
			m.entityID = "e"
			first := m.creds("deploy")
			m.aws.SetClock(clock)
			m.write("roles/deploy/revoke-sessions", nil)
			if second := m.creds("deploy"); first.Data["access_key"] == second.Data["access_key"] {
				t.Error("the session that was ended is shared")
			}
			m.ahead.Store(int64(9 * time.Minute))
			m.aws.SetClock(clock + 9*time.Minute)
			m.mustTick()
			third := m.creds("deploy")
			if !m.sessionWorks(third) {
				t.Error("9 minutes later the mount returns a session that AWS refuses")
			}
			if same := m.creds("deploy"); same.Data["access_key"] != third.Data["access_key"] {
				t.Error("nothing is shared any more")
			}
			m.aws.SetClock(0)
			m.ended()
		})
	}
}

// hangs is storage that does not answer about a key until its caller gives up, as raft without a quorum.
type hangs struct {
	logical.Storage
	key     string
	release chan struct{}
}

func (s hangs) Put(ctx context.Context, e *logical.StorageEntry) error {
	if strings.HasPrefix(e.Key, s.key) {
		return s.wait(ctx)
	}
	return s.Storage.Put(ctx, e)
}

func (s hangs) Delete(ctx context.Context, key string) error {
	if strings.HasPrefix(key, s.key) {
		return s.wait(ctx)
	}
	return s.Storage.Delete(ctx, key)
}

func (s hangs) wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-s.release:
		return errStorage
	}
}

// Storage hangs after AWS has ended the sessions: none of them is shared any more.
func TestStorageHangsAfterRevokeSessions(t *testing.T) {
	t.Parallel()
	m := newRevocableMount(t)
	m.hurry(4 * time.Second) // less than storage is waited for
	m.write("roles/deploy", map[string]any{"revoke_sessions": false, "share_for": "30m"})
	m.entityID = "e"
	first := m.creds("deploy")
	release, plain := make(chan struct{}), m.storage.Storage
	m.storage.Storage = hangs{plain, engine.KeySessionsEnded, release}
	m.fails(logical.UpdateOperation, "roles/deploy/revoke-sessions", nil)
	if m.sessionWorks(first) {
		t.Fatal("AWS has not ended it")
	}
	if again := m.creds("deploy"); again.Data["access_key"] == first.Data["access_key"] {
		t.Error("the session that was ended is shared")
	}
	close(release)
	m.waitUntil("the request has ended", m.quiet)
	m.storage.Storage = plain
	m.ended()
}

// Storage hangs while a static role is deleted: its name can be used again soon after.
func TestStorageHangsWhileAStaticRoleIsDeleted(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t, noRetries)
	m.aws.AddUser("alice")
	m.write("static-roles/app", map[string]any{"username": "alice", "rotation_period": "24h"})
	m.hurry(2 * time.Second)
	release, plain := make(chan struct{}), m.storage.Storage
	m.storage.Storage = hangs{plain, engine.PrefixStaticCreds, release}
	m.fails(logical.DeleteOperation, "static-roles/app", nil)
	m.waitUntil("the request has ended by itself", m.quiet)
	m.storage.Storage = plain
	m.hurry(0)
	m.do(logical.DeleteOperation, "static-roles/app", nil)
	close(release)
}

// leaves is storage whose caller goes away as soon as something below a key is deleted.
type leaves struct {
	logical.Storage
	key  string
	away func()
}

func (s leaves) Delete(ctx context.Context, key string) error {
	err := s.Storage.Delete(ctx, key)
	if strings.HasPrefix(key, s.key) {
		s.away()
	}
	return err
}

// Who deletes a static role goes away when its keys are gone from AWS: no half of the role is left.
func TestDeletionOfAStaticRoleThatNobodyWaitsFor(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t, noRetries)
	m.aws.AddUser("alice")
	m.write("static-roles/app", map[string]any{"username": "alice", "rotation_period": "24h"})
	ctx, away := context.WithCancel(m.ctx)
	plain := m.storage.Storage
	m.storage.Storage = leaves{plain, engine.PrefixStaticCreds, away}
	_, _ = m.b.HandleRequest(ctx, m.request(logical.DeleteOperation, "static-roles/app", nil))
	m.waitUntil("the request has ended", m.quiet)
	m.storage.Storage = plain
	for key := range m.storage.dump(t) {
		if strings.HasPrefix(key, "static-") {
			t.Errorf("left in storage: %s", key)
		}
	}
	away()
}

// The server's clock is put forward by 40 days while live sessions are denied, so that AWS refuses its calls: the sessions stay denied
// when it is put right.
func TestClockThatJumpsGivesUpNoDenial(t *testing.T) {
	t.Parallel()
	m := newRevocableMount(t, noRetries)
	creds := m.creds("deploy")
	m.revoke(creds)
	m.ahead.Store(int64(40 * 24 * time.Hour))
	m.aws.SetClock(-40 * 24 * time.Hour)
	if err := m.tick(); err == nil || !strings.Contains(err.Error(), "SignatureDoesNotMatch") {
		t.Errorf("the tick says %v", err)
	}
	m.ahead.Store(0)
	m.aws.SetClock(0)
	_ = m.tick() // the SDK signs with AWS's time of before
	if m.sessionWorks(creds) {
		t.Error("the session works again")
	}
	kept := false
	for key := range m.storage.dump(t) {
		kept = kept || strings.HasPrefix(key, engine.PrefixDenied)
	}
	if !kept {
		t.Error("the record of a session that lives on is gone")
	}
	m.pass(13 * time.Hour)
	m.mustTick()
	for name := range m.aws.RolePolicies("deploy") {
		t.Errorf("left behind: %s", name)
	}
}

// A mount is disabled while AWS deletes no users, which takes all the time that there is. The log names the policies that stay all
// the same.
func TestDisableWhileAWSHangsTellsPolicies(t *testing.T) {
	t.Parallel()
	var log fuzzLog
	m := newRevocableMount(t)
	m.system = &tainted{SystemView: m.system}
	m.logger = hclog.New(&hclog.LoggerOptions{Output: &log, Level: hclog.Info})
	m.start()
	m.revoke(m.creds("deploy"))
	m.creds("developer-access")
	m.aws.Inject(fakeaws.Fault{Action: "DeleteUser", Kind: fakeaws.Hang})
	m.system.(*tainted).is = true
	ctx, cancel := context.WithTimeout(m.ctx, 8*time.Second)
	defer cancel()
	m.b.Cleanup(ctx)
	if text := log.String(); !strings.Contains(text, "vault-denied-sessions") {
		t.Errorf("the log does not name the policy that stays: %s", text)
	}
	m.aws.ClearFaults()
	m.aws.Forgive()
}
