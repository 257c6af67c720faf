// SPDX-License-Identifier: MPL-2.0

package backend

// What is left when the making of a key goes wrong: at every call, in every way.

import (
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/engine"
	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

var (
	adoptCalls  = []string{"GetUser", "ListAccessKeys", "CreateAccessKey"}
	rotateCalls = []string{"GetUser", "ListAccessKeys", "DeleteAccessKey", "CreateAccessKey"}
)

// settled checks that after some ticks exactly the recorded keys and the customer's own
// exist, that the key which is served works, and that nothing is written down any more.
func (m *mount) settled(own ...string) {
	m.t.Helper()
	for range 5 { // until AWS would have told of a use
		m.mustTick()
		m.age(DefaultWALMinAge)
	}
	m.recorded(0)
	want := own
	if entry, err := m.storage.Get(m.ctx, engine.PrefixStaticCreds+"app"); err != nil {
		m.t.Fatal(err)
	} else if entry != nil {
		var c struct {
			PreviousKey string `json:"previous_access_key"`
		}
		if err := entry.DecodeJSON(&c); err != nil {
			m.t.Fatal(err)
		}
		for _, id := range m.keys("app") { // a previous key may have made room for its successor
			if id == c.PreviousKey {
				want = append(want, id)
			}
		}
		want = append(want, m.served("app"))
	}
	m.hasKeys("app", want...)
}

func TestStaticFailedAdoptionLeavesNoKey(t *testing.T) {
	t.Parallel()
	eachFault(t, adoptCalls, everyFault, func(t *testing.T, fault fakeaws.Fault) {
		m := newStaticMount(t, noRetries)
		own := m.aws.AddKey("app").AccessKeyID
		met := m.aws.Inject(fault)
		m.fails(logical.UpdateOperation, "static-roles/app", daily)
		if m.read("static-roles/app") != nil || met.Hits() != 1 {
			t.Errorf("role %v, fault met %d times", m.read("static-roles/app"), met.Hits())
		}
		if fault.Kind != fakeaws.LostAnswer && fault.Kind != fakeaws.HangAfter {
			m.hasKeys("app", own) // at once; else AWS has to tell first that nobody uses the other one
		}
		m.settled(own)
		m.write("static-roles/app", daily)
		m.settled(own)
	})
}

// rotations are the states that a rotation can begin in.
var rotations = map[string]func(m *mount) (own []string){
	"first":          func(*mount) []string { return nil },
	"with previous":  func(m *mount) []string { m.write("static-roles/app/rotate", nil); return nil },
	"beside another": func(m *mount) []string { return []string{m.aws.AddKey("app").AccessKeyID} },
}

func TestStaticFailedRotationIsMadeGood(t *testing.T) {
	t.Parallel()
	for name, begin := range rotations {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			eachFault(t, rotateCalls, everyFault, func(t *testing.T, fault fakeaws.Fault) {
				m := newRotatingMount(t, noRetries)
				own := begin(m)
				before := m.served("app")
				m.aws.Inject(fault)
				m.pass(25 * time.Hour)
				m.mustTick()
				m.settled(own...)
				if m.served("app") == before {
					t.Error("not rotated in the end")
				}
			})
		})
	}
}

// AWS goes away after a lost answer and stays away: the record stays, and the next
// tick deletes the key that nobody knows.
func TestStaticRecordStaysWhileAWSIsAway(t *testing.T) {
	t.Parallel()
	for name, begin := range rotations {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newRotatingMount(t, noRetries)
			own := begin(m)
			m.aws.Inject(fakeaws.Fault{Action: "CreateAccessKey", Kind: fakeaws.LostAnswer, Times: 1})
			away := m.aws.Inject(fakeaws.Fault{Action: "GetUser", Kind: fakeaws.Cut, After: 1})
			if text := m.fails(logical.UpdateOperation, "static-roles/app/rotate", nil); !strings.Contains(text, "may have a new key") {
				t.Errorf("told %q", text)
			}
			m.recorded(1)
			if err := m.tick(); err == nil {
				t.Error("a rollback without AWS went well")
			}
			m.recorded(1)
			away.Remove()
			m.untilUseIsTold()
			m.recorded(0)
			m.write("static-roles/app/rotate", nil) // the key that made room for the lost one is replaced
			m.settled(own...)
		})
	}
}

