// SPDX-License-Identifier: MPL-2.0

package backend

// Requests for the same credential that meet: one makes it, and the others wait.

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/sharing"
	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

// Of requests at the same moment one makes the credential, and all have it.
func TestRequestsAtTheSameMomentShare(t *testing.T) {
	t.Parallel()
	m := newSharingMount(t)
	all := make([]*logical.Response, 40)
	var clients sync.WaitGroup
	for i := range all {
		clients.Go(func() { all[i] = m.creds("user") })
	}
	clients.Wait()
	for _, creds := range all[1:] {
		m.shares(all[0], creds, true)
	}
	m.registered(1)
	for i, creds := range all {
		if i == len(all)-1 {
			m.has(m.user(creds), true)
		}
		m.revoke(creds)
	}
	m.noUsers()
}

// Who waits for a request that fails, in whatever way, tries for itself, and waits no longer than
// its own request may.
func TestTheFailureOfAMakerIsItsOwn(t *testing.T) {
	t.Parallel()
	m := newSharingMount(t)
	hang := m.aws.Inject(fakeaws.Fault{Action: "CreateAccessKey", Kind: fakeaws.Hang, Times: 1})
	leaves, leave := context.WithCancel(m.ctx)
	failed := make(chan error, 1)
	go func() {
		_, err := m.b.HandleRequest(leaves, m.request(logical.ReadOperation, "creds/user", nil))
		failed <- err
	}()
	<-hang.Reached()
	short, end := context.WithTimeout(m.ctx, time.Millisecond)
	defer end()
	if _, err := m.b.HandleRequest(short, m.request(logical.ReadOperation, "creds/user", nil)); err == nil || !strings.Contains(err.Error(), "waiting for another request") {
		t.Errorf("who had no time was told %v", err)
	}
	waits := make(chan *logical.Response, 1)
	go func() { waits <- m.creds("user") }()
	leave()
	if err := <-failed; err == nil {
		t.Error("the request went well for a client that has gone")
	}
	creds := <-waits
	m.shares(creds, m.creds("user"), true)
	m.do(logical.DeleteOperation, "issued/"+m.user(creds), nil)
	m.shares(creds, m.creds("user"), false) // nobody gets what was ended
	m.do(logical.DeleteOperation, "issued/"+m.aws.Users()[0], nil)
	m.noUsers()
}

// What is being made while the configuration changes is for who asked before: nobody waits for it, and nobody gets it again.
func TestWhatIsBeingMadeWhenTheConfigurationChanges(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(m *mount){
		"the role":     func(m *mount) { m.write("roles/user", map[string]any{"share_for": "10m"}) },
		"config/lease": func(m *mount) { m.write("config/lease", map[string]any{"lease": "3h"}) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newSharingMount(t)
			hang := m.aws.Inject(fakeaws.Fault{Action: "CreateAccessKey", Kind: fakeaws.HangAfter, Times: 1})
			first := make(chan *logical.Response, 1)
			go func() { first <- m.creds("user") }()
			<-hang.Reached()
			change(m)
			second := m.creds("user")
			hang.Release()
			old := <-first
			third := m.creds("user")
			m.shares(old, third, false)
			m.shares(second, third, true)
			for _, l := range []*logical.Response{old, second, third} {
				m.revoke(l)
			}
			m.noUsers()
		})
	}
}

// AWS's refusal is told to all who wait for it.
func TestARefusalIsToldToAll(t *testing.T) {
	t.Parallel()
	m := newSharingMount(t)
	m.aws.Inject(fakeaws.Fault{Action: "CreateUser", Kind: fakeaws.Refuse})
	var clients sync.WaitGroup
	for range 10 {
		clients.Go(func() {
			if text := m.fails(logical.ReadOperation, "creds/user", nil); !strings.Contains(text, "AccessDenied") {
				t.Error(text)
			}
		})
	}
	clients.Wait()
	m.noUsers()
	m.registered(0)
}

// The limit of leases makes a new user.
func TestAUserHasSoManyLeasesAtMost(t *testing.T) {
	t.Parallel()
	m := newSharingMount(t)
	var all []*logical.Response
	for range sharing.MostHandouts {
		all = append(all, m.creds("user"))
	}
	last := m.creds("user")
	m.shares(all[0], all[len(all)-1], true)
	m.shares(all[0], last, false)
	for _, creds := range append(all, last) {
		m.revoke(creds)
	}
	m.noUsers()
}

// A session that was ended early is not shared any more: the next request gets one that works.
func TestRevokedSessionsAreNotShared(t *testing.T) {
	t.Parallel()
	m := newSharingMount(t)
	first := m.creds("deploy")
	m.shares(first, m.creds("deploy"), true)
	m.do(logical.UpdateOperation, "roles/deploy/revoke-sessions", map[string]any{"role_arn": deployARN})
	m.shares(first, m.creds("deploy"), false)
	m.ended()
}
