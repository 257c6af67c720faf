// SPDX-License-Identifier: MPL-2.0

package backend

// What happens to a user that several leases have when something is lost: a lease, the process, a
// write, the clock, or the mount itself.

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/engine"
	"vault-plugin-secrets-aws-dyn/backend/users"
	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

// two are two leases of one user: the first for an hour, the other renewed to two hours from now.
func (m *mount) two() (first, second *logical.Response) {
	m.t.Helper()
	first, second = m.creds("user"), m.creds("user")
	m.shares(first, second, true)
	second.Secret.IssueTime, second.Secret.InternalData["request_ttl"] = m.now(), 2*time.Hour
	m.renew(second)
	return first, second
}

// ticking lets time pass in which the engine is there.
func (m *mount) ticking(d time.Duration) {
	m.t.Helper()
	for ; d > 0; d -= 4 * time.Minute { // a gap would be something else
		m.age(min(d, 4*time.Minute))
		m.mustTick()
	}
}

// The handouts are in the record, and the secret is not: after a restart each lease still ends
// alone, and the next request makes a new user.
func TestARestartBetweenSharedLeases(t *testing.T) {
	t.Parallel()
	m := newSharingMount(t)
	first, second := m.two()
	m.start()
	third := m.creds("user")
	m.shares(first, third, false)
	m.revoke(second)
	if err := m.accepted(first); err != nil {
		t.Error(err)
	}
	m.start()
	m.renew(first)
	m.revoke(first)
	m.has(m.user(first), false)
	m.revoke(third)
	m.noUsers()
}

// Vault never tells of the end of a lease that it drops by force: that is over at its end and the grace.
func TestASharedLeaseThatIsDroppedByForce(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		pass time.Duration // until the other is revoked
		goes time.Duration // when the user goes after that
	}{
		"not over": {0, time.Hour + users.DefaultSweepGrace},
		"over":     {time.Hour + users.DefaultSweepGrace + 4*time.Minute, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newSharingMount(t)
			first, second := m.two()
			m.mustTick()
			m.ticking(c.pass)
			m.has(m.user(first), true)
			m.revoke(second)
			m.has(m.user(first), c.goes > 0)
			if c.goes > 0 {
				m.ticking(c.goes - 4*time.Minute)
				m.has(m.user(first), true)
				m.ticking(8 * time.Minute)
			}
			m.has(m.user(first), false)
			m.registered(0)
			m.revoke(first) // it tells after all
		})
	}
}

// This server's clock says that the other lease is over, and AWS's does not.
func TestASharedLeaseIsNotOverByAWrongClock(t *testing.T) {
	t.Parallel()
	m := newSharingMount(t)
	first, second := m.two()
	m.mustTick()
	m.pass(90 * time.Minute)
	m.revoke(second)
	m.mustTick()
	if err := m.accepted(first); err != nil {
		t.Error(err)
	}
	m.revoke(first)
	m.noUsers()
}

// Another engine may have renewed the other leases while this one was away: a write of the record
// must not forget that.
func TestSharedLeasesThatAnotherEngineMayHaveRenewed(t *testing.T) {
	t.Parallel()
	for name, write := range map[string]func(m *mount, lease *logical.Response){
		"a revocation": (*mount).revoke,
		"a renewal, and then the end": func(m *mount, lease *logical.Response) {
			m.renew(lease)
			m.start()
			m.revoke(lease)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newSharingMount(t)
			first, second := m.two()
			m.mustTick()
			m.age(90 * time.Minute) // nobody ticks
			m.start()
			write(m, second)
			m.mustTick()
			m.ticking(30 * time.Minute)
			if err := m.accepted(first); err != nil {
				t.Error(err)
			}
			m.age((768 + 25) * time.Hour) // the longest lease of the mount, counted from when it was given
			m.mustTick()
			m.noUsers()
			m.registered(0)
		})
	}
}

