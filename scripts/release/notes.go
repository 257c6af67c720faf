// SPDX-License-Identifier: MPL-2.0

package main

// The notes of a release: its section of CHANGELOG.md.

import (
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"runtime"
	"strings"
)

// relative is a link of Markdown's to a file of the repository.
var relative = regexp.MustCompile(`\]\(([A-Za-z0-9][^):]*)\)`)

// writeNotes writes the notes.
func (r *release) writeNotes(changelog, path string) error {
	content, err := os.ReadFile(changelog)
	if err != nil {
		return fmt.Errorf("reading the notes: %w", err)
	}
	text, err := section(string(content), r.version)
	if err != nil {
		return err
	}
	if r.links != "" {
		text = relative.ReplaceAllString(text, "]("+r.links+"$1)")
	}
	return create(path, func(w io.Writer) error {
		_, err := fmt.Fprintf(w, "%s\n\nBuilt with %s, which makes the same bytes of the same commit: `make release VERSION=%s`.\n", text, runtime.Version(), r.version)
		return err //nolint:wrapcheck // create says what was written
	})
}

// section is what stands below the heading of a version: "## [0.2.0]", perhaps with a date behind it. A version that is
// still to come, such as v0.2.0-dev, has the section of v0.2.0.
func section(changelog, version string) (string, error) {
	number := strings.TrimPrefix(version, "v")
	if at := strings.IndexAny(number, "-+"); at >= 0 {
		number = number[:at]
	}
	heading := "## [" + number + "]"
	var lines []string
	inside := false
	for line := range strings.Lines(changelog) {
		switch {
		case strings.HasPrefix(line, heading):
			inside = true
		case strings.HasPrefix(line, "## "):
			inside = false
		case inside:
			lines = append(lines, line)
		}
	}
	text := strings.TrimSpace(strings.Join(lines, ""))
	if text == "" {
		return "", errors.New("CHANGELOG.md has nothing below " + heading + ": rename the section Unreleased")
	}
	return text, nil
}
