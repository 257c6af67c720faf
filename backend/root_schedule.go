// SPDX-License-Identifier: MPL-2.0

package backend

// When the root key is rotated without being asked: what config/root says about it, and
// what is remembered from one time to the next. The timer is Vault's rollback manager,
// which comes by once a minute; no rotation manager of Vault Enterprise is needed.

import (
	"time"

	"github.com/hashicorp/vault/sdk/framework"
)

const longestBackoff = time.Hour

// rootRotation is what is remembered about rotations of the root key.
type rootRotation struct {
	Plan  string    `json:"plan"`                         // the plan for which Since counts
	Key   string    `json:"access_key"`                   // and the key
	Since time.Time `json:"since,omitzero"`               // when it was first planned
	Last  time.Time `json:"last_vault_rotation,omitzero"` // when it was last done
	Error string    `json:"rotation_error,omitempty"`     // why it failed, if it did since then
	At    time.Time `json:"rotation_failed_at,omitzero"`  // when it failed
	Times int       `json:"rotation_failures,omitempty"`  // how often in a row
}

func newRootRotation() *rootRotation { return new(rootRotation) }

// rotationFields are those of config/root about when its key rotates.
func rotationFields() map[string]*framework.FieldSchema {
	return map[string]*framework.FieldSchema{
		"rotation_period": {
			Type:        framework.TypeDurationSecond,
			Description: "How often to replace the access key by a new one: a minute or more. 0: not by time. Not beside rotation_schedule.",
		},
		"rotation_schedule": {
			Type:        framework.TypeString,
			Description: "When to replace the access key by a new one, as a cron schedule of five fields, in UTC. Not beside rotation_period.",
		},
		"rotation_window": {
			Type:        framework.TypeDurationSecond,
			Description: "For how long after a time of rotation_schedule the rotation may still begin: an hour or more. 0: without limit.",
		},
		"disable_automated_rotation": {
			Type:        framework.TypeBool,
			Description: "Stop rotating by period or schedule, and keep both.",
		},
		"rotation_policy": {
			Type:        framework.TypeString,
			Description: "Kept and read back; it has no effect, because the engine does not use Vault Enterprise's rotation manager.",
		},
	}
}

// updateRotation takes what the request names about the schedule.
func (c *rootConfig) updateRotation(d *framework.FieldData) {
	set(d, "rotation_schedule", &c.RotationSchedule)
	setSeconds(d, "rotation_window", &c.RotationWindow)
	setSeconds(d, "rotation_period", &c.RotationPeriod)
	set(d, "disable_automated_rotation", &c.DisableAutomatedRotation)
	set(d, "rotation_policy", &c.RotationPolicy)
}

func (c *rootConfig) validateRotation(m *mistakes) {
	period, schedule, window := c.RotationPeriod, c.RotationSchedule, c.RotationWindow
	if period != 0 && schedule != "" {
		m.add("rotation_schedule", "cannot be set beside rotation_period; write 0 or an empty text to the one that shall not count")
	}
	if period != 0 && period < leastPeriod {
		m.add("rotation_period", "%v is too short; the shortest is %v, and 0 switches it off", period, leastPeriod)
	}
	if schedule != "" {
		validateCron(m, schedule)
	}
	switch {
	case window != 0 && schedule == "":
		m.add("rotation_window", "goes with rotation_schedule, which is not set; write 0 to unset it")
	case window != 0 && window < leastWindow:
		m.add("rotation_window", "%v is too short; the shortest is %v, and 0 sets no limit", window, leastWindow)
	}
	if c.AccessKey == "" && !c.DisableAutomatedRotation {
		const missing = "needs access_key and secret_key in config/root; an identity from the environment is not the engine's to rotate"
		if period != 0 {
			m.add("rotation_period", missing)
		}
		if schedule != "" {
			m.add("rotation_schedule", missing)
		}
	}
}

// plan says what kind of schedule is in force; empty when there is none.
func (c *rootConfig) plan() string {
	switch {
	case c.DisableAutomatedRotation, c.AccessKey == "":
		return ""
	case c.RotationSchedule != "":
		return "schedule " + c.RotationSchedule
	case c.RotationPeriod != 0:
		return "period"
	}
	return ""
}

// follow begins to count anew when there is another plan, or another key that somebody
// wrote to config/root. A period that was only made longer or shorter counts from where
// it did.
func (r *rootRotation) follow(c *rootConfig, now time.Time) (changed bool) {
	plan := c.plan()
	if plan == r.Plan && (plan == "" || c.AccessKey == r.Key) {
		return false
	}
	*r = rootRotation{Plan: plan, Key: c.AccessKey, Since: now, Last: r.Last}
	return true
}

// next is when the key is to be rotated; zero for never.
func (r *rootRotation) next(c *rootConfig, now time.Time) time.Time {
	from, retry := later(r.Since, r.Last), r.retry()
	switch {
	case r.Plan == "":
		return time.Time{}
	case c.RotationSchedule == "":
		return later(from.Add(c.RotationPeriod), retry)
	}
	schedule, err := parseCron(c.RotationSchedule)
	if err != nil {
		return time.Time{}
	}
	if c.RotationWindow > 0 { // what is past its window has been missed
		from = later(from, later(now, retry).Add(-c.RotationWindow))
	}
	return later(schedule.Next(from), retry)
}

// retry is when a failed rotation may be tried again: after a minute, then two, and at
// last every hour.
func (r *rootRotation) retry() time.Time {
	if r.Times <= 0 {
		return time.Time{}
	}
	return r.At.Add(min(time.Minute<<min(r.Times-1, 10), longestBackoff))
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// response is what a read of config/root shows.
func (r *rootRotation) response(c *rootConfig, now time.Time) map[string]any {
	data := map[string]any{
		"last_vault_rotation": stamp(r.Last),
		"next_vault_rotation": stamp(r.next(c, now)),
	}
	if r.Times > 0 {
		data["rotation_error"] = r.Error
		data["rotation_failed_at"] = stamp(r.At)
	}
	return data
}

// stamp is a time in an answer: text, or null for none.
func stamp(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UTC().Format(time.RFC3339)
}
