// SPDX-License-Identifier: MPL-2.0

package awsrules

// What a policy of a user or a session may consist of: IAM User Guide, "IAM JSON policy
// element reference" and "Grammar of the IAM JSON policy language". The names of
// services, actions, resources and conditions are AWS's to judge.

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// The elements of a policy and of a statement.
var (
	policyElements    = []string{"Version", "Id", "Statement"}
	statementElements = []string{"Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Condition"}
	sidForm           = regexp.MustCompile(`^[0-9A-Za-z]*$`)
)

// So many mistakes, and so many warnings, are told of one policy, and so many bytes of them.
const (
	mostFindings    = 10
	mostFindingText = 3 << 10
)

// policyChecker gathers what is wrong with a policy.
type policyChecker struct {
	text     string
	rendered bool // strings with templates have their values
	mistakes []error
	warnings []string
	told     int // bytes of either
}

// refuse says what AWS would refuse, where it stands, and in which element.
func (c *policyChecker) refuse(path string, v *jsonValue, format string, args ...any) {
	if len(c.mistakes) < mostFindings && c.told < mostFindingText {
		c.mistakes = append(c.mistakes, errors.New(c.located(path, v, format, args...)))
	}
}

// warn says what AWS takes, and what is likely to be meant otherwise.
func (c *policyChecker) warn(path string, v *jsonValue, format string, args ...any) {
	if len(c.warnings) < mostFindings && c.told < mostFindingText {
		c.warnings = append(c.warnings, c.located(path, v, format, args...))
	}
}

func (c *policyChecker) located(path string, v *jsonValue, format string, args ...any) string {
	words := fmt.Sprintf(format, args...) + " (" + place(c.text, v.offset) + ")"
	if path != "" {
		words = Abridged(path) + ": " + words
	}
	c.told += len(words)
	return words
}

// quoted is a value as a message shows it.
func quoted(v *jsonValue) string {
	if v.kind == jsonString {
		return fmt.Sprintf("%q", Abridged(cmp.Or(v.written, v.text)))
	}
	return string(v.kind)
}

// under is the path of what stands in a part of an element.
func under(path, name string) string { return path + ": " + Abridged(name) }

// check checks a whole policy.
func (c *policyChecker) check(root *jsonValue) {
	c.checkCharacters()
	c.checkKeys("", root)
	c.checkElements("", root, policyElements)
	c.checkVersion(root)
	if id := root.member("Id"); id != nil && id.kind != jsonString && id.kind != jsonNull {
		c.refuse("Id", id, "is %s; it has to be a string", id.kind)
	}
	statement := root.member("Statement")
	switch {
	case statement == nil:
		c.refuse("", root, "has no Statement")
		return
	case statement.kind == jsonNull: // told with the elements
		return
	case statement.kind != jsonObject && statement.kind != jsonList:
		c.refuse("Statement", statement, "is %s; it has to be an object or a list of objects", statement.kind)
		return
	case statement.kind == jsonList && len(statement.items) == 0:
		c.refuse("Statement", statement, "is empty; a policy has one statement at least")
	}
	sids := map[string]string{}
	for i, st := range listed(statement) {
		name := statementName(statement, i)
		if st.kind != jsonObject {
			c.refuse(name, st, "is %s; it has to be an object", st.kind)
			continue
		}
		c.checkStatement(name, st)
		c.checkSid(name, st.member("Sid"), sids)
	}
}

// checkCharacters keeps to those that a policy may be sent in (IAM API Reference,
// PutUserPolicy; STS API Reference, AssumeRole).
func (c *policyChecker) checkCharacters() {
	for i, char := range c.text {
		if char > '\u00ff' {
			c.refuse("", &jsonValue{offset: i}, `has the character %#U; AWS takes a policy in Latin-1 only, and others as \uXXXX`, char)
			return
		}
	}
}

// checkKeys refuses keys that stand twice in one object, at any depth: the grammar has no
// element twice, and a reader that keeps one of the two changes what the policy means. Keys
// that differ only in case are the same condition to AWS (IAM Access Analyzer, policy check
// reference, "Duplicate keys with different case").
func (c *policyChecker) checkKeys(path string, v *jsonValue) {
	seen := map[string]*jsonValue{}
	for _, m := range v.members {
		folded := strings.ToLower(m.key.text)
		switch first := seen[folded]; {
		case first == nil:
			seen[folded] = m.key
		case first.text == m.key.text:
			c.refuse(path, m.key, "the key %s appears twice, first at %s; join the two", quoted(m.key), place(c.text, first.offset))
		default:
			c.refuse(path, m.key, "the key %s differs only in case from %s at %s; join the two", quoted(m.key), quoted(first), place(c.text, first.offset))
		}
		name := m.key.text
		if path != "" {
			name = under(path, name)
		}
		c.checkKeys(name, m.value)
	}
	for i, item := range v.items {
		name := fmt.Sprintf("%s: item %d", path, i+1)
		if path == "Statement" {
			name = statementName(v, i)
		}
		c.checkKeys(name, item)
	}
}

