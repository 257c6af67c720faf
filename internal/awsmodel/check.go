// SPDX-License-Identifier: MPL-2.0

package awsmodel

// A value against its member, with the rules in the words of AWS's own errors.

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"
)

// Broken lists the rules that a text breaks as the value of a string, an integer or a boolean.
func (m Member) Broken(value string) []string {
	switch m.Type {
	case "integer":
		n, err := strconv.Atoi(value)
		if err != nil {
			return []string{"Member must be an integer"}
		}
		return m.outside(n, "value")
	case "boolean":
		if value != "true" && value != "false" {
			return []string{"Member must be true or false"}
		}
		return nil
	}
	// A character is a code point: "the number of Unicode scalar values" (Smithy, "length trait"; AWS's models are
	// written in it). For all patterns but those of tags and ARNs of STS that is a byte.
	rules := m.outside(utf8.RuneCountInString(value), "length")
	if m.Pattern != "" && !pattern(m.Pattern).MatchString(value) {
		rules = append(rules, "Member must satisfy regular expression pattern: "+m.Pattern)
	}
	if len(m.Enum) > 0 && !slices.Contains(m.Enum, value) {
		rules = append(rules, "Member must satisfy enum value set: ["+strings.Join(m.Enum, ", ")+"]")
	}
	return rules
}

// BrokenBy lists the rules that a list of so many elements breaks.
func (m Member) BrokenBy(elements int) []string { return m.outside(elements, "length") }

// outside compares a length or a value with the bounds.
func (m Member) outside(n int, what string) []string {
	switch {
	case m.Min != nil && n < *m.Min:
		return []string{fmt.Sprintf("Member must have %s greater than or equal to %d", what, *m.Min)}
	case m.Max != nil && n > *m.Max:
		return []string{fmt.Sprintf("Member must have %s less than or equal to %d", what, *m.Max)}
	}
	return nil
}

var (
	patterns sync.Map // of the model, to *regexp.Regexp
	java     = regexp.MustCompile(`\\u([0-9A-F]{4})`)
	index    = regexp.MustCompile(`\.member\.[0-9]+`)
)

// pattern makes a regular expression of Java's one of Go's. Both mean ASCII by \w and \d. Java's matches() is of the whole
// value, and its \u has four digits: the model's \u10000-\u10FFFF can only mean all characters from U+10000 on.
func pattern(text string) *regexp.Regexp {
	if known, ok := patterns.Load(text); ok {
		return known.(*regexp.Regexp)
	}
	in := strings.ReplaceAll(text, `\u10000-\u10FFFF`, `\x{10000}-\x{10FFFF}`)
	compiled := regexp.MustCompile(`^(?:` + java.ReplaceAllString(in, `\x{$1}`) + `)$`)
	patterns.Store(text, compiled)
	return compiled
}

// general is the name of a member with N for the index of an element.
func general(name string) string { return index.ReplaceAllString(name, ".member.N") }