// A write that fails gives no lease, and takes none from anybody.
func TestSharedLeasesAndStorageThatFails(t *testing.T) {
	t.Parallel()
	m := newSharingMount(t)
	first, second := m.two()
	m.storage.breaks("put", engine.PrefixIssued)
	m.fails(logical.ReadOperation, "creds/user", nil)
	if _, err := m.lease(logical.RevokeOperation, first); err == nil {
		t.Error("a revocation that nobody wrote down went well")
	}
	m.storage.mend()
	m.shares(first, m.creds("user"), true)
	m.start()
	third := m.creds("user")
	m.shares(first, third, false)
	m.revoke(first)
	if err := m.accepted(second); err != nil {
		t.Error(err)
	}
	for _, user := range m.aws.Users() {
		m.do(logical.DeleteOperation, "issued/"+user, nil)
	}
	m.noUsers()
}

// leftAfter is storage whose writes a client does not live to see.
type leftAfter struct {
	logical.Storage
	leave func()
}

// Put implements [logical.Storage].
func (s leftAfter) Put(ctx context.Context, entry *logical.StorageEntry) error {
	defer s.leave()
	return s.Storage.Put(ctx, entry)
}

// The client has gone when its lease was written down: it is taken back.
func TestASharedLeaseThatNobodyIsThereToTake(t *testing.T) {
	t.Parallel()
	m := newSharingMount(t)
	first := m.creds("user")
	m.mustTick()
	ctx, leave := context.WithCancel(m.ctx)
	req := m.request(logical.ReadOperation, "creds/user", nil)
	req.Storage = leftAfter{m.storage, leave}
	if _, err := m.b.HandleRequest(ctx, req); err == nil {
		t.Error("it went well")
	}
	if shown := m.read("issued/" + m.user(first)); shown["leases"] != 1 {
		t.Errorf("issued/ shows %v", shown)
	}
	m.revoke(first)
	m.noUsers()
}

// The last revocation meets AWS away. From then on the user is to go, and nobody gets it any more.
func TestTheEndOfASharedUserMeetsAWSAway(t *testing.T) {
	t.Parallel()
	m := newSharingMount(t)
	m.write("config/root", noRetries)
	first, second := m.two()
	away := m.aws.Inject(fakeaws.Fault{Kind: fakeaws.Cut})
	m.revoke(first) // calls nobody
	if _, err := m.lease(logical.RevokeOperation, second); err == nil {
		t.Error("AWS was away, and the revocation went well")
	}
	away.Remove()
	if text := m.refusedRenewal(second); !strings.Contains(text, "is being deleted") {
		t.Error(text)
	}
	third := m.creds("user")
	m.shares(first, third, false)
	m.revoke(second)
	m.has(m.user(first), false)
	m.revoke(third)
	m.noUsers()
}

// An operator ends a shared user for all: nobody gets it any more, and its leases end in peace.
func TestASharedUserIsDeletedForAll(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"", "/forget"} {
		m := newSharingMount(t)
		first, second := m.two()
		if path == "" {
			m.do(logical.DeleteOperation, "issued/"+m.user(first), nil)
		} else {
			m.write("issued/"+m.user(first)+path, nil)
		}
		third := m.creds("user")
		m.shares(first, third, false)
		for _, l := range []*logical.Response{first, second, third} {
			m.revoke(l)
		}
		m.noUsers()
	}
}

// The disable of a mount revokes each lease, or none.
func TestASharedUserOfADisabledMount(t *testing.T) {
	t.Parallel()
	m := newSharingMount(t)
	m.two()
	m.b.(*backend).Vault = disabling{m.system}
	m.b.Cleanup(m.ctx)
	m.noUsers()
}

// The first edition and the built-in engine know one lease of a user: the first that ends takes it
// from all. What the first edition writes has no handouts, and then it is so here as well.
func TestSharedUsersOfAnEarlierEdition(t *testing.T) {
	t.Parallel()
	m := newSharingMount(t)
	first, second := m.two()
	key := recordKey(m.user(first))
	r := readAs[firstRecord](m, key)
	if in := r.Ends.Sub(m.now()); in < 119*time.Minute || r.AccessKeyID != first.Data["access_key"] {
		t.Errorf("the first edition would sweep it in %s, by the record %+v", in, r)
	}
	m.put(key, r) // as its renewal would
	m.start()
	m.renew(second)
	m.revoke(first)
	m.noUsers()
	m.revoke(second)
}
