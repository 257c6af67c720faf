// SPDX-License-Identifier: MPL-2.0

package backend

// When the root key is rotated without being asked: what config/root says about it, and
// what is remembered from one time to the next. The timer is Vault's rollback manager,
// which comes by once a minute; no rotation manager of Vault Enterprise is needed.

import "time"

import "vault-plugin-secrets-aws-dyn/backend/engine"

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

// follow begins to count anew when there is another plan, or another key that somebody
// wrote to config/root. A period that was only made longer or shorter counts from where
// it did.
func (r *rootRotation) follow(c *engine.RootConfig, now time.Time) (changed bool) {
	plan := c.Plan()
	if plan == r.Plan && (plan == "" || c.AccessKey == r.Key) {
		return false
	}
	*r = rootRotation{Plan: plan, Key: c.AccessKey, Since: now, Last: r.Last}
	return true
}

// next is when the key is to be rotated; zero for never.
func (r *rootRotation) next(c *engine.RootConfig, now time.Time) time.Time {
	from, retry := later(r.Since, r.Last), r.retry()
	switch {
	case r.Plan == "":
		return time.Time{}
	case c.RotationSchedule == "":
		return later(from.Add(c.RotationPeriod), retry)
	}
	schedule, err := engine.ParseCron(c.RotationSchedule)
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
func (r *rootRotation) response(c *engine.RootConfig, now time.Time) map[string]any {
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
