// SPDX-License-Identifier: MPL-2.0

package engine

// What a gap in the heartbeat means for keys that are rotated by schedule. After a gap this
// storage may be a copy, whose original goes on elsewhere with the same keys. So for a time
// nothing is deleted that the original may need; after that, a key which is younger than the
// last heartbeat and which this engine did not make is left to an operator.

import (
	"context"
	"fmt"
	"time"

	"github.com/hashicorp/vault/sdk/logical"
)

// DefaultGapCaution is how long after a gap nothing is deleted that another engine with a
// copy of the storage might need.
const DefaultGapCaution = 24 * time.Hour

// Gap is a time without a heartbeat. The zero value is none.
type Gap struct {
	Noticed time.Time
	Last    time.Time // the last heartbeat before it
	Until   time.Time // until when nothing is deleted by schedule
}

// Decision is what an operator says once about all gaps until then.
type Decision struct {
	At time.Time `json:"at,omitzero"`
	// Restored says that the storage was set back to a snapshot, and that no other engine
	// goes on with a copy of it. The keys that AWS made from the one moment to the other
	// were made by this mount, which has forgotten them.
	Restored bool      `json:"restored,omitempty"`
	From     time.Time `json:"from,omitzero"`
	To       time.Time `json:"to,omitzero"`
}

// WaitError is why a rotation that nobody asked for waits. It is no failure.
type WaitError struct {
	Text  string
	Until time.Time // zero where an operator has to decide
}

func (e *WaitError) Error() string { return e.Text }

// GapAfter is the gap that counts for what was settled at a moment: it began with the first
// gap that was noticed since then, or since an operator decided, and was noticed with the
// last. Zero where there is none. [Mount.OpenTerm] comes first.
func (m *Mount) GapAfter(settled time.Time) Gap {
	m.heart.mu.Lock()
	g := m.heart.terms.gapAfter(settled)
	m.heart.mu.Unlock()
	if !g.Noticed.IsZero() {
		g.Until = g.Noticed.Add(m.GapCaution)
	}
	return g
}

// gapAfter goes through the terms, of which each ended at its last heartbeat.
func (t *terms) gapAfter(settled time.Time) (g Gap) {
	if settled.Before(t.Decision.At) {
		settled = t.Decision.At
	}
	if t.Gap.After(settled) {
		g = Gap{Noticed: t.Gap, Last: t.Last}
	}
	var seen time.Time
	for _, term := range t.Past {
		if !seen.IsZero() && term.Since.After(settled) && term.Since.Sub(seen) > heartbeatGap && seen.Before(g.Last) {
			g.Last = seen
		}
		if term.Seen.After(seen) {
			seen = term.Seen
		}
	}
	return g
}

// Cautious reports whether nothing may be deleted by schedule.
func (g Gap) Cautious(now time.Time) bool { return now.Before(g.Until) }

// Younger reports whether a key of some age may be younger than the last heartbeat.
func (g Gap) Younger(age time.Duration, now time.Time) bool {
	return !g.Noticed.IsZero() && now.Add(-age).After(g.Last.Add(-termSlack))
}

// WaitToDelete is why a key is not deleted: the gap is too short ago. instead says what an
// operator can do.
func (g Gap) WaitToDelete(instead string) *WaitError {
	return &WaitError{Until: g.Until, Text: fmt.Sprintf(
		"no key is deleted by schedule until %s: this engine's heartbeat had a gap from %s to %s, so this may be a copy of the storage, and another server may work with the same keys. %s",
		Stamp(g.Until), g.LastText(), Stamp(g.Noticed), instead)}
}

// WaitForOperator is why a user's keys are left as they are: one of them is a stranger's.
func (g Gap) WaitForOperator(user, key, instead string) *WaitError {
	return &WaitError{Text: fmt.Sprintf(
		"an operator has to decide: the IAM user %s has the access key %s, which this engine did not make and which is younger than the engine's last heartbeat before a gap, %s; "+
			"another server may work with a copy of this storage. %s", user, key, g.LastText(), instead)}
}

// LastText is the last heartbeat, for people.
func (g Gap) LastText() string {
	if g.Last.IsZero() {
		return "a time that storage has lost"
	}
	return g.Last.UTC().Format(time.RFC3339)
}

// Decide ends all gaps until now.
func (m *Mount) Decide(ctx context.Context, s logical.Storage, restored bool) (Decision, error) {
	if err := m.OpenTerm(ctx, s); err != nil {
		return Decision{}, err
	}
	ctx, unlock, err := m.Locks.Lock(ctx, LockTerms) // a late OpenTerm must not write over it
	if err != nil {
		return Decision{}, err
	}
	defer unlock()
	m.heart.mu.Lock()
	t := m.heart.terms
	m.heart.mu.Unlock()
	g := t.gapAfter(time.Time{})
	if g.Noticed.IsZero() && t.Decision.To.After(t.Decision.From) { // said once more about the same gap
		g.Noticed, g.Last = t.Decision.To, t.Decision.From
	}
	t.Decision = Decision{At: m.Now().UTC(), Restored: restored, From: g.Last, To: g.Noticed}
	if err := Save(ctx, s, KeyTerms, &t); err != nil {
		return Decision{}, err
	}
	m.heart.mu.Lock()
	defer m.heart.mu.Unlock()
	m.heart.terms.Decision = t.Decision
	return t.Decision, nil
}

// Decided is what an operator last said about gaps; zero if nothing.
func (m *Mount) Decided() Decision {
	m.heart.mu.Lock()
	defer m.heart.mu.Unlock()
	return m.heart.terms.Decision
}

// Forgotten reports whether a key of some age is one that this mount made and has forgotten,
// because its storage was set back.
func (d Decision) Forgotten(age time.Duration, now time.Time) bool {
	made := now.Add(-age)
	return d.Restored && made.After(d.From.Add(-termSlack)) && made.Before(d.To.Add(termSlack))
}
