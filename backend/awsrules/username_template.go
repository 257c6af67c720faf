// SPDX-License-Identifier: MPL-2.0

package awsrules

// What a username_template may do. It runs in a process that serves many mounts, and
// the template language can loop for ever and make a text of a gigabyte. So loops are
// refused, and every function that can make a text longer is bounded.

import (
	"encoding/base64"
	"errors"
	"fmt"
	"regexp"
	"strings"
	texttemplate "text/template"
	"text/template/parse"
	"time"

	"github.com/hashicorp/vault/sdk/helper/template"
)

const (
	// mostSteps is how much a template may do, in nodes of its tree; the default one
	// has about 40.
	mostSteps = 1000
	// mostText is how long a text may become on the way to a name, in bytes, and the
	// largest number in a template: lengths are what numbers are for.
	mostText = 64 << 10
	// textStep is how many bytes of plain text count as one more step.
	textStep = 64
	// mostWidth is the widest that printf may be told to print.
	mostWidth = 999

	templateName = "template"
)

// boundedTemplate makes a template that neither runs for ever nor eats memory.
func boundedTemplate(text string, more ...template.Opt) (template.StringTemplate, error) {
	if err := checkSteps(text); err != nil {
		return template.StringTemplate{}, err
	}
	opts := []template.Opt{template.Template(text)}
	for name, f := range growing {
		opts = append(opts, template.Function(name, f))
	}
	return template.NewTemplate(append(opts, more...)...)
}

// checkSteps refuses a template that could run for ever, or longer than anybody means.
func checkSteps(text string) error {
	trees := map[string]*parse.Tree{}
	tree := parse.New(templateName)
	tree.Mode = parse.SkipFuncCheck
	if _, err := tree.Parse(text, "", "", trees); err != nil {
		return nil //nolint:nilerr // the SDK refuses it, and knows the functions as well
	}
	w := walk{trees: trees}
	return w.template(templateName)
}

// walk counts what a template does, those that it calls included: one that calls
// itself has no end.
type walk struct {
	trees map[string]*parse.Tree
	steps int
}

func (w *walk) template(name string) error {
	if tree := w.trees[name]; tree != nil {
		return w.node(tree.Root)
	}
	return nil
}

func all[T parse.Node](w *walk, nodes []T) error {
	for _, n := range nodes {
		if err := w.node(n); err != nil {
			return err
		}
	}
	return nil
}

func (w *walk) branch(b *parse.BranchNode) error {
	return all(w, []parse.Node{b.Pipe, b.List, b.ElseList})
}

// node looks at a node and all below it.
func (w *walk) node(n parse.Node) error {
	if w.steps++; w.steps > mostSteps {
		return fmt.Errorf("does more than %d steps, or calls itself", mostSteps)
	}
	switch n := n.(type) {
	case *parse.RangeNode:
		return errors.New("has a range; loops are not allowed in a name")
	case *parse.NumberNode:
		if n.IsUint && n.Uint64 > mostText {
			return fmt.Errorf("has the number %s, and the limit is %d", Abridged(n.Text), mostText)
		}
	case *parse.TextNode:
		w.steps += len(n.Text) / textStep
	case *parse.TemplateNode:
		if err := w.node(n.Pipe); err != nil {
			return err
		}
		return w.template(n.Name)
	case *parse.IfNode:
		return w.branch(&n.BranchNode)
	case *parse.WithNode:
		return w.branch(&n.BranchNode)
	case *parse.ActionNode:
		return w.node(n.Pipe)
	case *parse.ListNode:
		if n != nil {
			return all(w, n.Nodes)
		}
	case *parse.PipeNode:
		if n != nil {
			return all(w, n.Cmds)
		}
	case *parse.CommandNode:
		return all(w, n.Args)
	case *parse.ChainNode:
		return w.node(n.Node)
	}
	return nil
}

// growing are the functions whose answer can be longer than what they are given: the
// SDK's, and those that the template language has itself.
var growing = map[string]any{
	"base64": func(s string) (string, error) {
		return within(base64.StdEncoding.EncodedLen(len(s)), func() string { return base64.StdEncoding.EncodeToString([]byte(s)) })
	},
	"replace": func(find, replacement, s string) (string, error) {
		n := len(s) + strings.Count(s, find)*max(0, len(replacement)-len(find))
		return within(n, func() string { return strings.ReplaceAll(s, find, replacement) })
	},
	"timestamp": func(layout string) (string, error) {
		return within(10*len(layout), func() string { return time.Now().Format(layout) })
	},
	"print": func(args ...any) (string, error) {
		return within(size(args), func() string { return fmt.Sprint(args...) })
	},
	"println": func(args ...any) (string, error) {
		return within(size(args), func() string { return fmt.Sprintln(args...) })
	},
	"printf": printf,
	"html": func(args ...any) (string, error) {
		return within(6*size(args), func() string { return texttemplate.HTMLEscaper(args...) })
	},
	"js": func(args ...any) (string, error) {
		return within(6*size(args), func() string { return texttemplate.JSEscaper(args...) })
	},
	"urlquery": func(args ...any) (string, error) {
		return within(3*size(args), func() string { return texttemplate.URLQueryEscaper(args...) })
	},
}

var errLong = fmt.Errorf("a text on the way to the name would have more than %d bytes", mostText)

// within makes a text that has n bytes at most, if that is not too many.
func within(n int, make func() string) (string, error) {
	if n > mostText {
		return "", errLong
	}
	return make(), nil
}

// size is how long values are as texts, at most. What is no text is short.
func size(args []any) int {
	n := 0
	for _, arg := range args {
		switch v := arg.(type) {
		case string:
			n += len(v) + 1
		case nameData:
			n += len(v.Type) + len(v.DisplayName) + len(v.PolicyName) + 8
		default:
			n += 32
		}
	}
	return n
}

// wideVerb finds a verb with a width or a precision of four digits and more, or one that a
// value gives.
var wideVerb = regexp.MustCompile(`%[^%a-zA-Z]*(\*|[0-9]{4})`)

// printf counts each verb as if it printed all values, with every byte escaped.
func printf(format string, args ...any) (string, error) {
	if wideVerb.MatchString(format) {
		return "", fmt.Errorf("printf with a width of more than %d", mostWidth)
	}
	verbs := strings.Count(format, "%")
	return within(len(format)+verbs*(mostWidth+6*size(args)), func() string { return fmt.Sprintf(format, args...) })
}
