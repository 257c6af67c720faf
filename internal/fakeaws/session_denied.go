// SPDX-License-Identifier: MPL-2.0

package fakeaws

import (
	"encoding/json"
	"slices"
	"time"
)

// This file ends sessions of roles early: an explicit Deny in a policy of the role counts at each call of a session that was
// given before (IAM User Guide, "Disabling permissions for temporary security credentials" and "Revoking IAM role temporary
// security credentials"). It knows statements about all actions and all resources, and two condition keys of
// "AWS global condition context keys": aws:userid and aws:TokenIssueTime. A statement with any other element denies nothing.

// sessionDenial is a statement that can deny a session all that it does.
type sessionDenial struct {
	Effect    string
	Action    wordList
	Resource  wordList
	Condition map[string]map[string]wordList
}

// wordList is a string or a list of them, as elements of policies are.
type wordList []string

// UnmarshalJSON implements [json.Unmarshaler].
func (w *wordList) UnmarshalJSON(text []byte) error {
	var one string
	if json.Unmarshal(text, &one) == nil {
		*w = wordList{one}
		return nil
	}
	return json.Unmarshal(text, (*[]string)(w))
}

// statementList is a statement or a list of them.
type statementList []sessionDenial

// UnmarshalJSON implements [json.Unmarshaler].
func (l *statementList) UnmarshalJSON(text []byte) error {
	var one sessionDenial
	if json.Unmarshal(text, &one) == nil {
		*l = statementList{one}
		return nil
	}
	return json.Unmarshal(text, (*[]sessionDenial)(l))
}

// deniedSession refuses the call of a session that an inline policy of its role denies. GetCallerIdentity works all the same:
// "No permissions are required to perform this operation", not even with an explicit Deny (AWS STS API Reference).
func (p principal) deniedSession(q request, service string) *Refusal {
	if p.session == nil || p.session.role == nil || q.action() == "GetCallerIdentity" {
		return nil
	}
	for _, document := range p.session.role.policies.inline {
		var policy struct{ Statement statementList }
		if json.Unmarshal([]byte(document), &policy) != nil {
			continue
		}
		for _, s := range policy.Statement {
			if s.denies(p) {
				return accessDenied("User: %s is not authorized to perform: %s:%s with an explicit deny in an identity-based policy", p.arn, service, q.action())
			}
		}
	}
	return nil
}

// denies reports whether all conditions hold: "AWS evaluates the conditions with a logical AND, and several values of a key
// with a logical OR" (IAM User Guide, "Conditions with multiple context keys or values").
func (s sessionDenial) denies(p principal) bool {
	if s.Effect != "Deny" || !slices.Contains(s.Action, "*") || !slices.Contains(s.Resource, "*") {
		return false
	}
	for operator, keys := range s.Condition {
		for key, values := range keys {
			if !slices.ContainsFunc(values, func(value string) bool { return p.meets(operator, fold(key), value) }) {
				return false
			}
		}
	}
	return true
}

// meets compares one value. The names of keys are not case-sensitive; the values of StringEquals are, and for a session of a
// role aws:userid is the role's ID, a colon and the session's name (IAM User Guide, "IAM JSON policy elements: Condition
// operators" and "AWS global condition context keys"). aws:TokenIssueTime is in whole seconds in all of AWS's examples; that
// the fraction is cut off is a guess.
func (p principal) meets(operator, key, value string) bool {
	switch operator + " " + key {
	case "StringEquals aws:userid":
		return value == p.id
	case "DateLessThan aws:tokenissuetime":
		at, err := time.Parse(time.RFC3339, value)
		return err == nil && p.since.Truncate(time.Second).Before(at)
	}
	return false
}
