// SPDX-License-Identifier: MPL-2.0

package awsrules

// What all names that a template makes have in common, for the IAM policy of the engine's own
// identity. The template is tried with values that have no beginning in common in place of what
// nobody knows before: the caller, the time and what is random.

import (
	"fmt"
	"slices"
	"strings"
	"text/template/parse"
	"time"

	"github.com/hashicorp/vault/sdk/helper/template"
)

// Any stands in a pattern for any text.
const Any = "*"

// UserPattern is a pattern of the names of the IAM users of a role.
func UserPattern(text, role string) (string, error) { return namePattern(text, "IAM", role) }

// FederatedPattern is a pattern of the names of its federated users.
func FederatedPattern(text, role string) (string, error) { return namePattern(text, "STS", role) }

func namePattern(text, kind, role string) (string, error) {
	if text == "" || text == DefaultNameTemplate {
		text = roomForRandom
	}
	if len(text) > MostTemplate {
		return "", fmt.Errorf("username_template: has %d bytes; the limit is %d", len(text), MostTemplate)
	}
	var names []string
	var failed error
	for _, trial := range trials {
		tmpl, err := boundedTemplate(text, trial.functions()...)
		if err != nil {
			return "", fmt.Errorf("username_template: is not a template: %w", err)
		}
		for _, caller := range []string{trial.letter, strings.Repeat(trial.letter, mostNewUser), ""} {
			name, err := tmpl.Generate(nameData{Type: kind, DisplayName: caller, PolicyName: InName(role)})
			if err != nil { // as it does for a caller of such a name
				failed = err
				continue
			}
			names = append(names, name)
		}
	}
	switch {
	case len(names) == 0:
		return "", fmt.Errorf("username_template: makes no name: %w", failed)
	case decidesByCaller(text):
		return Any, nil
	}
	same := common(names)
	if slices.Max(names) != slices.Min(names) {
		same += Any
	}
	return same, nil
}

// common is the beginning that texts have in common, as far as it may stand in a name.
func common(texts []string) string {
	first, last := slices.Min(texts), slices.Max(texts)
	n := 0
	for n < min(len(first), len(last)) && first[n] == last[n] {
		n++
	}
	if outside := outsideName.FindStringIndex(first[:n]); outside != nil {
		n = outside[0]
	}
	return first[:n]
}

// trial is one choice of all that nobody knows before.
type trial struct {
	letter, digit string
	at            time.Time // all parts of two trials begin with different characters
}

var trials = []trial{
	{"a", "1", time.Date(1234, time.March, 7, 5, 9, 8, 123456789, time.FixedZone("ABC", 3600))},
	{"Z", "9", time.Date(2999, time.November, 28, 16, 31, 24, 987654321, time.FixedZone("XYZ", -23*3600))},
}

func (t trial) functions() []template.Opt {
	number := func(n int) func() string { return func() string { return strings.Repeat(t.digit, n) } }
	return []template.Opt{
		template.Function("random", func(n int) (string, error) {
			return within(n, func() string { return strings.Repeat(t.letter, max(n, 0)) })
		}),
		template.Function("uuid", func() string { return strings.Repeat(t.letter, 36) }),
		template.Function("unix_time", number(10)),
		template.Function("unix_time_millis", number(13)),
		template.Function("timestamp", func(layout string) (string, error) {
			return within(10*len(layout), func() string { return t.at.Format(layout) })
		}),
	}
}

// decides are the functions whose answer is not made of what they are given.
var decides = []string{"eq", "ne", "lt", "le", "gt", "ge", "and", "or", "not"}

// decidesByCaller reports whether a template may make other names for some callers than trials
// show: it compares what is not known before.
func decidesByCaller(text string) (does bool) {
	trees := map[string]*parse.Tree{}
	tree := parse.New(templateName)
	tree.Mode = parse.SkipFuncCheck
	if _, err := tree.Parse(text, "", "", trees); err != nil {
		return true
	}
	for _, t := range trees {
		visit(t.Root, func(n parse.Node) {
			switch n := n.(type) {
			case *parse.IfNode:
				does = does || unknown(n.Pipe)
			case *parse.WithNode:
				does = does || unknown(n.Pipe)
			case *parse.CommandNode:
				if first, is := n.Args[0].(*parse.IdentifierNode); is && slices.Contains(decides, first.Ident) {
					does = does || unknown(n)
				}
			}
		})
	}
	return does
}

// unknown reports whether a part of a template has what is not known before the request.
func unknown(n parse.Node) (has bool) {
	visit(n, func(n parse.Node) {
		switch n := n.(type) {
		case *parse.FieldNode:
			has = has || !slices.Equal(n.Ident, []string{"Type"}) && !slices.Equal(n.Ident, []string{"PolicyName"})
		case *parse.DotNode, *parse.VariableNode, *parse.ChainNode:
			has = true
		case *parse.IdentifierNode:
			has = has || slices.Contains([]string{"random", "uuid", "unix_time", "unix_time_millis", "timestamp"}, n.Ident)
		}
	})
	return has
}

// visit goes through a part of a template.
func visit(n parse.Node, see func(parse.Node)) {
	see(n)
	var below []parse.Node
	branch := func(b *parse.BranchNode) {
		below = append(below, b.Pipe, b.List)
		if b.ElseList != nil {
			below = append(below, b.ElseList)
		}
	}
	switch n := n.(type) {
	case *parse.ListNode:
		below = n.Nodes
	case *parse.ActionNode:
		below = []parse.Node{n.Pipe}
	case *parse.PipeNode:
		for _, c := range n.Cmds {
			below = append(below, c)
		}
	case *parse.CommandNode:
		below = n.Args
	case *parse.ChainNode:
		below = []parse.Node{n.Node}
	case *parse.IfNode:
		branch(&n.BranchNode)
	case *parse.WithNode:
		branch(&n.BranchNode)
	case *parse.TemplateNode:
		if n.Pipe != nil {
			below = []parse.Node{n.Pipe}
		}
	}
	for _, b := range below {
		visit(b, see)
	}
}
