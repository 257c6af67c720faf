// SPDX-License-Identifier: MPL-2.0

package sessions

// The policy that denies sessions: what it says, and how much fits. Pure: it calls nobody and has no clock.
//
// The size of a policy is what bounds it, so that sessions that end about the same time share a statement. The ID of a
// statement says until when it has to stand, because a copy of the storage, or a new one, knows nothing else of it.

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"
)

const (
	// mostPolicies is how many characters all inline policies of a role may have together (IAM User Guide, "IAM and AWS
	// STS quotas"). What others have there is known when AWS refuses more.
	mostPolicies = 10240

	// step is what the ends of sessions are rounded up to, so that many share a statement.
	step = 15 * time.Minute

	// IDs of statements have letters and digits alone (IAM User Guide, "IAM JSON policy elements: Sid").
	sidOfSessions = "SessionsUntil"
	sidOfAll      = "AllSessionsUntil"
	sidTime       = "20060102T150405Z"

	version = "2012-10-17"
)

// denials are what a policy takes from the sessions of a role.
type denials struct {
	// Sessions are denied one by one: by what aws:userid is for each, until when.
	Sessions map[string]time.Time `json:"sessions,omitempty"`
	// Before denies all sessions that were given before it. The last of them can live until Until.
	Before time.Time `json:"before,omitzero"`
	Until  time.Time `json:"until,omitzero"`
}

// deny denies one session, whose end is at most a moment.
func (d *denials) deny(id string, ends time.Time) {
	if d.Sessions == nil {
		d.Sessions = map[string]time.Time{}
	}
	d.Sessions[id] = later(d.Sessions[id], roundUp(ends))
}

// denyBefore denies all sessions that were given before a moment. One moment covers all earlier ones.
func (d *denials) denyBefore(before, until time.Time) {
	d.Before = later(d.Before, before.UTC().Truncate(time.Second))
	d.Until = later(d.Until, roundUp(until))
}

// and is what either of two policies denies.
func (d denials) and(other denials) denials {
	both := denials{Sessions: maps.Clone(d.Sessions), Before: d.Before, Until: d.Until}
	for id, ends := range other.Sessions {
		both.deny(id, ends)
	}
	if !other.Before.IsZero() {
		both.denyBefore(other.Before, other.Until)
	}
	return both
}

// after is what has to stand at a moment: all of which the end has not come.
func (d denials) after(now time.Time) denials {
	left := denials{Sessions: maps.Clone(d.Sessions)}
	maps.DeleteFunc(left.Sessions, func(_ string, ends time.Time) bool { return !now.Before(ends) })
	if now.Before(d.Until) {
		left.Before, left.Until = d.Before, d.Until
	}
	return left
}

// ends is when nothing of it has to stand any more; zero where there is nothing.
func (d denials) ends() time.Time {
	last := d.Until
	for _, ends := range d.Sessions {
		last = later(last, ends)
	}
	return last
}

// first is when the first of its denials ends.
func (d denials) first() time.Time {
	first := d.ends()
	for _, ends := range d.Sessions {
		if ends.Before(first) {
			first = ends
		}
	}
	return first
}

func (d denials) empty() bool { return len(d.Sessions) == 0 && d.Before.IsZero() }

// covers reports whether it denies all that another does, for as long.
func (d denials) covers(other denials) bool {
	for id, ends := range other.Sessions {
		if d.Sessions[id].Before(ends) {
			return false
		}
	}
	return !d.Before.Before(other.Before) && !d.Until.Before(other.Until)
}

// fits reports whether the policy has room in a role without other policies. The room for a denial of all sessions is kept
// free: it must not fail when it is needed.
func (d denials) fits() bool {
	if d.Before.IsZero() {
		d.denyBefore(time.Unix(0, 0), time.Unix(1, 0))
	}
	return len(d.text()) <= mostPolicies
}

// document, statement and condition are the policy as AWS has it.
type document struct {
	Version   string
	Statement []statement
}

