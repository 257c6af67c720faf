// SPDX-License-Identifier: MPL-2.0

package engine

// The heartbeat says when this engine was there. Each start of it on a server that may write
// opens a term; the one before it ended at its last heartbeat. So three things are known that
// storage alone does not tell: whether another engine, which writes no records, may have had
// the mount meanwhile; whether this storage is a copy, whose original goes on elsewhere; and
// up to when the answers of a process that died have gone out.

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/vault/sdk/logical"
)

const (
	// heartbeatGap is how long there may be no heartbeat without it being a gap: more than
	// the minute between two ticks, and than a restart takes as a rule.
	heartbeatGap = 5 * time.Minute

	// termSlack is how far a moment that was worked out from an age by AWS's clock may be off,
	// the minute between two heartbeats included.
	termSlack = 3 * time.Minute

	// answerSlack is how long Vault may take to store a lease after our answer.
	answerSlack = 10 * time.Second

	// mostTerms is how many past terms are kept.
	mostTerms = 256
)

// Term is one life of the engine.
type Term struct {
	ID       string    `json:"id"`
	Since    time.Time `json:"since"`
	Seen     time.Time `json:"seen"`              // its last heartbeat
	Answered time.Time `json:"answered,omitzero"` // requests begun before have been answered
}

// terms is what storage keeps of them: the one that is open, without its heartbeats, and
// those before it.
type terms struct {
	Open Term      `json:"open"`
	Past []Term    `json:"past,omitempty"`
	Gap  time.Time `json:"gap,omitzero"`      // when a gap was last noticed
	Last time.Time `json:"gap_from,omitzero"` // the last heartbeat before it

	// Forgotten is when the last of the terms ended that are not kept, or may have.
	Forgotten time.Time `json:"forgotten,omitzero"`

	Decision Decision `json:"decision,omitzero"` // what an operator last said about gaps
}

// beat is the last heartbeat. The first two fields are those of the first edition.
type beat struct {
	Since    time.Time `json:"since"` // since when all renewals are known
	Seen     time.Time `json:"seen"`
	Term     string    `json:"term,omitempty"`
	Answered time.Time `json:"answered,omitzero"`
}

// heartbeat is what a mount knows of its terms. The mutex guards the fields and is never
// held while anything else happens.
type heartbeat struct {
	mu     sync.Mutex
	id     string
	opened bool
	terms  terms
	beat   beat
}

// Term is the ID of the term of this process.
func (m *Mount) Term() string {
	m.heart.mu.Lock()
	defer m.heart.mu.Unlock()
	if m.heart.id == "" {
		m.heart.id = rand.Text()[:10]
	}
	return m.heart.id
}

// Beat writes down that this engine is there, and up to when its answers went out; the first
// time it opens the term. Only ticks call it, one after another, on a server that may write.
// oldest is when the oldest request
// under way began; zero is none.
func (m *Mount) Beat(ctx context.Context, s logical.Storage, oldest time.Time) error {
	answered := m.Now().UTC().Add(-answerSlack)
	if !oldest.IsZero() && oldest.Before(answered) {
		answered = oldest
	}
	return m.writeBeat(ctx, s, func(b *beat) { b.Answered = answered })
}

// writeBeat writes a heartbeat that tells that the engine is there, and what change adds.
func (m *Mount) writeBeat(ctx context.Context, s logical.Storage, change func(*beat)) error {
	if err := m.OpenTerm(ctx, s); err != nil {
		return fmt.Errorf("opening the term of this process: %w", err)
	}
	now := m.Now().UTC()
	m.heart.mu.Lock()
	next := m.heart.beat
	m.heart.mu.Unlock()
	next.Seen = now
	change(&next)
	if err := m.Proving(func() error { return Save(ctx, s, KeyHeartbeat, &next) }); err != nil {
		return fmt.Errorf("writing the heartbeat: %w", err)
	}
	m.heart.mu.Lock()
	defer m.heart.mu.Unlock()
	m.heart.beat.Seen = now // a tick and a proof of leading may write at once
	change(&m.heart.beat)
	return nil
}

// silent reports whether the last heartbeat is older than the minute between two ticks.
func (m *Mount) silent() bool {
	m.heart.mu.Lock()
	defer m.heart.mu.Unlock()
	return m.Now().Sub(m.heart.beat.Seen) > 90*time.Second
}

