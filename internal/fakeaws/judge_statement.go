// SPDX-License-Identifier: MPL-2.0

package fakeaws

import (
	"slices"
	"strings"
)

// This file says whether a statement is about what a call asks for: IAM User Guide, "IAM JSON policy elements" Action,
// NotAction, Resource, NotResource, Condition and "Variables and tags".

// ask is one action that a call needs, on one resource.
type ask struct {
	action   string // iam:CreateUser
	resource string // an ARN; "*" where the action has no resources
	keys     keys
}

// about reports whether all elements of a statement, in a policy of a version, match an ask.
func (s statement) about(version string, q ask) bool {
	action := slices.ContainsFunc(s.actions, func(pattern string) bool { return glob(wild(fold(pattern)), fold(q.action)) })
	resource := slices.ContainsFunc(s.resources, func(pattern string) bool { return matchesARN(version, pattern, q) })
	return action != s.notActions && resource != s.notResources &&
		!slices.ContainsFunc(s.conditions, func(c condition) bool { return !c.holds(version, q.keys) })
}

// matchesARN compares part by part: a wildcard stands for text within one part of an ARN, of which the last may hold
// colons. "*" is every resource.
func matchesARN(version, pattern string, q ask) bool {
	if pattern == "*" {
		return true
	}
	of, is := strings.SplitN(pattern, ":", 6), strings.SplitN(q.resource, ":", 6)
	if len(of) != len(is) {
		return false
	}
	for i := range of {
		part, known := expand(version, of[i], q.keys)
		if !known || !glob(part, is[i]) {
			return false
		}
	}
	return true
}

// The wildcards of a pattern, apart from the characters themselves.
const (
	anyText = '\uE000'
	anyRune = '\uE001'
)

// wild is a pattern without variables.
func wild(text string) string {
	return strings.Map(func(r rune) rune {
		switch r {
		case '*':
			return anyText
		case '?':
			return anyRune
		}
		return r
	}, text)
}

// expand is a pattern with its variables replaced, which policies of the older version do not have. ${*}, ${?} and ${$}
// are the characters themselves. A variable without a value matches nothing, unless the policy gives it a default.
func expand(version, text string, of keys) (pattern string, known bool) {
	var b strings.Builder
	for version == "2012-10-17" {
		before, rest, found := strings.Cut(text, "${")
		name, after, closed := strings.Cut(rest, "}")
		if !found || !closed {
			break
		}
		b.WriteString(wild(before))
		text = after
		if name == "*" || name == "?" || name == "$" {
			b.WriteString(name)
			continue
		}
		name, fallback, _ := strings.Cut(name, ",")
		values := of[fold(strings.TrimSpace(name))]
		if fallback = strings.Trim(fallback, " '"); len(values) == 0 && fallback != "" {
			values = []string{fallback}
		}
		if len(values) != 1 { // variables are of keys with one value
			return "", false
		}
		b.WriteString(values[0])
	}
	b.WriteString(wild(text))
	return b.String(), true
}

// glob compares a text with a pattern of anyText and anyRune.
func glob(pattern, text string) bool {
	p, t := []rune(pattern), []rune(text)
	star, from := -1, 0
	i := 0
	for j := 0; j < len(t); {
		switch {
		case i < len(p) && p[i] == anyText:
			star, from = i, j
			i++
		case i < len(p) && (p[i] == anyRune || p[i] == t[j]):
			i, j = i+1, j+1
		case star >= 0: // the last star takes one more
			from++
			i, j = star+1, from
		default:
			return false
		}
	}
	for i < len(p) && p[i] == anyText {
		i++
	}
	return i == len(p)
}
