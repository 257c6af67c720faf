// SPDX-License-Identifier: MPL-2.0

package backend

// Links between documents lead somewhere, to the heading that they name, and so does each
// document that the code names. What documents call a test or a source file exists.

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"
)

// walkRepository visits the files of the repository whose names end in one of the suffixes. What is built or
// downloaded is none of them.
func walkRepository(t *testing.T, visit func(path string), suffixes ...string) {
	t.Helper()
	err := filepath.WalkDir("..", func(path string, d os.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && slices.Contains([]string{".git", ".tools", "bin", "dist", "node_modules"}, d.Name()):
			return filepath.SkipDir
		case !d.IsDir() && slices.ContainsFunc(suffixes, func(s string) bool { return strings.HasSuffix(d.Name(), s) }):
			visit(filepath.ToSlash(path))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// documents are the pages of the repository, by their path from here.
func documents(t *testing.T) map[string]string {
	t.Helper()
	pages := map[string]string{}
	walkRepository(t, func(path string) { pages[path] = readDoc(t, path) }, ".md")
	if len(pages) < 10 {
		t.Fatalf("%d documents: is the test looking in the right place?", len(pages))
	}
	return pages
}

var (
	headingLine = regexp.MustCompile(`(?m)^#{1,6} (.+)$`)
	linkText    = regexp.MustCompile(`\[([^\]]*)\]\([^)]*\)`)
	linkTarget  = regexp.MustCompile(`\]\(([^)\s]+)\)`)
)

// anchors are the names that GitHub gives to the headings of a page: lower case, without punctuation, a
// hyphen for each space, and a number for what is there already.
func anchors(page string) map[string]bool {
	seen, count := map[string]bool{}, map[string]int{}
	for _, m := range headingLine.FindAllStringSubmatch(withoutBlocks(page), -1) {
		name := strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case r == '-', r == '_', unicode.IsLetter(r), unicode.IsDigit(r):
				return unicode.ToLower(r)
			}
			return -1
		}, linkText.ReplaceAllString(m[1], "$1"))
		if n := count[name]; n > 0 {
			seen[name+"-"+strconv.Itoa(n)] = true
		}
		count[name]++
		seen[name] = true
	}
	return seen
}

func TestDocsLinksLeadSomewhere(t *testing.T) {
	t.Parallel()
	pages := documents(t)
	headings := map[string]map[string]bool{}
	for path, page := range pages {
		headings[path] = anchors(page)
	}
	for path, page := range pages {
		for _, m := range linkTarget.FindAllStringSubmatch(withoutBlocks(page), -1) {
			if strings.Contains(m[1], "://") || strings.HasPrefix(m[1], "mailto:") {
				continue
			}
			file, anchor, _ := strings.Cut(m[1], "#")
			target := path
			if file != "" {
				target = filepath.ToSlash(filepath.Join(filepath.Dir(path), file))
			}
			if _, err := os.Stat(target); err != nil {
				t.Errorf("%s links to %s, which does not exist", path, m[1])
			} else if anchor != "" && !headings[target][anchor] {
				t.Errorf("%s links to %s, and %s has no such heading", path, m[1], target)
			}
		}
	}
}

// Code, scripts and settings name pages by their path from the root.
func TestDocsNamedInCodeExist(t *testing.T) {
	t.Parallel()
	named := regexp.MustCompile(`\bdocs/[\w./-]+\.md(?:#[\w-]+)?`)
	found := 0
	walkRepository(t, func(path string) {
		if strings.HasSuffix(path, "_test.go") {
			return // which may make up pages
		}
		for _, name := range named.FindAllString(readDoc(t, path), -1) {
			found++
			file, anchor, _ := strings.Cut(name, "#")
			page, err := os.ReadFile("../" + file)
			if err != nil || anchor != "" && !anchors(string(page))[anchor] {
				t.Errorf("%s names %s, which does not exist", path, name)
			}
		}
	}, ".go", ".sh", ".yml", ".yaml", "Makefile", ".awk", ".md")
	if found == 0 {
		t.Error("no page is named: is the test looking in the right place?")
	}
}

// What a document names in code quotes as a test, TestX, or in a command after -run, is there.
func TestDocsNameTestsThatExist(t *testing.T) {
	t.Parallel()
	known := map[string]bool{}
	declared := regexp.MustCompile(`(?m)^func ((?:Test|Fuzz|Benchmark)\w+)\(`)
	walkRepository(t, func(path string) {
		for _, m := range declared.FindAllStringSubmatch(readDoc(t, path), -1) {
			known[m[1]] = true
		}
	}, "_test.go")
	named := regexp.MustCompile("(?:`|-run '?\\^?)((?:Test|Fuzz|Benchmark)[A-Z]\\w+)")
	for path, page := range documents(t) {
		for _, m := range named.FindAllStringSubmatch(page, -1) {
			if !known[m[1]] {
				t.Errorf("%s names %s, which does not exist", path, m[1])
			}
		}
	}
}
