// SPDX-License-Identifier: MPL-2.0

package backend

// A key that had to make room for the next one is never handed out when it is gone.

import (
	"context"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/vault/sdk/framework"
	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/engine"
	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

// newCrowdedMount has a static role whose user has a key of a customer's, too: each rotation
// deletes the role's key before it makes the next one.
func newCrowdedMount(t testing.TB, more ...map[string]any) (m *mount, own string) {
	t.Helper()
	m = newRotatingMount(t, more...)
	own = m.aws.AddKey("app").AccessKeyID
	m.aws.ResetCalls()
	return m, own
}

// noKeyYet reads static-creds while there is no key, and returns the text.
func (m *mount) noKeyYet() string {
	m.t.Helper()
	text, status := outcome(m.ask(logical.ReadOperation, "static-creds/app", nil))
	if status != http.StatusBadGateway || !strings.Contains(text, "was deleted to make room") {
		m.t.Errorf("static-creds answers %d %q", status, text)
	}
	return text
}

func TestStaticRotationRepeatsACallThatWasNotMade(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]fakeaws.Fault{
		"throttled":               {Kind: fakeaws.Throttle},
		"the place counts so far": {Kind: fakeaws.Refuse, Code: "LimitExceeded", Status: http.StatusConflict},
		"overlapping":             {Kind: fakeaws.Conflict},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m, own := newCrowdedMount(t)
			before := m.served("app")
			fault.Action, fault.Times = "CreateAccessKey", 1
			m.aws.Inject(fault)
			m.write("static-roles/app/rotate", nil)
			after := m.served("app")
			if after == before {
				t.Error("not rotated")
			}
			m.hasKeys("app", own, after)
		})
	}
}

// A call that AWS may have performed is not repeated: that would make a second key.
func TestStaticRotationRepeatsNothingThatMayBeDone(t *testing.T) {
	t.Parallel()
	for _, kind := range []fakeaws.Kind{fakeaws.LostAnswer, fakeaws.ServerError, fakeaws.ForeignAfter} {
		t.Run(kind.String(), func(t *testing.T) {
			t.Parallel()
			m, own := newCrowdedMount(t)
			m.aws.Inject(fakeaws.Fault{Action: "CreateAccessKey", Kind: kind, Times: 1})
			m.fails(logical.UpdateOperation, "static-roles/app/rotate", nil)
			made := slices.DeleteFunc(m.aws.Actions(), func(action string) bool { return action != "CreateAccessKey" })
			if len(made) != 1 {
				t.Errorf("CreateAccessKey was called %d times", len(made))
			}
			m.noKeyYet()
			m.settled(own)
		})
	}
}

func TestStaticCredsSayThatThereIsNoKey(t *testing.T) {
	t.Parallel()
	m, own := newCrowdedMount(t, noRetries)
	m.aws.Inject(fakeaws.Fault{Action: "CreateAccessKey", Kind: fakeaws.Throttle, Times: 2})
	m.fails(logical.UpdateOperation, "static-roles/app/rotate", nil)
	m.hasKeys("app", own)
	m.noKeyYet()
	m.mustTick() // in vain
	if text := m.noKeyYet(); !regexp.MustCompile(`read again in (2\d|30) seconds`).MatchString(text) || !strings.Contains(text, "Throttling") {
		t.Errorf("told %q", text)
	}
	m.pass(30 * time.Second)
	m.mustTick()
	m.hasKeys("app", own, m.served("app"))
}

// A rotation that is under way is waited for: who reads meanwhile gets the new key.
func TestStaticCredsWaitForTheKeyThatIsBeingMade(t *testing.T) {
	t.Parallel()
	m, own := newCrowdedMount(t)
	before := m.served("app")
	making := m.aws.Inject(fakeaws.Fault{Action: "CreateAccessKey", Kind: fakeaws.Hang, Times: 1})
	var group sync.WaitGroup
	group.Go(func() { _, _ = m.ask(logical.UpdateOperation, "static-roles/app/rotate", nil) })
	<-making.Reached()
	reads := m.watch("static-creds/app")
	group.Go(func() {
		<-reads
		making.Release()
	})
	after := m.served("app")
	group.Wait()
	if after == before {
		t.Error("the deleted key is answered")
	}
	m.hasKeys("app", own, after)
}

// While another server makes the key, there is nobody to wait for here, and it takes no day.
func TestStaticCredsWhileAnotherServerMakesTheKey(t *testing.T) {
	t.Parallel()
	m, _ := newCrowdedMount(t)
	stored, err := engine.Load[map[string]any](m.ctx, m.storage, "static-creds/app")
	if err != nil {
		t.Fatal(err)
	}
	(*stored)["ending"] = true
	m.put("static-creds/app", stored)
	if text := m.noKeyYet(); !strings.Contains(text, "read again in 5 seconds") {
		t.Errorf("told %q", text)
	}
}

// Whatever goes wrong with a rotation, what static-creds answers works.
func TestStaticCredsNeverAnswerADeadKey(t *testing.T) {
	t.Parallel()
	eachFault(t, rotateCalls, everyFault, func(t *testing.T, fault fakeaws.Fault) {
		m, own := newCrowdedMount(t, noRetries)
		before := m.served("app")
		m.aws.Inject(fault)
		m.fails(logical.UpdateOperation, "static-roles/app/rotate", nil)
		switch _, err := m.ask(logical.ReadOperation, "static-creds/app", nil); {
		case err != nil:
			m.noKeyYet()
		case m.served("app") != before:
			t.Error("another key is answered")
		}
		if fault.Action == "DeleteAccessKey" && (fault.Kind == fakeaws.Refuse || fault.Kind == fakeaws.Throttle) {
			m.served("app") // AWS certainly did not delete it
		}
		m.settled(own)
	})
}

// leaving is the storage of a request whose client leaves when a record of the WAL is to be written.
type leaving struct {
	logical.Storage
	leave context.CancelFunc
}

func (s *leaving) Put(ctx context.Context, entry *logical.StorageEntry) error {
	if strings.HasPrefix(entry.Key, framework.WALPrefix) {
		s.leave()
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return s.Storage.Put(ctx, entry)
}

// A rotation that has begun to make room goes on when its client has left: a key is handed out that works.
func TestStaticRotationGoesOnWithoutItsClient(t *testing.T) {
	t.Parallel()
	m, own := newCrowdedMount(t)
	ctx, leave := context.WithCancel(m.ctx)
	req := m.request(logical.UpdateOperation, "static-roles/app/rotate", nil)
	req.Storage = &leaving{m.storage, leave}
	_, _ = m.b.HandleRequest(ctx, req) // nobody is there for the answer
	m.hasKeys("app", own, m.served("app"))
	m.recorded(0)
}
