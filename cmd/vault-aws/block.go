// SPDX-License-Identifier: MPL-2.0

//go:build unix

package main

import (
	"fmt"
	"slices"
	"strings"
)

// block is the part of AWS's configuration file that is ours, between two marks.
type block struct{ title string }

func (b block) begin() string { return "# BEGIN vault-aws " + b.title + "\n" }
func (b block) end() string   { return "# END vault-aws " + b.title + "\n" }

// cut cuts a file into what is before the block, the profiles in it, and what is after it.
func (b block) cut(content string) (before, inside, after string, err error) {
	switch begins, ends := countLines(content, b.begin()), countLines(content, b.end()); {
	case begins == 0 && ends == 0:
		return content, "", "", nil
	case begins != 1 || ends != 1:
		return "", "", "", fmt.Errorf("the marks %q and %q do not stand there once each; fix or remove them", strings.TrimSpace(b.begin()), strings.TrimSpace(b.end()))
	}
	before, rest := cutLine(content, b.begin())
	if countLines(rest, b.end()) == 0 {
		return "", "", "", fmt.Errorf("the mark %q stands before %q; fix or remove them", strings.TrimSpace(b.end()), strings.TrimSpace(b.begin()))
	}
	inside, after = cutLine(rest, b.end())
	return before, inside, after, nil
}

// paste puts the block with other profiles back; without any, it goes.
func (b block) paste(before, profiles, after string) string {
	if profiles == "" {
		return before + after
	}
	if before != "" && !strings.HasSuffix(before, "\n") {
		before += "\n"
	}
	return before + b.begin() + profiles + b.end() + after
}

// countLines counts the lines that are one, whatever ends them.
func countLines(content, line string) (n int) {
	for l := range strings.Lines(content) {
		if strings.TrimSpace(l) == strings.TrimSpace(line) {
			n++
		}
	}
	return n
}

// cutLine cuts around the first line that is one.
func cutLine(content, line string) (before, after string) {
	at := 0
	for l := range strings.Lines(content) {
		if strings.TrimSpace(l) == strings.TrimSpace(line) {
			return content[:at], content[at+len(l):]
		}
		at += len(l)
	}
	return content, ""
}

// difference shows the profiles that go and those that come; what stays is left out.
func difference(old, wanted string) string {
	var b strings.Builder
	was, will := entries(old), entries(wanted)
	mark := func(sign string, entry string) {
		for line := range strings.Lines(entry) {
			b.WriteString(sign + strings.TrimSuffix(line, "\n") + "\n")
		}
	}
	for _, entry := range was {
		if !slices.Contains(will, entry) {
			mark("-", entry)
		}
	}
	for _, entry := range will {
		if !slices.Contains(was, entry) {
			mark("+", entry)
		}
	}
	return b.String()
}

// entries are the profiles of a block, each with its lines.
func entries(content string) (all []string) {
	for line := range strings.Lines(content) {
		if _, ok := sectionOf(line); ok || len(all) == 0 {
			all = append(all, "")
		}
		all[len(all)-1] += line
	}
	return all
}
