// SPDX-License-Identifier: MPL-2.0

package status

// What is kept of the calls to AWS: of each action, and of what it was for, the last success and the
// last failure.

import (
	"time"

	"vault-plugin-secrets-aws-dyn/internal/awscreds"
)

// Checking is what calls of a check are about. Their failures are the check's to tell.
const Checking = "check"

// throttleTime is for how long after a throttled attempt AWS counts as throttling.
const throttleTime = time.Minute

// client is who calls which service: as which role of another account, or as config/root says.
type client struct{ role, service string }

// callKey is what is told apart.
type callKey struct {
	client
	action string
	about  string
}

func (k callKey) name() string { return k.service + " " + k.action }

// call is what is known of one of them.
type call struct {
	callKey
	succeeded time.Time
	failed    time.Time
	failures  int // in a row
	reason    awscreds.Reason
	code      string
	words     string
	requestID string

	throttled time.Time
	throttles int
	rate      float64

	answered    time.Time // the last success of any call of the client at the service
	answeredAny time.Time // and at any service
	done        time.Time // and of this action
}

// Attempt hears of an attempt of a call to AWS, as [awscreds.Config].Watch.
func (m *Memory) Attempt(a awscreds.Attempt) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.now()
	if a.Answered {
		m.ahead, m.aheadAt = a.Ahead, now
	}
	by := client{a.Role, a.Service}
	failed := a.Failed && !isUsual(a)
	if !failed {
		m.noteSuccess(by, now)
	}
	if a.About == Checking {
		return
	}
	key := callKey{by, a.Action, a.About}
	c := m.calls[key]
	if c == nil {
		m.makeRoom()
		c = &call{callKey: key}
		m.calls[key] = c
	}
	if !failed {
		c.succeeded, c.failures = now, 0
		return
	}
	if a.Reason == awscreds.ReasonThrottled {
		if now.Sub(c.throttled) > throttleTime {
			c.throttles = 0
		}
		c.throttled, c.rate = now, a.Rate
		c.throttles++
	}
	c.failed, c.reason, c.code, c.words, c.requestID = now, a.Reason, a.Code, abridged(a.Words), a.RequestID
	c.failures++
}

// noteSuccess keeps one moment for each client. One that is not used any more goes with its calls.
func (m *Memory) noteSuccess(by client, now time.Time) {
	if _, known := m.answered[by]; !known && len(m.answered) >= mostCalls {
		clear(m.answered)
	}
	m.answered[by] = now
}

// lastSuccess is that of any call of a client. The caller holds the lock.
func (m *Memory) lastSuccess(role string) (last time.Time) {
	for by, at := range m.answered {
		if by.role == role {
			last = later(last, at)
		}
	}
	return last
}

// makeRoom drops the call that was made longest ago, one that went well where there is one. The caller
// holds the lock.
func (m *Memory) makeRoom() {
	if len(m.calls) < mostCalls {
		return
	}
	var oldest *call
	for _, c := range m.calls {
		if oldest == nil || (c.failures > 0) == (oldest.failures > 0) && c.last().Before(oldest.last()) || c.failures == 0 && oldest.failures > 0 {
			oldest = c
		}
	}
	delete(m.calls, oldest.callKey)
}

// last is when the call was last made.
func (c *call) last() time.Time { return later(c.succeeded, c.failed) }

// missed are the actions for which something that does not exist has to be mended by people: policies,
// boundaries and groups. To all others "no such entity" is an answer like any other.
var missed = map[string]bool{
	"CreateUser": true, "AttachUserPolicy": true, "AddUserToGroup": true,
	"ListAttachedGroupPolicies": true, "ListGroupPolicies": true, "GetGroupPolicy": true,
}

// isUsual reports whether a refusal is one that the engine counts on: it asks whether something exists,
// removes what may be gone, or comes again by itself.
func isUsual(a awscreds.Attempt) bool {
	switch a.Code {
	case "EntityAlreadyExists", "DeleteConflict", "ConcurrentModification", "EntityTemporarilyUnmodifiable":
		return true
	case "AccessDenied": // AWS denies what it does not know, too
		return a.Action == "GetAccessKeyLastUsed"
	}
	return a.Reason == awscreds.ReasonMissing && !missed[a.Action]
}

// staleAfter is how long a failure counts that nothing has come after.
const staleAfter = 24 * time.Hour

// stands reports whether a failure is one of now: nothing has gone well since that would not have.
func (c *call) stands(now time.Time) bool {
	if c.failures == 0 || now.Sub(c.failed) > staleAfter {
		return false
	}
	switch c.reason {
	case awscreds.ReasonAway:
		return c.answered.Before(c.failed)
	case awscreds.ReasonNoIdentity, awscreds.ReasonKey, awscreds.ReasonSignature, awscreds.ReasonExpired, awscreds.ReasonRegion:
		return c.answeredAny.Before(c.failed)
	case awscreds.ReasonQuota:
		return c.action != "CreateUser" || c.done.Before(c.failed) // users of all roles count
	case awscreds.ReasonThrottled, awscreds.ReasonUnsupported:
		return false // told elsewhere; and of what is not AWS it is the rule
	}
	return true
}

// isThrottled reports whether AWS throttles the call now.
func (c *call) isThrottled(now time.Time) bool {
	return !c.throttled.IsZero() && now.Sub(c.throttled) <= throttleTime
}
