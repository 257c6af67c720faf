// SPDX-License-Identifier: MPL-2.0

package backend

// AWS may perform an attempt of CreateUser after a later one was answered, and after the user
// of that one was deleted. The record stays until AWS would refuse the attempt for its age.

import (
	"net/url"
	"testing"
	"time"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/users"
	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

// createdName is the name that AWS was last asked to create.
func (m *mount) createdName() (name string) {
	m.t.Helper()
	for _, c := range m.aws.Calls() {
		if c.Action == "CreateUser" {
			name = c.User
		}
	}
	return name
}

// late has AWS perform an attempt to create a user.
func (m *mount) late(user string) {
	m.t.Helper()
	m.call("CreateUser", url.Values{"UserName": {user}})
	m.aws.Dirty(user)
}

// untilCertain is how many minutes it takes until nothing can come late any more.
const untilCertain = int(users.DefaultLateWindow/time.Minute) + 2

// minutes lets time pass, with a tick in each minute.
func (m *mount) minutes(n int) {
	m.t.Helper()
	for range n {
		m.age(time.Minute)
		m.mustTick()
	}
}

func TestUserThatAWSMakesLateEnds(t *testing.T) {
	t.Parallel()
	for name, faults := range map[string][]fakeaws.Fault{
		"a later attempt was answered": {
			{Action: "CreateUser", Kind: fakeaws.Cut, Times: 1}, {Action: "AttachUserPolicy", Kind: fakeaws.Refuse},
		},
		"none was answered":    {{Action: "CreateUser", Kind: fakeaws.Cut}},
		"the last one was not": {{Action: "CreateUser", Kind: fakeaws.Unavailable}},
		"the one without tags was refused": {
			{Action: "CreateUser", Kind: fakeaws.Cut, Times: 1}, {Action: "CreateUser", Kind: fakeaws.Refuse},
		},
	} {
		for _, after := range []int{0, 6, 14} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				m := newConfiguredMount(t)
				for _, f := range faults {
					m.aws.Inject(f)
				}
				m.fails(logical.ReadOperation, "creds/developer-access", nil)
				m.aws.ClearFaults()
				user := m.createdName()
				m.minutes(after)
				m.late(user)
				m.minutes(untilCertain)
				m.has(user, false)
				m.recorded(0)
				m.registered(0)
			})
		}
	}
}

// Nothing stays written down for what AWS has certainly refused.
func TestRefusedUserLeavesNoRecord(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t)
	m.aws.Inject(fakeaws.Fault{Action: "CreateUser", Kind: fakeaws.Refuse})
	m.refused(logical.ReadOperation, "creds/developer-access", nil)
	m.recorded(0)
	m.registered(0)
}

// The same with a process that dies: what it asked for may come as late.
func TestUserThatAWSMakesLateEndsAfterACrash(t *testing.T) {
	t.Parallel()
	for _, action := range []string{"CreateUser", "CreateAccessKey"} {
		m := newWideMount(t, noRetries)
		m.dieAt(action)
		user := m.createdName()
		m.mustTick()
		m.has(user, false)
		m.recorded(1) // an attempt of the process that died may come yet
		m.minutes(10)
		m.late(user)
		m.minutes(untilCertain)
		m.has(user, false)
		m.recorded(0)
	}
}

// AWS refuses our tags, makes the user without them, loses the answer, and refuses the next
// attempt: the user exists.
func TestUserWithoutTagsInDoubtEnds(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t)
	for _, kind := range []fakeaws.Kind{fakeaws.Refuse, fakeaws.LostAnswer, fakeaws.Refuse} {
		m.aws.Inject(fakeaws.Fault{Action: "CreateUser", Kind: kind, Times: 1})
	}
	if _, err := m.ask(logical.ReadOperation, "creds/developer-access", nil); err == nil {
		m.noUsers()
	}
	m.minutes(untilCertain)
	m.noUsers()
	m.recorded(0)
}
