// SPDX-License-Identifier: MPL-2.0

package sessions

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"
)

var noon = time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)

// sessionID is what aws:userid is for a session with the longest name.
func sessionID(n int) string {
	return fmt.Sprintf("AROA%017d:%s%03d", 7, strings.Repeat("n", 61), n)
}

func TestPolicyReadsBack(t *testing.T) {
	var none, one, all, both denials
	one.deny("AROA1:aa", noon.Add(time.Hour))
	one.deny("AROA1:bb", noon.Add(61*time.Minute))
	one.deny("AROA1:cc", noon.Add(2*time.Hour))
	all.denyBefore(noon, noon.Add(12*time.Hour))
	both = one.and(all)
	for _, d := range []denials{none, one, all, both} {
		back, err := parse(d.text())
		if err != nil || back.text() != d.text() || !back.covers(d) || !d.covers(back) {
			t.Errorf("%s came back as %s: %v", d.text(), back.text(), err)
		}
	}
	want := `{"Version":"2012-10-17","Statement":[` +
		`{"Sid":"AllSessionsUntil20261129T000000Z","Effect":"Deny","Action":"*","Resource":"*","Condition":{"DateLessThan":{"aws:TokenIssueTime":"2026-11-28T12:00:00Z"}}},` +
		`{"Sid":"SessionsUntil20261128T130000Z","Effect":"Deny","Action":"*","Resource":"*","Condition":{"StringEquals":{"aws:userid":["AROA1:aa"]}}},` +
		`{"Sid":"SessionsUntil20261128T131500Z","Effect":"Deny","Action":"*","Resource":"*","Condition":{"StringEquals":{"aws:userid":["AROA1:bb"]}}},` +
		`{"Sid":"SessionsUntil20261128T140000Z","Effect":"Deny","Action":"*","Resource":"*","Condition":{"StringEquals":{"aws:userid":["AROA1:cc"]}}}]}`
	if got := both.text(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// Nothing is dropped before its end, and everything after it.
func TestDenialsEndWhenTheyShould(t *testing.T) {
	var d denials
	d.deny("AROA1:aa", noon.Add(time.Hour))
	d.deny("AROA1:aa", noon) // again, with an earlier end: the later one counts
	d.deny("AROA1:bb", noon.Add(2*time.Hour))
	d.denyBefore(noon, noon.Add(3*time.Hour))
	d.denyBefore(noon.Add(-time.Hour), noon.Add(2*time.Hour))
	for after, left := range map[time.Duration]int{0: 3, time.Hour - time.Second: 3, time.Hour: 2, 2*time.Hour - time.Second: 2, 2 * time.Hour: 1, 3*time.Hour - time.Second: 1, 3 * time.Hour: 0} {
		got := d.after(noon.Add(after))
		n := len(got.Sessions)
		if !got.Before.IsZero() {
			n++
		}
		if n != left || got.empty() != (left == 0) || !d.covers(got) {
			t.Errorf("after %s %d are left, want %d", after, n, left)
		}
	}
	if !d.Before.Equal(noon) || !d.ends().Equal(noon.Add(3*time.Hour)) || !d.first().Equal(noon.Add(time.Hour)) {
		t.Errorf("%+v", d)
	}
}

func TestHowManyFit(t *testing.T) {
	for _, of := range []struct {
		spread time.Duration
		least  int
	}{{0, 100}, {time.Hour, 100}, {12 * time.Hour, 40}} {
		var d denials
		for next := evenly(1, of.spread); next.fits(); next = evenly(len(d.Sessions)+1, of.spread) {
			d = next
		}
		t.Logf("%d sessions with the longest names fit, if their ends are spread evenly over %s", len(d.Sessions), of.spread)
		if len(d.Sessions) < of.least {
			t.Errorf("only %d", len(d.Sessions))
		}
		d.denyBefore(noon, noon.Add(12*time.Hour))
		if len(d.text()) > mostPolicies {
			t.Errorf("no room to end all: %d", len(d.text()))
		}
	}
}

// evenly denies so many sessions, whose ends are spread evenly over a time.
func evenly(count int, spread time.Duration) (d denials) {
	for n := range count {
		d.deny(sessionID(n), noon.Add(spread*time.Duration(n)/time.Duration(count)))
	}
	return d
}

func TestPoliciesOfOthersAreRefused(t *testing.T) {
	var d denials
	d.deny("AROA1:aa", noon)
	good := d.text()
	for _, change := range [][2]string{
		{`"Deny"`, `"Allow"`}, {`"Action":"*"`, `"Action":"s3:*"`}, {`"Resource":"*"`, `"Resource":"x"`}, {"SessionsUntil", "Until"}, {"SessionsUntil", "AllSessionsUntil"},
		{"T120000Z", ""}, {`"aws:userid"`, `"aws:username"`}, {"StringEquals", "StringLike"}, {`["AROA1:aa"]`, `[]`}, {`["AROA1:aa"]`, `"AROA1:aa"`}, {`AROA1:aa`, `AROA1:*`}, {"T120000Z", "T120001Z"}, {"2012-10-17", "2008-10-17"},
		{`}]}`, `}]} {}`}, {`}]}`, `}],"Id":"x"}`}, {`"Effect"`, `"NotAction":"x","Effect"`}, {good, `{"Version":"2012-10-17","Statement":[]}`}, {good, "no JSON"},
	} {
		text := strings.Replace(good, change[0], change[1], 1)
		if text == good {
			t.Fatalf("%q is not there", change[0])
		}
		if got, err := parse(text); err == nil {
			t.Errorf("%s is taken for %s", text, got.text())
		}
	}
}

// Whatever AWS holds under the name: it is refused, or it is ours and nothing of it is lost.
func FuzzPolicy(f *testing.F) {
	var d denials
	d.deny("AROA1:aa", noon)
	f.Add(d.text())
	d.denyBefore(noon, noon.Add(time.Hour))
	f.Add(d.text())
	f.Add(`{"Version":"2012-10-17","Statement":[{"Sid":"SessionsUntil99991231T235959Z","Effect":"Deny","Action":"*","Resource":"*","Condition":{"StringEquals":{"aws:userid":["\u0000","<"]}}}]}`)
	f.Fuzz(func(t *testing.T, text string) {
		got, err := parse(text)
		if err != nil {
			return
		}
		back, err := parse(got.text())
		if err != nil || !reflect.DeepEqual(back, got) {
			t.Errorf("%s became %s: %v", text, got.text(), err)
		}
		var any map[string]any
		if text != "" && json.Unmarshal([]byte(text), &any) != nil {
			t.Errorf("%q is no JSON", text)
		}
	})
}
