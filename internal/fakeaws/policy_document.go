// SPDX-License-Identifier: MPL-2.0

package fakeaws

import "strings"

// This file reads identity policies and session policies, which IAM checks when they are stored and STS when they
// are sent. The rules are those of the IAM User Guide, "Grammar of the IAM JSON policy language" and "IAM JSON
// policy element reference"; where the guide is silent, those that public projects recorded from AWS's answers:
// moto (tests/test_iam/test_iam_policies.py) and versitygw (iamapi/policy), which tried their tests on AWS. What
// stands on neither says "a guess". The tests have a document and a source for each rule.

const (
	badSyntax       = "Syntax errors in policy."
	legacyParsing   = "The policy failed legacy parsing"
	needsActions    = "Policy statement must contain actions."
	needsResources  = "Policy statement must contain resources."
	namesAPrincipal = "Policy document should not specify a principal."
)

// policy is what a policy document says.
type policy struct {
	document   string
	version    string // "" is the older one
	statements []statement
	// lone is that the statement stands outside of a list, and bare that a Version comes after it.
	lone, bare bool
}

// statement is what a policy statement says.
type statement struct {
	sid          string
	effect       string
	principal    bool
	actions      []string // Action or NotAction; a list may be empty until it is checked
	notActions   bool     // it is NotAction
	resources    []string // Resource or NotResource
	notResources bool     // it is NotResource
	conditions   []condition
}

// CheckPolicy refuses a document that AWS refuses as an identity policy or a session policy in its commercial
// partition, with AWS's message.
func CheckPolicy(document string) *Refusal { return checkPolicy("aws", document) }

// checkPolicy is CheckPolicy in the partition of an account.
func checkPolicy(partition, document string) *Refusal {
	p, ok := readPolicy(document)
	if !ok {
		return malformedPolicy(badSyntax)
	}
	// The order is that of moto's tests, where a document with two mistakes tells which comes first.
	for _, check := range []func() string{
		p.legacy,
		func() string { return p.each(statement.legacy) },
		func() string {
			return p.each(func(s statement) string { return legacyResources(partition, s.resources) })
		},
		func() string { return p.each(statement.misplaced) },
		p.badSids,
		func() string { return p.each(statement.withoutActions) },
		func() string { return p.each(func(s statement) string { return badResources(partition, s.resources) }) },
		func() string { return p.each(func(s statement) string { return badActions(s.actions) }) },
		func() string { return p.each(statement.withoutResources) },
	} {
		if message := check(); message != "" {
			return malformedPolicy(message)
		}
	}
	return nil
}

// each is the first complaint about a statement.
func (p policy) each(check func(statement) string) string {
	for _, s := range p.statements {
		if message := check(s); message != "" {
			return message
		}
	}
	return ""
}

// readPolicy reads the document's elements, whose names are exact: they are literal in the grammar. The guide keeps
// Id for resource-based policies, but AWS takes it (moto). That AWS takes Conditions is only in moto's list of names.
func readPolicy(document string) (policy, bool) {
	p := policy{document: document}
	value, err := readJSON(document)
	elements, ok := value.(jsonObject)
	if err != nil || !ok {
		return p, false
	}
	for _, e := range elements {
		switch e.name {
		case "Version":
			p.bare = p.lone
			p.version, _ = e.value.(string)
			ok = e.value == "2012-10-17" || e.value == "2008-10-17"
		case "Id":
			_, ok = e.value.(string)
		case "Conditions":
		case "Statement":
			ok = p.readStatements(e.value)
		default:
			ok = false
		}
		if !ok {
			return p, false
		}
	}
	return p, len(p.statements) > 0
}

// readStatements reads a list of statements, or a lone one.
func (p *policy) readStatements(value any) bool {
	list, ok := value.([]any)
	if !ok {
		list, p.lone = []any{value}, true
	}
	for _, item := range list {
		s, ok := readStatement(item)
		if !ok {
			return false
		}
		p.statements = append(p.statements, s)
	}
	return true
}

// readStatement reads the elements of a statement.
func readStatement(value any) (s statement, ok bool) {
	elements, ok := value.(jsonObject)
	if !ok {
		return s, false
	}
	has := map[string]bool{}
	for _, e := range elements {
		has[e.name] = true
		switch e.name {
		case "Sid":
			s.sid, ok = e.value.(string)
		case "Effect":
			s.effect, ok = e.value.(string)
			ok = ok && (strings.EqualFold(s.effect, "Allow") || strings.EqualFold(s.effect, "Deny"))
		case "Principal", "NotPrincipal":
			s.principal = true
		case "Action", "NotAction":
			s.actions, ok = wordsOf(e.value)
		case "Resource", "NotResource":
			s.resources, ok = wordsOf(e.value)
		case "Condition":
			s.conditions, ok = readConditions(e.value)
		default:
			ok = false
		}
		if !ok {
			return s, false
		}
	}
	s.notActions, s.notResources = has["NotAction"], has["NotResource"]
	both := (has["Action"] && has["NotAction"]) || (has["Resource"] && has["NotResource"])
	return s, has["Effect"] && !both
}

// wordsOf reads a string or a list of strings.
func wordsOf(value any) ([]string, bool) {
	if word, ok := value.(string); ok {
		return []string{word}, true
	}
	list, ok := value.([]any)
	words := make([]string, len(list))
	for i, item := range list {
		word, isWord := item.(string)
		words[i], ok = word, ok && isWord
	}
	return words, ok
}
