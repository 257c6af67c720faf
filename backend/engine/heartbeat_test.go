// SPDX-License-Identifier: MPL-2.0

package engine

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/vault/sdk/logical"
)

// cautious reports whether a gap calls for caution.
func (tm *testMount) cautious() bool { return tm.GapAfter(time.Time{}).Cautious(tm.Now()) }

// Another engine may have had the mount while there was no heartbeat; a restart is no gap, and
// never to have had one is none either.
func TestGapIsNoticedAtTheStart(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		away time.Duration
		gap  bool
	}{"a restart": {time.Minute, false}, "a slow restart": {heartbeatGap, false}, "a gap": {heartbeatGap + time.Second, true}, "a clock that goes back": {-time.Hour, false}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tm := newTestMount(t)
			tm.beat()
			if tm.cautious() || !tm.KnownSince().IsZero() {
				t.Error("the first heartbeat of all is taken for a gap")
			}
			tm.pass(time.Minute)
			tm.beat()
			last := tm.now
			tm.pass(c.away)
			tm.restart()
			tm.beat()
			gap := tm.GapAfter(time.Time{})
			if c.gap != tm.cautious() || c.gap && (!gap.Noticed.Equal(tm.now) || !gap.Last.Equal(last)) {
				t.Errorf("gap noticed at %v, from %v", gap.Noticed, gap.Last)
			}
			if since := tm.KnownSince(); c.gap && !since.Equal(tm.now) || !c.gap && !since.IsZero() {
				t.Errorf("renewals are known since %v", since)
			}
			tm.pass(time.Minute)
			tm.restart()
			tm.beat()
			if c.gap != tm.cautious() {
				t.Error("a restart forgot it, or made it up")
			}
			tm.pass(DefaultGapCaution)
			if tm.cautious() {
				t.Error("the caution has no end")
			}
		})
	}
}