type statement struct {
	Sid, Effect, Action, Resource string

	Condition condition
}

type condition struct {
	StringEquals *userIDs   `json:",omitempty"`
	DateLessThan *issueTime `json:",omitempty"`
}

type userIDs struct {
	IDs []string `json:"aws:userid"`
}

type issueTime struct {
	Time time.Time `json:"aws:TokenIssueTime"`
}

// text is the policy; empty where it denies nothing. Equal denials have equal texts.
func (d denials) text() string {
	if d.empty() {
		return ""
	}
	doc := document{Version: version}
	add := func(sid string, ends time.Time, c condition) {
		doc.Statement = append(doc.Statement, statement{Sid: sid + ends.UTC().Format(sidTime), Effect: "Deny", Action: "*", Resource: "*", Condition: c})
	}
	if !d.Before.IsZero() {
		add(sidOfAll, d.Until, condition{DateLessThan: &issueTime{d.Before.UTC()}})
	}
	byEnd := map[int64][]string{}
	for id, ends := range d.Sessions {
		byEnd[ends.Unix()] = append(byEnd[ends.Unix()], id)
	}
	for _, ends := range slices.Sorted(maps.Keys(byEnd)) {
		slices.Sort(byEnd[ends])
		add(sidOfSessions, time.Unix(ends, 0), condition{StringEquals: &userIDs{byEnd[ends]}})
	}
	text, err := json.Marshal(doc)
	if err != nil {
		panic(fmt.Sprintf("a policy of strings and times: %v", err)) // which are those of the years 0 to 9999
	}
	return string(text)
}

// parse reads what text writes, and refuses everything else: somebody else has changed it then.
func parse(text string) (denials, error) {
	var d denials
	if text == "" {
		return d, nil
	}
	var doc document
	dec := json.NewDecoder(bytes.NewReader([]byte(text)))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&doc); err != nil {
		return d, fmt.Errorf("it is not a policy of this engine's: %w", err)
	}
	if dec.More() || doc.Version != version || len(doc.Statement) == 0 {
		return d, fmt.Errorf("it is not a policy of this engine's: it is not a single document of Version %s with statements", version)
	}
	for i, s := range doc.Statement {
		if !d.take(s) {
			return denials{}, fmt.Errorf("statement %d, %q, is not one of this engine's", i+1, s.Sid)
		}
	}
	return d, nil
}

// take takes a statement of ours; ok is false for others.
func (d *denials) take(s statement) (ok bool) {
	if s.Effect != "Deny" || s.Action != "*" || s.Resource != "*" {
		return false
	}
	all, one := s.Condition.DateLessThan, s.Condition.StringEquals
	prefix := sidOfSessions
	if all != nil {
		prefix = sidOfAll
	}
	when, ours := strings.CutPrefix(s.Sid, prefix)
	ends, err := time.Parse(sidTime, when)
	switch {
	case !ours, err != nil, !likely(ends), !ends.Equal(roundUp(ends)), (all == nil) == (one == nil):
		return false
	case all != nil:
		d.denyBefore(all.Time, ends)
		return likely(all.Time) && d.Before.Equal(all.Time)
	}
	for _, id := range one.IDs {
		if !idForm.MatchString(id) {
			return false
		}
		d.deny(id, ends)
	}
	return len(one.IDs) > 0
}

// idForm is what aws:userid is for the session of a role (IAM User Guide, "AWS global condition context keys").
var idForm = regexp.MustCompile(`^[A-Z0-9]+:[\w+=,.@-]{2,64}$`)

// CanDeny reports whether a policy can deny a session, whose aws:userid is what AWS's are.
func CanDeny(id string) bool { return idForm.MatchString(id) }

// likely reports whether this engine may have written a time.
func likely(t time.Time) bool { return t.Year() >= 2020 && t.Year() < 9999 }

func roundUp(t time.Time) time.Time {
	return t.UTC().Add(step - 1).Truncate(step)
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
