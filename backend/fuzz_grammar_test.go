// SPDX-License-Identifier: MPL-2.0

package backend

// Any text may be read as a policy: the reader of policies never panics, reads what
// encoding/json reads, and loses nothing.

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"vault-plugin-secrets-aws-dyn/backend/awsrules"
)

var toldPlace = regexp.MustCompile(`line (\d+), column (\d+)`)

func FuzzPolicyGrammar(f *testing.F) {
	for _, c := range policyCorpus(f) {
		f.Add(c.document)
	}
	for text := range badPolicies {
		if len(text) < 1<<12 {
			f.Add(text)
		}
	}
	f.Add(strings.Repeat("[", 70))
	f.Add(`{"":{"":{"":[{"":null}]}},"\ud800":"\ud800","Version":"2012-10-17"}`)
	f.Fuzz(func(t *testing.T, text string) {
		policy, err := awsrules.ParsePolicy(text)
		if err != nil {
			checkPlaces(t, text, err.Error())
			unread := strings.HasPrefix(err.Error(), "is not JSON: ") && !strings.Contains(err.Error(), "is nested more than")
			if unread && json.Valid([]byte(text)) {
				t.Errorf("encoding/json reads it: %v", err)
			}
			return
		}
		checkPlaces(t, text, strings.Join(policy.Warnings, "; "))
		var compact bytes.Buffer
		if err := json.Compact(&compact, []byte(text)); err != nil || policy.String() != compact.String() {
			t.Errorf("became %s, and %s in encoding/json (%v)", policy, compact.String(), err)
		}
		again, err := awsrules.ParsePolicy(policy.String())
		if err != nil || again.String() != policy.String() || len(again.Warnings) != len(policy.Warnings) {
			t.Errorf("is accepted, and without white space: %v", err)
		}
		checkJoined(t, policy)
	})
}

// checkPlaces checks that each place that a message tells is within the text or at its end.
func checkPlaces(t *testing.T, text, message string) {
	t.Helper()
	lines := strings.Split(text, "\n")
	for _, told := range toldPlace.FindAllStringSubmatch(message, -1) {
		if strings.Contains(text, told[0]) {
			continue // a quotation
		}
		line, _ := strconv.Atoi(told[1])
		column, _ := strconv.Atoi(told[2])
		if line < 1 || line > len(lines) || column < 1 || column > utf8.RuneCountInString(lines[line-1])+1 {
			t.Errorf("%s is outside of the text", told[0])
		}
	}
}

// checkJoined joins a policy with itself.
func checkJoined(t *testing.T, policy *awsrules.Policy) {
	t.Helper()
	one := awsrules.NamedPolicy{Name: "the policy", Document: policy.String()}
	joined, err := awsrules.JoinPolicies([]awsrules.NamedPolicy{one, one})
	if err != nil {
		t.Fatalf("is accepted, and cannot be joined: %v", err)
	}
	if _, err := awsrules.ParsePolicy(joined); err != nil {
		t.Errorf("is accepted, and joined with itself it is not: %v", err)
	}
	if n, want := statementCount(t, joined), 2*statementCount(t, policy.String()); n != want {
		t.Errorf("has %d statements when it is joined, want %d", n, want)
	}
}

func statementCount(t *testing.T, document string) int {
	t.Helper()
	var policy struct{ Statement json.RawMessage }
	if err := json.Unmarshal([]byte(document), &policy); err != nil {
		t.Fatal(err)
	}
	var list []json.RawMessage
	if json.Unmarshal(policy.Statement, &list) != nil {
		return 1
	}
	return len(list)
}