// The record goes before the retry is tried: a stray key is not taken for a customer's.
func TestStaticRetryAfterALostAnswer(t *testing.T) {
	t.Parallel()
	m := newStaticMount(t, noRetries)
	m.aws.Inject(fakeaws.Fault{Action: "CreateAccessKey", Kind: fakeaws.LostAnswer, Times: 1})
	m.fails(logical.UpdateOperation, "static-roles/app", daily)
	m.recorded(1)
	if len(m.keys("app")) != 1 {
		t.Fatalf("keys: %v", m.keys("app"))
	}
	m.write("static-roles/app", daily)
	if others := m.read("static-roles/app")["other_access_keys"]; len(others.([]string)) > 0 {
		t.Errorf("a customer's keys are %v", others)
	}
	m.settled()
}

// AWS may not list a key that was just made: the record stays until it has had time to.
func TestStaticStrayKeyThatAWSDoesNotShowYet(t *testing.T) {
	t.Parallel()
	m := newRotatingMount(t, noRetries)
	first := m.served("app")
	m.storage.breaks("put", engine.PrefixStaticCreds)
	m.aws.Inject(fakeaws.Fault{Action: "DeleteAccessKey", Kind: fakeaws.Lagging, Times: 1})
	m.fails(logical.UpdateOperation, "static-roles/app/rotate", nil)
	m.storage.mend()
	m.recorded(1)
	m.untilUseIsTold()
	m.hasKeys("app", first)
	m.recorded(0)

	m.aws.Inject(fakeaws.Fault{Action: "CreateAccessKey", Kind: fakeaws.Cut, Times: 1})
	m.fails(logical.UpdateOperation, "static-roles/app/rotate", nil)
	m.mustTick()
	m.recorded(1) // there was none, which only time tells
	m.pass(DefaultWALMinAge)
	m.mustTick()
	m.recorded(0)
	m.hasKeys("app", first)
}

// While a record waits, somebody makes a key by hand: it is theirs.
func TestStaticRollbackLeavesALaterKeyAlone(t *testing.T) {
	t.Parallel()
	m := newRotatingMount(t, noRetries)
	first := m.served("app")
	m.aws.Inject(fakeaws.Fault{Action: "CreateAccessKey", Kind: fakeaws.Cut, Times: 1})
	m.fails(logical.UpdateOperation, "static-roles/app/rotate", nil)
	m.recorded(1)
	m.pass(10 * time.Minute)
	own := m.aws.AddKey("app").AccessKeyID
	m.mustTick()
	m.hasKeys("app", first, own)
	m.recorded(0)
}

// A record of one role's lost key does not mean the key of another role of the same user.
func TestStrayKeyOfOneRoleSparesTheKeyOfAnother(t *testing.T) {
	t.Parallel()
	for name, before := range map[string]func(m *mount){
		"the first key was not made": func(m *mount) {
			m.aws.Inject(fakeaws.Fault{Action: "CreateAccessKey", Kind: fakeaws.Cut, Times: 1})
			m.fails(logical.UpdateOperation, "static-roles/app", daily)
		},
		"the answer to its deletion was lost": func(m *mount) {
			m.write("static-roles/app", daily)
			m.aws.Inject(fakeaws.Fault{Action: "DeleteAccessKey", Kind: fakeaws.LostAnswer, Times: 1})
			m.do(logical.DeleteOperation, "static-roles/app", nil)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newStaticMount(t)
			before(m)
			m.write("static-roles/renamed", daily)
			m.untilUseIsTold()
			m.served("renamed")
			m.do(logical.DeleteOperation, "static-roles/renamed", nil)
		})
	}
}

// A record that names its key means no other.
func TestDeletedStaticRoleSparesTheNextKeyOfItsUser(t *testing.T) {
	t.Parallel()
	m := newRotatingMount(t)
	m.aws.Inject(fakeaws.Fault{Action: "DeleteAccessKey", Kind: fakeaws.LostAnswer, Times: 1})
	m.do(logical.DeleteOperation, "static-roles/app", nil)
	customers := m.aws.AddKey("app").AccessKeyID
	m.untilUseIsTold()
	m.hasKeys("app", customers)
}
