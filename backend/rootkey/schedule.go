// SPDX-License-Identifier: MPL-2.0

package rootkey

// When the root key is rotated without being asked: what config/root says about it, and
// what is remembered from one time to the next. The timer is Vault's rollback manager,
// which comes by once a minute; no rotation manager of Vault Enterprise is needed.

import (
	"context"
	"time"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/engine"
)

const longestBackoff = time.Hour

// state is what is remembered about rotations of the root key.
type state struct {
	Plan  string    `json:"plan"`                         // the plan for which Since counts
	Key   string    `json:"access_key"`                   // and the key
	Since time.Time `json:"since,omitzero"`               // when it was first planned
	Last  time.Time `json:"last_vault_rotation,omitzero"` // when it was last done
	Error string    `json:"rotation_error,omitempty"`     // why it failed, if it did since then
	At    time.Time `json:"rotation_failed_at,omitzero"`  // when it failed
	Times int       `json:"rotation_failures,omitempty"`  // how often in a row
	Waits string    `json:"rotation_waits,omitempty"`     // why it waits, which is no failure

	Made    string    `json:"made_here,omitempty"`  // the key that was last made here, and that config/root got
	Settled time.Time `json:"gap_settled,omitzero"` // gaps in the heartbeat that were noticed before do not matter any more
}

func newState() *state { return new(state) }

// loadState is what is remembered. Of an entry that cannot be read, nothing is: the schedule counts anew then, and a gap in the
// heartbeat counts as not decided, so a key stays too long and is never deleted too early.
func loadState(ctx context.Context, s logical.Storage) (st *state, unreadable, err error) {
	st, err = engine.LoadOr(ctx, s, engine.KeyRootRotation, newState)
	if engine.IsUnreadable(err) {
		return newState(), err, nil
	}
	return st, nil, err
}

// follow begins to count anew when there is another plan, or another key that somebody
// wrote to config/root. A period that was only made longer or shorter counts from where
// it did.
func (s *state) follow(c *engine.RootConfig, now time.Time) (changed bool) {
	plan := c.Plan()
	if plan == s.Plan && (plan == "" || c.AccessKey == s.Key) {
		return false
	}
	settled := s.Settled
	if c.AccessKey != s.Key { // whoever writes another key has decided about gaps
		settled = now
	}
	*s = state{Plan: plan, Key: c.AccessKey, Since: now, Last: s.Last, Made: s.Made, Settled: settled}
	return true
}

// next is when the key is to be rotated; zero for never.
func (s *state) next(c *engine.RootConfig, now time.Time) time.Time {
	from, retry := later(s.Since, s.Last), s.retry()
	switch {
	case s.Plan == "":
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

// madeHere reports whether a rotation made a key. The first edition stored no more than when
// the last one was, and since when the schedule counts for a key.
func (s *state) madeHere(key string) bool {
	return key == s.Made || s.Made == "" && key == s.Key && !s.Last.IsZero() && !s.Last.Before(s.Since)
}

// retry is when a failed rotation may be tried again: after a minute, then two, and at
// last every hour.
func (s *state) retry() time.Time {
	if s.Times <= 0 {
		return time.Time{}
	}
	return s.At.Add(min(time.Minute<<min(s.Times-1, 10), longestBackoff))
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// response is what a read of config/root shows.
func (s *state) response(c *engine.RootConfig, now time.Time) map[string]any {
	data := map[string]any{
		"last_vault_rotation": engine.Stamp(s.Last),
		"next_vault_rotation": engine.Stamp(s.next(c, now)),
	}
	switch {
	case s.Waits != "":
		data["rotation_error"] = s.Waits
		data["rotation_failed_at"] = engine.Stamp(s.At)
	case s.Times > 0:
		data["rotation_error"] = s.Error
		data["rotation_failed_at"] = engine.Stamp(s.At)
	}
	return data
}
