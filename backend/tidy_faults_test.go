// SPDX-License-Identifier: MPL-2.0

package backend

// Tidy while AWS fails, throttles and refuses.

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

// Every call of a run goes wrong once, in every way. What passes does not even show; what
// AWS refuses is told, and the next run does the rest.
func TestTidyThroughFaults(t *testing.T) {
	t.Parallel()
	calls := []string{"ListUsers", "GetUser", "DeleteUser", "ListAccessKeys", "DeleteAccessKey", "DetachUserPolicy"}
	eachFault(t, calls, everyFault, func(t *testing.T, fault fakeaws.Fault) {
		m := newConfiguredMount(t, noRetries)
		m.aws.AddUser("alice")
		user := m.orphan()
		if fault.Action == "GetUser" {
			fault.User = user
		}
		met := m.aws.Inject(fault)
		status := m.tidy(deleting)
		if met.Hits() != 1 {
			t.Errorf("the fault was met %d times", met.Hits())
		}
		if _, left := m.aws.User(user); left {
			if told := fmt.Sprint(status["error"], status["errors"]); fault.Kind != fakeaws.Refuse || !strings.Contains(told, "AccessDenied") {
				t.Errorf("%s is left: %v", user, status)
			}
			m.told(m.tidy(deleting), map[string]any{"state": "finished", "deleted_count": 1, "errors_count": 0})
		} else {
			m.told(status, map[string]any{"state": "finished", "found_count": 1, "deleted_count": 1})
		}
		m.noUsers()
	})
}

// AWS's rate limits and outages: a run waits, and gives up in the end.
func TestTidyGivesUpWhenAWSDoes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		action string
		kind   fakeaws.Kind
		code   string
		error  string
		hits   int
	}{
		{"ListUsers", fakeaws.Throttle, "", "listing the IAM users of the account", 5},
		{"ListUsers", fakeaws.Refuse, "", "AccessDenied", 1},
		{"GetUser", fakeaws.Cut, "", "3 users in a row", 3 * 5},
		{"GetUser", fakeaws.Throttle, "", "Throttling", 3 * 5},
		{"GetUser", fakeaws.Refuse, "InvalidClientTokenId", "InvalidClientTokenId", 3},
	} {
		t.Run(c.action+"/"+c.kind.String()+c.code, func(t *testing.T) {
			t.Parallel()
			m := newConfiguredMount(t)
			for _, name := range []string{"alice", "bob", "carol", "dave"} {
				m.aws.AddUser(name)
			}
			m.age(2 * time.Hour)
			met := m.aws.Inject(fakeaws.Fault{Action: c.action, Kind: c.kind, Code: c.code})
			status := m.tidy(deleting)
			if status["state"] != "error" || !strings.Contains(fmt.Sprint(status["error"]), c.error) {
				t.Errorf("ended with %v", status)
			}
			if met.Hits() != c.hits {
				t.Errorf("called %d times, want %d", met.Hits(), c.hits)
			}
		})
	}
}

// A user whose deletion fails keeps no other from being deleted.
func TestTidyGoesOnAfterAUserThatCannotBeDeleted(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t)
	users := []string{m.orphan(), m.orphan(), m.orphan(), m.orphan(), m.orphan()}
	for _, user := range users[:4] {
		m.aws.Inject(fakeaws.Fault{Action: "DeleteUser", User: user, Kind: fakeaws.Refuse})
	}
	status := m.tidy(deleting)
	m.told(status, map[string]any{"state": "finished", "found_count": 5, "deleted_count": 1, "errors_count": 4})
	if text := fmt.Sprint(status["errors"]); !strings.Contains(text, users[0]) || !strings.Contains(text, "AccessDenied") {
		t.Errorf("told %s", text)
	}
	m.has(users[4], false)
	m.aws.ClearFaults()
	m.aws.Settle() // else AWS may list and show the one that is gone
	m.told(m.tidy(deleting), map[string]any{"deleted_count": 4})
}

// The engine's identity may be allowed to read the users of its prefix only.
func TestTidyCountsUsersThatItMayNotRead(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t)
	user := m.orphan()
	for _, name := range []string{"alice", "bob", "carol", "dave"} {
		m.aws.AddUser(name)
		m.aws.Inject(fakeaws.Fault{Action: "GetUser", User: name, Kind: fakeaws.Refuse})
	}
	m.age(2 * time.Hour)
	status := m.tidy(deleting)
	m.told(status, map[string]any{"state": "finished", "users_refused": 4, "errors_count": 4, "deleted_count": 1})
	m.has(user, false)
	m.aws.Inject(fakeaws.Fault{Action: "GetUser", User: "vault-root", Kind: fakeaws.Refuse})
	status = m.tidy(deleting)
	if text := fmt.Sprint(status["error"]); status["state"] != "error" || !strings.Contains(text, "AccessDenied") {
		t.Errorf("nobody could be read, and the status is %v", status)
	}
}
