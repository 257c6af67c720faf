// SPDX-License-Identifier: MPL-2.0

package differential

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
)

// This file reads testdata/differences.txt and says of a difference whether it is explained there.

// difference is one aspect in which the two answers to a request differ.
type difference struct{ request, aspect, builtIn, ours string }

// group is a paragraph of the file: requests that differ in the same way, for the same reason. Requests and aspects
// may hold * for anything.
type group struct {
	part              string // the heading above it
	requests, aspects []string
	builtIn, ours     []string // one for all aspects, or one for each
	why               string
	met               map[string]int // how often each request and each aspect occurred
}

// differences are what is known, and what was found beyond.
type differences struct {
	groups      []*group
	unexplained []difference
}

// readDifferences reads the one file in which differences are explained.
func readDifferences(t *testing.T) *differences {
	t.Helper()
	content, err := os.ReadFile("testdata/differences.txt")
	if err != nil {
		t.Fatalf("reading what is known to differ: %v", err)
	}
	known, part := &differences{}, ""
	for paragraph := range strings.SplitSeq(string(content), "\n\n") {
		if heading, ok := strings.CutPrefix(strings.TrimSpace(paragraph), "# -- "); ok {
			part = heading
		}
		g := &group{part: part, met: map[string]int{}}
		for line := range strings.Lines(paragraph) {
			if line = strings.TrimSpace(line); line == "" || strings.HasPrefix(line, "#") {
				continue
			}
			if err := g.read(line); err != nil {
				t.Fatalf("testdata/differences.txt: %v", err)
			}
		}
		switch {
		case len(g.requests)+len(g.aspects) == 0:
		case len(g.requests) == 0 || len(g.aspects) == 0 || len(g.builtIn) == 0 || len(g.ours) == 0 || g.why == "":
			t.Fatalf("testdata/differences.txt: this paragraph lacks a line:\n%s", paragraph)
		default:
			known.groups = append(known.groups, g)
		}
	}
	return known
}

// read takes one line of a paragraph.
func (g *group) read(line string) error {
	word, rest, _ := strings.Cut(line, ":")
	rest = strings.TrimSpace(rest)
	switch word {
	case "request":
		g.requests = append(g.requests, rest)
	case "differs":
		g.aspects = append(g.aspects, rest)
	case "built-in":
		g.builtIn = append(g.builtIn, rest)
	case "ours":
		g.ours = append(g.ours, rest)
	case "why":
		g.why = rest
	default:
		return fmt.Errorf("no line begins with %q", word)
	}
	return nil
}

// explain notes a difference with the first group that has it.
func (k *differences) explain(d difference) {
	for _, g := range k.groups {
		request, aspect := find(g.requests, d.request), find(g.aspects, d.aspect)
		if request == "" || aspect == "" || find(g.builtIn, d.builtIn) == "" || find(g.ours, d.ours) == "" {
			continue
		}
		g.met["request "+request]++
		g.met["aspect "+aspect]++
		return
	}
	k.unexplained = append(k.unexplained, d)
}

// find is the first pattern that a text is like, or "".
func find(patterns []string, text string) string {
	for _, pattern := range patterns {
		if like(pattern, text) {
			return pattern
		}
	}
	return ""
}

// like says whether a text is a pattern, in which * is anything.
func like(pattern, text string) bool {
	if !strings.Contains(pattern, "*") {
		return pattern == text
	}
	expression := "(?s)^" + strings.ReplaceAll(regexp.QuoteMeta(pattern), `\*`, ".*") + "$"
	return regexp.MustCompile(expression).MatchString(text)
}

// unused are the lines of the file that nothing found is like.
func (k *differences) unused() []string {
	var gone []string
	for _, g := range k.groups {
		for _, request := range g.requests {
			if g.met["request "+request] == 0 {
				gone = append(gone, fmt.Sprintf("%s (%s: %s | %s)", request, strings.Join(g.aspects, ", "), g.builtIn, g.ours))
			}
		}
		for _, aspect := range g.aspects {
			if g.met["aspect "+aspect] == 0 {
				gone = append(gone, fmt.Sprintf("%s of %s", aspect, strings.Join(g.requests, ", ")))
			}
		}
	}
	return gone
}

// count is how many differences the groups explain.
func (k *differences) count() (n int) {
	for _, g := range k.groups {
		n += g.times()
	}
	return n
}

func (g *group) times() (n int) {
	for _, request := range g.requests {
		n += g.met["request "+request]
	}
	return n
}

// table is what the test prints.
func (k *differences) table() string {
	var out strings.Builder
	for _, g := range k.groups {
		fmt.Fprintf(&out, "%4dx %s\n      %s: %s | ours: %s\n      %s\n",
			g.times(), strings.Join(g.requests, "\n      "), strings.Join(g.aspects, ", "), strings.Join(g.builtIn, ", "), strings.Join(g.ours, ", "), g.why)
	}
	return out.String()
}