// checkElements refuses elements that there are not, with a hint where one is misspelt, and
// null, which the grammar has nowhere.
func (c *policyChecker) checkElements(path string, object *jsonValue, known []string) {
	for _, m := range object.members {
		name := m.key.text
		i := slices.IndexFunc(known, func(other string) bool { return strings.EqualFold(name, other) })
		switch {
		case slices.Contains(known, name) && m.value.kind == jsonNull:
			c.refuse(path, m.value, "has null for %s; give it a value, or omit it", name)
		case slices.Contains(known, name):
		case strings.EqualFold(name, "Principal") || strings.EqualFold(name, "NotPrincipal"):
			c.refuse(path, m.key, "has a %s, which a policy of a user cannot have: the user is the principal", name)
		case i >= 0:
			c.refuse(path, m.key, "has the element %s; AWS wants it written %s", quoted(m.key), known[i])
		default:
			c.refuse(path, m.key, "has the element %s, which does not exist; there are %s", quoted(m.key), strings.Join(known, ", "))
		}
	}
}

// checkVersion checks the Version. The 2008 one has no policy variables ("IAM JSON policy
// elements: Version"), and it is what a policy without one is of. Until AWS has read a
// Version, it wants a list of statements (99designs/iamy, issue 65).
func (c *policyChecker) checkVersion(root *jsonValue) {
	version, statement := root.member("Version"), root.member("Statement")
	single := statement != nil && statement.kind == jsonObject
	switch {
	case version == nil && single:
		c.warn("Statement", statement, "is not a list, and there is no Version before it: AWS may refuse that; put Version first")
	case version == nil || version.kind == jsonNull: // null is told with the elements
	case version.kind != jsonString:
		c.refuse("Version", version, `is %s; use the string "2012-10-17"`, version.kind)
	case version.text != Version2012 && version.text != Version2008:
		c.refuse("Version", version, `is %s; AWS knows "2012-10-17" and "2008-10-17"`, quoted(version))
	case single && statement.offset < version.offset:
		c.refuse("Version", version, "stands behind a Statement that is not a list; put Version first")
	}
	if version == nil {
		version = root
	}
	if root.member("Version") == nil || version.text == Version2008 {
		c.warn("", version, `its Version is not "2012-10-17", so AWS does not replace variables such as ${aws:username} in it`)
	}
}

// checkStatement checks all of a statement but its Sid.
func (c *policyChecker) checkStatement(path string, st *jsonValue) {
	c.checkElements(path, st, statementElements)
	switch effect := st.member("Effect"); {
	case effect == nil:
		c.refuse(path, st, `has no Effect; add "Allow" or "Deny"`)
	case effect.kind != jsonString || effect.text != "Allow" && effect.text != "Deny":
		c.refuse(path, effect, `has the Effect %s; use "Allow" or "Deny"`, quoted(effect))
	}
	c.checkPair(path, st, "Action", c.checkAction)
	c.checkPair(path, st, "Resource", c.checkResource)
	if condition := st.member("Condition"); condition != nil {
		c.checkCondition(under(path, "Condition"), condition)
	}
}

// checkPair checks that a statement has an element or its opposite, and each string of it.
func (c *policyChecker) checkPair(path string, st *jsonValue, name string, check func(path string, v *jsonValue)) {
	element, not := st.member(name), st.member("Not"+name)
	switch {
	case element == nil && not == nil:
		c.refuse(path, st, "has neither %s nor Not%s; add one", name, name)
	case element != nil && not != nil:
		c.refuse(path, not, "has both %s and Not%s; remove one", name, name)
	}
	for _, v := range []*jsonValue{element, not} {
		where := under(path, name)
		if v == not {
			where = under(path, "Not"+name)
		}
		switch {
		case v == nil || v.kind == jsonNull:
		case v.kind == jsonList && len(v.items) == 0:
			c.refuse(where, v, "is an empty list; name one at least")
		case v.kind != jsonString && v.kind != jsonList:
			c.refuse(where, v, "is %s; it has to be a string or a list of strings", v.kind)
		default:
			for _, item := range listed(v) {
				if item.kind != jsonString {
					c.refuse(where, item, "holds %s; it has to be a string or a list of strings", item.kind)
					continue
				}
				check(where, item)
			}
		}
	}
}

// checkSid checks a Sid: letters and digits in IAM, once in a policy. An empty one is none.
func (c *policyChecker) checkSid(path string, sid *jsonValue, seen map[string]string) {
	switch {
	case sid == nil || sid.kind == jsonNull:
	case sid.kind != jsonString:
		c.refuse(path, sid, "has a Sid that is %s; it has to be a string", sid.kind)
	case !sidForm.MatchString(sid.text):
		c.refuse(path, sid, "has the Sid %s; use letters and digits alone", quoted(sid))
	case sid.text != "" && seen[sid.text] != "":
		c.refuse(path, sid, "has the Sid %s of %s; each may stand once in a policy", quoted(sid), seen[sid.text])
	default:
		seen[sid.text] = path
	}
}