// OpenTerm ends the term before this one and notices a gap, the first time that it is called.
// Only a server that may write calls it.
func (m *Mount) OpenTerm(ctx context.Context, s logical.Storage) error {
	if m.heart.isOpened() {
		return nil
	}
	ctx, unlock, err := m.Locks.Lock(ctx, LockTerms)
	if err != nil {
		return err
	}
	defer unlock()
	if m.heart.isOpened() { // by another request, meanwhile
		return nil
	}
	id, now := m.Term(), m.Now().UTC()
	last, lost, err := loadOrLose[beat](ctx, m, s, KeyHeartbeat)
	if err != nil {
		return err
	}
	t, lostTerms, err := loadOrLose[terms](ctx, m, s, KeyTerms)
	if err != nil {
		return err
	}
	t.follow(*last, Term{ID: id, Since: now}, now)
	next := beat{Since: last.Since, Seen: last.Seen, Term: id}
	if lost || !last.Seen.IsZero() && now.Sub(last.Seen) > heartbeatGap {
		next.Since = now
	}
	if lost || lostTerms { // nobody can tell how long a gap there was
		t.Gap, t.Last = now, last.Seen
	}
	switch {
	case lostTerms:
		t.Forgotten = now
	case lost && len(t.Past) > 0: // when the last term ended is lost, and nothing of it is to be doubted
		t.Past[len(t.Past)-1].Answered = now
	}
	if err := Save(ctx, s, KeyTerms, t); err != nil {
		return err
	}
	m.heart.mu.Lock()
	defer m.heart.mu.Unlock()
	m.heart.opened, m.heart.terms, m.heart.beat = true, *t, next
	return nil
}

// isOpened reports whether this process has opened its term.
func (h *heartbeat) isOpened() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.opened
}

// loadOrLose reads what storage keeps of the terms. Where nobody can read it, nothing is known
// of them: that calls for caution, and must stop no revocation.
func loadOrLose[T any](ctx context.Context, m *Mount, s logical.Storage, key string) (v *T, lost bool, err error) {
	v, err = LoadOr(ctx, s, key, func() *T { return new(T) })
	if IsUnreadable(err) {
		m.Log.Error("what storage holds about earlier runs of the engine cannot be read; it is written anew", "key", key, "error", err)
		return new(T), true, nil
	}
	return v, false, err
}

// follow opens a term after the last heartbeat. It may be open: storage
// took it and said that it had not.
func (t *terms) follow(last beat, next Term, now time.Time) {
	if t.Open.ID == next.ID {
		return
	}
	if t.Open.ID != "" {
		ended := t.Open
		switch {
		case last.Term == ended.ID:
			ended.Seen, ended.Answered = last.Seen, last.Answered
		case last.Term == "" && last.Seen.After(ended.Since): // the first edition has had the mount since
			ended.Answered = last.Seen // when this term ended is lost, and nothing of it is to be doubted
		}
		t.Past = append(t.Past, ended)
		if n := len(t.Past) - mostTerms; n > 0 {
			t.Forgotten = t.Past[n].Since
			t.Past = slices.Delete(t.Past, 0, n)
		}
	}
	if !last.Seen.IsZero() && now.Sub(last.Seen) > heartbeatGap {
		t.Gap, t.Last = now, last.Seen
	}
	t.Open = next
}

// KnownSince is since when all renewals are known: before, another engine may have made
// some. Zero until the term is open, and where no gap was ever noticed.
func (m *Mount) KnownSince() time.Time {
	m.heart.mu.Lock()
	defer m.heart.mu.Unlock()
	return m.heart.beat.Since
}

// OnWatch reports whether the term of an ID is one of this storage, and was on watch at a
// moment. What a copy of the storage made elsewhere has terms that are not, or was made after
// their end.
func (m *Mount) OnWatch(id string, at time.Time) bool {
	m.heart.mu.Lock()
	defer m.heart.mu.Unlock()
	if id == "" {
		return false
	}
	if id == m.heart.id {
		return !at.Before(m.heart.terms.Open.Since.Add(-termSlack))
	}
	for _, t := range m.heart.terms.Past {
		if t.ID == id {
			return !at.Before(t.Since.Add(-termSlack)) && !at.After(t.Seen.Add(termSlack))
		}
	}
	return false
}

// Answered reports whether the answer to a request that began at a moment of a term is known
// to have gone out. Of a term that is not kept, it is taken to have.
func (m *Mount) Answered(id string, began time.Time) bool {
	m.heart.mu.Lock()
	defer m.heart.mu.Unlock()
	if id == m.heart.id {
		return true
	}
	for _, t := range m.heart.terms.Past {
		if t.ID == id {
			return began.Before(t.Answered)
		}
	}
	return began.Before(m.heart.terms.Forgotten)
}
