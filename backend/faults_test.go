// SPDX-License-Identifier: MPL-2.0

package backend

// What is left when a call to AWS goes wrong: every call of a creation and of a
// revocation, in every way that a call can go wrong.

import (
	"testing"
	"time"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/users"
	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

var (
	createCalls = []string{"CreateUser", "AttachUserPolicy", "PutUserPolicy", "AddUserToGroup", "CreateAccessKey"}
	revokeCalls = []string{"DeleteAccessKey", "DetachUserPolicy", "DeleteUserPolicy", "RemoveUserFromGroup", "DeleteUser"}

	// everyFault is how a call can go wrong once.
	everyFault = []fakeaws.Kind{fakeaws.LostAnswer, fakeaws.Cut, fakeaws.ServerError, fakeaws.Throttle, fakeaws.Refuse}
)

// eachFault runs a test for every call and fault.
func eachFault(t *testing.T, calls []string, kinds []fakeaws.Kind, test func(t *testing.T, fault fakeaws.Fault)) {
	for _, action := range calls {
		for _, kind := range kinds {
			t.Run(action+"/"+kind.String(), func(t *testing.T) {
				t.Parallel()
				test(t, fakeaws.Fault{Action: action, Kind: kind, Times: 1})
			})
		}
	}
}

func TestFailedCreateLeavesNoUser(t *testing.T) {
	t.Parallel()
	eachFault(t, createCalls, everyFault, func(t *testing.T, fault fakeaws.Fault) {
		m := newWideMount(t, noRetries)
		if fault.Action == "CreateUser" && fault.Kind == fakeaws.Refuse {
			fault.Times = 2 // with our tags, and without
		}
		m.aws.Inject(fault)
		m.fails(logical.ReadOperation, "creds/wide", nil)
		m.noUsers()
		m.pass(users.DefaultLateWindow)
		m.mustTick()
		m.recorded(0)
		m.registered(0)
	})
}

func TestFailedRevokeCanBeRepeated(t *testing.T) {
	t.Parallel()
	eachFault(t, revokeCalls, everyFault, func(t *testing.T, fault fakeaws.Fault) {
		m := newWideMount(t, noRetries)
		creds := m.creds("wide")
		met := m.aws.Inject(fault)
		if _, err := m.lease(logical.RevokeOperation, creds); err != nil {
			m.revoke(creds)
		}
		if met.Hits() != 1 {
			t.Errorf("the fault was met %d times", met.Hits())
		}
		m.noUsers()
	})
}

// With the default retries, what passes is not even noticed.
func TestPassingFaultIsAbsorbed(t *testing.T) {
	t.Parallel()
	passing := []fakeaws.Kind{
		fakeaws.Conflict, fakeaws.Throttle, fakeaws.ServerError, fakeaws.Unavailable, fakeaws.Cut, fakeaws.LostAnswer,
	}
	absorbed := func(t *testing.T, fault fakeaws.Fault) {
		m := newWideMount(t)
		met := m.aws.Inject(fault)
		creds := m.creds("wide")
		if user, _ := m.aws.User(m.user(creds)); len(user.AccessKeys) != 1 {
			t.Errorf("the user has the keys %v", user.AccessKeys)
		}
		m.revoke(creds)
		if met.Hits() != 1 {
			t.Errorf("the fault was met %d times", met.Hits())
		}
		m.noUsers()
		m.pass(DefaultWALMinAge) // a lost answer to DeleteUser is looked into once more
		m.mustTick()
		m.recorded(0)
	}
	eachFault(t, createCalls, passing, absorbed)
	eachFault(t, createCalls[1:], []fakeaws.Kind{fakeaws.Lagging}, absorbed)
	eachFault(t, revokeCalls, passing, absorbed)
}

// AWS goes away in the middle of a creation and stays away: the record stays, and
// the rollback ends the user when AWS is back.
func TestRecordStaysWhileAWSIsAway(t *testing.T) {
	t.Parallel()
	for _, action := range createCalls {
		t.Run(action, func(t *testing.T) {
			t.Parallel()
			m := newWideMount(t, noRetries)
			m.aws.Inject(fakeaws.Fault{Action: action, Kind: fakeaws.LostAnswer, Times: 1})
			for _, then := range append([]string{"GetUser"}, revokeCalls...) {
				m.aws.Inject(fakeaws.Fault{Action: then, Kind: fakeaws.Cut})
			}
			m.fails(logical.ReadOperation, "creds/wide", nil)
			written := func() int { issued, creating := m.recordsByState(); return issued + creating }
			if written() != 1 {
				t.Errorf("%d records", written())
			}
			m.pass(DefaultWALMinAge)
			if err := m.tick(); err == nil {
				t.Error("a rollback without AWS went well")
			}
			if written() != 1 {
				t.Errorf("%d records", written())
			}
			m.aws.ClearFaults()
			m.mustTick()
			m.noUsers()
			m.pass(users.DefaultLateWindow) // AWS may perform late what it did not answer
			m.mustTick()
			m.recorded(0)
			m.registered(0)
		})
	}
}

// AWS answers overlapping changes of one user with 409, for as long as they
// overlap. The engine makes them one after another in the end.
func TestOverlapsThatAWSRefusesAreMadeInTurn(t *testing.T) {
	t.Parallel()
	for name, retries := range map[string]map[string]any{"default retries": {}, "no retries": noRetries} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newWideMount(t, retries)
			m.aws.SetLatency(5 * time.Millisecond)
			m.aws.SetConflicts(true)
			creds := m.creds("wide")
			m.revoke(creds)
			m.noUsers()
			m.recorded(0)
		})
	}
}

// A name that is taken is somebody else's: nothing is deleted.
func TestUserOfTheSameNameIsLeftAlone(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t, map[string]any{"username_template": "{{ .PolicyName }}"})
	m.aws.AddUser("developer-access")
	m.refused(logical.ReadOperation, "creds/developer-access", nil)
	if _, ok := m.aws.User("developer-access"); !ok {
		t.Error("the user was deleted")
	}
	m.recorded(0)
}
