// SPDX-License-Identifier: MPL-2.0

package differential

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"vault-plugin-secrets-aws-dyn/internal/e2e/programs"
)

// This file keeps docs/migration.md in step with testdata/differences.txt. With UPDATE_DOCS=1 the test writes the
// table instead of comparing it.

const (
	migration  = programs.Repository + "/docs/migration.md"
	tableBegin = "<!-- What follows is made from internal/e2e/differential/testdata/differences.txt: UPDATE_DOCS=1 make differential -->\n"
	tableEnd   = "<!-- End of what is made -->\n"
)

// checkDocs compares the section "What differs" with what is known.
func (k *differences) checkDocs(t *testing.T) {
	t.Helper()
	content, err := os.ReadFile(migration)
	if err != nil {
		t.Fatalf("reading docs/migration.md: %v", err)
	}
	before, rest, found := strings.Cut(string(content), tableBegin)
	stands, after, closed := strings.Cut(rest, tableEnd)
	if !found || !closed {
		t.Fatal("docs/migration.md has lost the comments around its list of differences")
	}
	if want := k.markdown(); stands != want {
		if os.Getenv("UPDATE_DOCS") == "" {
			t.Error("docs/migration.md does not list the differences in testdata/differences.txt: run UPDATE_DOCS=1 make differential")
			return
		}
		if err := os.WriteFile(migration, []byte(before+tableBegin+want+tableEnd+after), 0o644); err != nil {
			t.Fatalf("writing docs/migration.md: %v", err)
		}
	}
}

// markdown is a table for each part of the file, in which a part begins with a line "# -- Name".
func (k *differences) markdown() string {
	var out strings.Builder
	part := ""
	for _, g := range k.groups {
		if g.part != part {
			part = g.part
			fmt.Fprintf(&out, "\n### %s\n\n| Request | What | Built-in | This engine | Why |\n|---|---|---|---|---|\n", part)
		}
		fmt.Fprintf(&out, "| %s | %s | %s | %s | %s |\n", cell(g.requests), cell(g.aspects), cell(g.builtIn), cell(g.ours), escape(g.why))
	}
	return out.String() + "\n"
}

// cell is a list of texts, each as code on a line of its own.
func cell(texts []string) string {
	var lines []string
	for _, text := range texts {
		if text == "*" {
			lines = append(lines, "(a value)")
			continue
		}
		lines = append(lines, "`"+escape(text)+"`")
	}
	return strings.Join(lines, "<br>")
}

// escape keeps a text from ending its cell.
func escape(text string) string { return strings.ReplaceAll(text, "|", `\|`) }