// A user is of a term of this storage, made while that was on watch, or it is a copy's.
func TestOnWatch(t *testing.T) {
	t.Parallel()
	tm := newTestMount(t)
	tm.beat()
	first, began := tm.Term(), tm.now
	tm.pass(time.Hour)
	tm.beat()
	seen := tm.now
	tm.pass(2 * time.Minute)
	tm.restart()
	tm.beat()
	second := tm.Term()
	if first == second {
		t.Fatal("two processes have one term")
	}
	for name, c := range map[string]struct {
		term string
		at   time.Time
		want bool
	}{
		"at the begin":            {first, began, true},
		"in between":              {first, began.Add(30 * time.Minute), true},
		"at its last heartbeat":   {first, seen, true},
		"before it":               {first, began.Add(-termSlack - time.Second), false},
		"after it":                {first, seen.Add(termSlack + time.Second), false},
		"of the one that is open": {second, tm.now.Add(time.Hour), true},
		"before that one":         {second, tm.now.Add(-termSlack - time.Second), false},
		"of a term nobody knows":  {"ABCDEFGHIJ", tm.now, false},
		"of none":                 {"", tm.now, false},
	} {
		if got := tm.OnWatch(c.term, c.at); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// What began before the last heartbeat, and before the oldest request under way then, has been
// answered; of what came after nobody knows.
func TestAnswered(t *testing.T) {
	t.Parallel()
	tm := newTestMount(t)
	tm.beat()
	term := tm.Term()
	tm.pass(time.Minute)
	oldest := tm.now.Add(-30 * time.Second)
	if err := tm.Beat(t.Context(), tm.storage, oldest); err != nil {
		t.Fatal(err)
	}
	if !tm.Answered(term, tm.now) {
		t.Error("this process is alive and has lost no answer")
	}
	tm.pass(time.Minute)
	tm.restart()
	tm.beat()
	for at, want := range map[time.Time]bool{oldest.Add(-time.Second): true, oldest: false, oldest.Add(time.Minute): false} {
		if got := tm.Answered(term, at); got != want {
			t.Errorf("%s from the oldest request: %v", at.Sub(oldest), got)
		}
	}
	if tm.Answered("ABCDEFGHIJ", testStart) {
		t.Error("a term that nobody knows has answered")
	}
}

// Terms are kept, the latest ones, and each ends at its own last heartbeat.
func TestTermsArePruned(t *testing.T) {
	t.Parallel()
	var kept terms
	now := testStart
	for range mostTerms + 20 {
		now = now.Add(time.Minute)
		kept.follow(beat{Seen: now, Term: kept.Open.ID}, Term{ID: now.String(), Since: now}, now)
	}
	if len(kept.Past) != mostTerms || kept.Past[mostTerms-1].ID == kept.Open.ID || !kept.Past[mostTerms-1].Seen.Equal(now) {
		t.Errorf("%d terms are kept, the last of which ends at %v", len(kept.Past), kept.Past[len(kept.Past)-1].Seen)
	}
	kept.follow(beat{Seen: now.Add(time.Hour), Term: "another's"}, Term{ID: "next"}, now)
	if last := kept.Past[mostTerms-1]; !last.Seen.IsZero() {
		t.Errorf("a term without a heartbeat of its own was seen at %v", last.Seen)
	}
}

// What nobody can read is no reason to stop, and one to be careful.
func TestUnreadableTermsCallForCaution(t *testing.T) {
	t.Parallel()
	for _, key := range []string{KeyHeartbeat, KeyTerms} {
		tm := newTestMount(t)
		tm.beat()
		if err := tm.storage.Storage.Put(t.Context(), &logical.StorageEntry{Key: key, Value: []byte("{")}); err != nil {
			t.Fatal(err)
		}
		tm.restart()
		tm.pass(time.Minute)
		tm.beat()
		if !tm.cautious() {
			t.Errorf("%s: no caution", key)
		}
		if key == KeyHeartbeat && !tm.KnownSince().Equal(tm.now) {
			t.Errorf("renewals are known since %v", tm.KnownSince())
		}
	}
}

// A write of a second ago proves that this server leads; else one is made.
func TestProveLeader(t *testing.T) {
	t.Parallel()
	tm := newTestMount(t)
	proof := func() error { return tm.ProveLeader(t.Context(), tm.storage) }
	if err := proof(); err != nil || tm.storage.puts == 0 {
		t.Errorf("%d writes, %v", tm.storage.puts, err)
	}
	puts := tm.storage.puts
	if err := proof(); err != nil || tm.storage.puts != puts {
		t.Errorf("proved again within the second: %v", err)
	}
	began := time.Now().Add(-leaderProof)
	tm.wrote.Store(&began) // a moment ago by its begin, which a pause makes old
	tm.storage.fails(errBroken)
	if err := proof(); !errors.Is(err, errBroken) || !strings.Contains(err.Error(), "nothing is deleted in AWS") {
		t.Errorf("proved without a write: %v", err)
	}
	tm.storage.fails(logical.ErrReadOnly)
	if err := proof(); err != nil {
		t.Errorf("on a cluster whose storage is another's: %v", err)
	}
	tm.storage.fails(nil)
	if err := proof(); err != nil {
		t.Error(err)
	}
}

// A proof is a heartbeat as well: it says that the engine was there, and nothing of answers.
func TestProofIsAHeartbeat(t *testing.T) {
	t.Parallel()
	tm := newTestMount(t)
	tm.beat()
	answered := tm.now.Add(-answerSlack)
	tm.pass(time.Hour)
	began := time.Now().Add(-time.Hour)
	tm.wrote.Store(&began)
	if err := tm.ProveLeader(t.Context(), tm.storage); err != nil {
		t.Fatal(err)
	}
	last, err := Load[beat](t.Context(), tm.storage, KeyHeartbeat)
	if err != nil || !last.Seen.Equal(tm.now) || !last.Answered.Equal(answered) {
		t.Errorf("the last heartbeat is %v, %v", last, err)
	}
}
