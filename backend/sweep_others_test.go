// SPDX-License-Identifier: MPL-2.0

package backend

// What a sweep owes the users that it is not about at the moment: one that a request is making, those that come after some
// that cannot be deleted, and one of whose end storage did not hear.

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

// While a sweep is at work, the lease of a user that it has on its list is revoked, and a new request makes a user of
// the same name: that one is not the sweep's.
func TestSweepLeavesAUserThatIsBeingMadeAgain(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t, repeatingOnce)
	m.instantly()
	failing := m.aws.Inject(fakeaws.Fault{Action: "DeleteUser", Kind: fakeaws.ServerError})
	end := func(role string) *logical.Response {
		m.write("roles/"+role, map[string]any{"policy_arns": readOnly})
		creds := m.creds(role)
		m.age(time.Minute)
		m.fails(logical.DeleteOperation, "issued/"+m.user(creds), nil)
		return creds
	}
	for i := range 8 { // as many as the sweep ends at a time
		end(fmt.Sprintf("role-%d", i))
	}
	creds := end("developer-access")
	failing.Remove()
	m.age(6 * time.Minute)
	slow := m.aws.Inject(fakeaws.Fault{Action: "GetUser", Kind: fakeaws.Hang, Times: 8})
	swept := make(chan error)
	go func() { swept <- m.tick() }()
	m.waitUntil("the sweep is at work", func() bool { return slow.Hits() == 8 })
	m.revoke(creds) // as Vault tries again
	m.has(repeated, false)
	held := m.aws.Inject(fakeaws.Fault{Action: "CreateAccessKey", Kind: fakeaws.Hang, Times: 1})
	var again *logical.Response
	var err error
	var asked sync.WaitGroup
	asked.Go(func() { again, err = m.ask(logical.ReadOperation, "creds/developer-access", nil) })
	<-held.Reached()
	m.has(repeated, true)
	slow.Release()
	if err := <-swept; err != nil {
		t.Error(err)
	}
	m.has(repeated, true) // a request is making it
	held.Release()
	asked.Wait()
	if err != nil || again.IsError() {
		t.Fatalf("the request failed: %v %v", again, err)
	}
	m.revoke(again)
}

// Users that AWS does not delete, each of which takes a try some seconds (DeleteConflict, whose cause the engine may not
// list), keep the sweep from all others: they come first in each tick, and the sweep has half a minute. Here a user takes
// the whole half minute, so that 9 do what else takes about 56.
func TestUsersThatStayHoldUpNoOthers(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t, noRetries)
	for range 9 { // of which the last begins when the half minute is over
		m.aws.Inject(fakeaws.Fault{Action: "DeleteUser", User: m.lost("1h"), Kind: fakeaws.Refuse})
	}
	m.age(time.Minute)
	last := m.lost("1h")
	m.age(2 * time.Hour)
	for range 5 {
		slow := m.aws.Inject(fakeaws.Fault{Action: "DeleteUser", Kind: fakeaws.Hang, Times: 8})
		swept := make(chan struct{})
		go func() {
			defer close(swept)
			_ = m.tick() // fails with the eight
		}()
		m.waitUntil("the sweep is at work", func() bool { return slow.Hits() == 8 })
		m.pass(31 * time.Second) // which the eight take
		slow.Release()
		<-swept
		slow.Remove()
		m.age(29 * time.Second)
	}
	m.has(last, false)
	m.aws.ClearFaults()
	m.mustTick()
}

// Storage takes no writes for a moment, while a request fails whose user a lease was to have. Nobody got the key, this
// process knows that, and it goes on: the user goes within minutes and not at the end that its lease would have had. That
// holds in a process that has not read its records yet, too: what it knows of the request outweighs what storage says.
func TestUserOfAFailedRequestGoesAfterStorageFailed(t *testing.T) {
	t.Parallel()
	for name, begun := range map[string]func(*mount){"after a tick": (*mount).mustTick, "in a new process": (*mount).start} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newConfiguredMount(t, noRetries)
			begun(m)
			m.failsWhileStorageFails()
			m.minutes(30)
			if users := m.aws.Users(); len(users) > 0 {
				r := m.read("issued/" + users[0])
				t.Errorf("half an hour later AWS has %v, with a key that nobody got; its record says %v until %v", users, r["state"], r["ends"])
			}
		})
	}
}

// failsWhileStorageFails has a request fail once its record says that a lease has the user, while storage takes no writes.
func (m *mount) failsWhileStorageFails() {
	m.t.Helper()
	m.aws.Inject(fakeaws.Fault{Action: "AttachUserPolicy", Kind: fakeaws.Refuse})
	held := m.aws.Inject(fakeaws.Fault{Action: "AttachUserPolicy", Kind: fakeaws.Hang})
	text := make(chan string)
	go func() {
		said, _ := outcome(m.ask(logical.ReadOperation, "creds/developer-access", nil))
		text <- said
	}()
	<-held.Reached()
	m.waitUntil("the record says that a lease has the user", func() bool { issued, _ := m.recordsByState(); return issued == 1 })
	m.storage.breaks("put", "")
	m.pass(2 * time.Minute) // the last write proves no more that this server leads
	held.Release()
	if said := <-text; !strings.Contains(said, "will be deleted when AWS allows it") {
		m.t.Errorf("it says %q", said)
	}
	m.storage.mend()
	m.aws.ClearFaults()
}
