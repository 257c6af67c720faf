// SPDX-License-Identifier: MPL-2.0

package users

// How long a user may live, as its record says.

import (
	"context"
	"time"

	"github.com/hashicorp/vault/sdk/logical"
)

// entryOf is what memory keeps of a record that no request stands behind.
func (reg *register) entryOf(r *Record) entry {
	return entry{role: r.Role, entity: r.EntityID, issued: r.Issued, look: reg.dueBy(r), pending: r.pending(), ending: r.Ending, account: r.Account, by: r.AssumeRole.Interned(),
		earlier: !r.Confirmed && r.Term != "" && r.Term != reg.Term()}
}

// dueBy is when the sweep is to look at a record that no request stands behind, if nobody
// renews the lease.
func (reg *register) dueBy(r *Record) time.Time {
	switch {
	case r.State == stateCreating:
		return time.Time{} // now: whoever was making it is no more
	case !r.Ending.IsZero():
		asked := r.Ending
		if now := reg.Now(); asked.After(now) {
			asked = now // a clock in the future has written it
		}
		return asked.Add(reg.LagWindow) // Vault tries as well, and AWS may not show the user yet
	}
	return r.Ends.Add(reg.sweepGrace)
}

// accountOf is the account of a user, as far as memory knows.
func (reg *register) accountOf(user string) string {
	e, _ := reg.index.get(user)
	return e.in()
}

// latest is the latest moment that the lease of a record can live to. Where another engine
// may have renewed it, that is as long as the mount allows at all.
func (reg *register) latest(r *Record) time.Time {
	if !r.Written.Before(reg.KnownSince()) {
		return r.Ends
	}
	last := r.Issued.Add(reg.LeaseBounds().Longest)
	if len(r.Handouts) > 0 {
		last = last.Add(reg.shared) // it counts from when a lease was given
	}
	if last.After(r.Ends) {
		return last
	}
	return r.Ends
}

// mendClock moves a record that a clock in the future has written to now: its age would tell
// nothing before that future has come.
func (reg *register) mendClock(ctx context.Context, s logical.Storage, user string, r *Record) error {
	wrong := r.Issued.Sub(reg.Now())
	if wrong <= clockSlack || !r.pending() {
		return nil
	}
	for _, t := range []*time.Time{&r.Issued, &r.Ends, &r.Written} {
		if !t.IsZero() {
			*t = t.Add(-wrong)
		}
	}
	return reg.saveRecord(ctx, s, user, r)
}

// Answered, and perhaps nobody heard it: between our answer and Vault's write of the lease both
// may die. The user has a record then and no lease, and would live as long as a lease could.
// Which records that may be true of is known from the heartbeat.

// LeastUnconfirmed is the shortest unconfirmed_ttl: who got a credential has this long to
// use it for the first time.
const LeastUnconfirmed = 24 * time.Hour

// unconfirmed reports whether perhaps nobody got the credential of a record.
func (reg *register) unconfirmed(r *Record) bool {
	return !r.pending() && !r.Confirmed && r.Term != "" && !reg.Answered(r.Term, r.Issued)
}
