// SPDX-License-Identifier: MPL-2.0

package iampolicy

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"unicode"
)

// Statement allows some actions on some resources.
type Statement struct {
	Sid       string
	Actions   []string
	Resources []string
	Condition Condition
}

// Condition is a set of operators, each with the keys and values that it compares.
type Condition map[string]map[string][]string

// with is c and one more comparison; without values it is c.
func (c Condition) with(operator, key string, values []string) Condition {
	if len(values) == 0 {
		return c
	}
	more := maps.Clone(c)
	if more == nil {
		more = Condition{}
	}
	more[operator] = map[string][]string{key: slices.Compact(slices.Sorted(slices.Values(values)))}
	return more
}

func (c Condition) equal(other Condition) bool {
	return maps.EqualFunc(c, other, func(a, b map[string][]string) bool { return maps.EqualFunc(a, b, slices.Equal) })
}

// policy gathers the statements of an identity.
type policy struct{ statements []Statement }

// allow adds a statement. One that differs by its resources alone takes those.
func (p *policy) allow(sid string, actions, resources []string, c Condition) {
	if len(resources) == 0 || len(actions) == 0 {
		return
	}
	for i := range p.statements {
		if s := &p.statements[i]; s.Sid == sid && slices.Equal(s.Actions, actions) && s.Condition.equal(c) {
			s.Resources = slices.Compact(slices.Sorted(slices.Values(slices.Concat(s.Resources, resources))))
			return
		}
	}
	p.statements = append(p.statements, Statement{sid, actions, slices.Compact(slices.Sorted(slices.Values(resources))), c})
}

// numbered gives each of several statements of one Sid a number: within a policy they are unique
// (IAM User Guide, "IAM JSON policy elements: Sid").
func numbered(statements []Statement) []Statement {
	count := map[string]int{}
	for _, s := range statements {
		count[s.Sid]++
	}
	next := map[string]int{}
	for i, s := range statements {
		if count[s.Sid] > 1 {
			next[s.Sid]++
			statements[i].Sid += strconv.Itoa(next[s.Sid])
		}
	}
	return statements
}

// list is one text or several, as policies write them.
type list []string

// MarshalJSON implements [json.Marshaler].
func (l list) MarshalJSON() ([]byte, error) {
	if len(l) == 1 {
		return json.Marshal(l[0])
	}
	return json.Marshal([]string(l))
}

// MarshalJSON implements [json.Marshaler].
func (s Statement) MarshalJSON() ([]byte, error) {
	conditions := map[string]map[string]list{}
	for operator, keys := range s.Condition {
		conditions[operator] = map[string]list{}
		for key, values := range keys {
			conditions[operator][key] = values
		}
	}
	return json.Marshal(struct {
		Sid       string
		Effect    string
		Action    list
		Resource  list
		Condition map[string]map[string]list `json:",omitempty"`
	}{s.Sid, "Allow", s.Actions, s.Resources, conditions})
}

// document is a policy as AWS takes it.
type document struct {
	Version   string
	Statement any
}

// text is a document for people.
func text(statements any) string {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	_ = enc.Encode(document{"2012-10-17", statements}) // it holds nothing but texts
	return string(bytes.TrimSpace(b.Bytes()))
}

// size is how many characters of a document AWS counts: "IAM doesn't count white space" (IAM User
// Guide, "IAM and AWS STS quotas").
func size(text string) (n int) {
	for _, r := range text {
		if !unicode.IsSpace(r) {
			n++
		}
	}
	return n
}
