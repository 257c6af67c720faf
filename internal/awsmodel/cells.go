// SPDX-License-Identifier: MPL-2.0

package awsmodel

// The cells of the table: for each member the values at its bounds, one beyond them, of all its characters and of others,
// with what AWS makes of them. They are made without what check.go does: the two are held against each other by the tests.

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Cell is a member with one value, or a list with some elements.
type Cell struct {
	Action, Member string
	// Case is absent, at min, below min, at max, above max, inside, outside, a value, no value, number.
	Case string
	// Value is the text; Elements are how many a list has.
	Value    string
	Elements int
	// Fits says that AWS takes it by its form.
	Fits bool
}

// String names the cell: AssumeRole.RoleSessionName above max.
func (c Cell) String() string { return c.Action + "." + c.Member + " " + c.Case }

// Cells are those of an action.
func (m Model) Cells(action string) (cells []Cell) {
	for _, member := range m.Actions[action] {
		add := func(name, value string, fits bool) {
			cells = append(cells, Cell{Action: action, Member: member.Name, Case: name, Value: value, Fits: fits})
		}
		if member.Required && !strings.Contains(member.Name, ".N") {
			add("absent", "", false)
		}
		switch member.Type {
		case "integer":
			member.numbers(add)
		case "string":
			member.texts(add)
		case "list":
			if member.Max != nil {
				cells = append(cells,
					Cell{Action: action, Member: member.Name, Case: "at max", Elements: *member.Max, Fits: true},
					Cell{Action: action, Member: member.Name, Case: "above max", Elements: *member.Max + 1})
			}
		}
	}
	return cells
}

func (m Member) numbers(add func(name, value string, fits bool)) {
	add("below min", strconv.Itoa(*m.Min-1), false)
	add("at min", strconv.Itoa(*m.Min), true)
	add("at max", strconv.Itoa(*m.Max), true)
	add("above max", strconv.Itoa(*m.Max+1), false)
	add("no number", "1e3", false)
}

func (m Member) texts(add func(name, value string, fits bool)) {
	for _, value := range m.Enum {
		add("a value", value, true)
		add("no value", strings.ToUpper(value), false)
	}
	of := alphabetOf(m.Pattern)
	if m.Min != nil {
		add("at min", of.Long(*m.Min), true)
		if *m.Min > 0 {
			add("below min", of.Long(*m.Min-1), false)
		}
	}
	if m.Max != nil {
		add("at max", of.Long(*m.Max), true)
		add("above max", of.Long(*m.Max+1), false)
	}
	if m.Pattern == "" {
		return
	}
	room := 0 // for the rest of a value that is long enough
	if m.Min != nil {
		room = *m.Min
	}
	if m.Max == nil || room+len(of.inside)+2 <= *m.Max {
		add("inside", of.around(of.inside, room), true)
	}
	for _, other := range of.outside {
		value := of.around(other, room)
		if m.Max != nil && len(value) > *m.Max { // a code of six digits has room for no more
			value = of.around(other, room-1)
		}
		add("outside", value, false)
	}
	for _, whole := range of.whole {
		add("outside", whole, false)
	}
}

// Sample is a value that fits.
func (m Member) Sample() string {
	switch {
	case len(m.Enum) > 0:
		return m.Enum[0]
	case m.Type == "integer":
		return strconv.Itoa(*m.Min)
	case m.Min != nil && *m.Min > 0:
		return alphabetOf(m.Pattern).Long(*m.Min)
	}
	return "a"
}

// alphabet is what may stand in a value, read from its pattern by a person.
type alphabet struct {
	patterns      []string
	before, after string   // what the value begins and ends with
	fill          string   // a character that fits
	inside        string   // the first and last of each range, and each single one
	outside       []string // those beside the ranges, and others that look alike
	whole         []string // values that are wrong as a whole
}

// Long is a value of so many characters.
func (a alphabet) Long(n int) string {
	fixed := len(a.before) + len(a.after)
	if n <= fixed {
		return (a.before + a.after)[:min(n, max(len(a.before), n))]
	}
	return a.before + strings.Repeat(a.fill, n-fixed) + a.after
}

// around is some characters in a value that is long enough.
func (a alphabet) around(text string, least int) string {
	fixed := len(a.before) + len(a.after) + len([]rune(text))
	return a.before + text + strings.Repeat(a.fill, max(0, least-fixed)) + a.after
}

func alphabetOf(pattern string) alphabet {
	i := slices.IndexFunc(alphabets, func(a alphabet) bool { return slices.Contains(a.patterns, pattern) })
	if i < 0 {
		panic(fmt.Sprintf("internal/awsmodel/alphabets.go has no pattern %s", pattern))
	}
	return alphabets[i]
}
