// SPDX-License-Identifier: MPL-2.0

// Package awsmodel is what AWS's published API model says about requests: each member of each action that the engine
// sends or the fake serves, with its type, lengths, pattern and values. The engine's tests and the fake read the same
// table, so AWS's limits are stated once.
//
//   - model.json: the table, which ./generate makes from the model in the AWS SDK for Go
//   - check.go: checks a value against it
//   - newer.go: what AWS's pages say by now
//   - cells.go: makes values at all limits and beyond them; alphabets.go: the characters of the patterns
//   - sent.go: which members the engine sends
//
// Only tests and the fake import this package: what the engine refuses is in backend/awsrules, written independently.
package awsmodel

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"sync"
)

//go:generate go run ./generate

//go:embed model.json
var table []byte

// Member is one member of a request. Nil is no bound.
type Member struct {
	// Name is the member on the wire: UserName, Tags.member.N.Key. A list has a line of its own: Tags.
	Name string `json:"member"`
	// Type is string, integer, boolean or list.
	Type string `json:"type"`
	// Required says that the request, or the element of the list, needs it.
	Required bool `json:"required,omitempty"`
	// Min and Max bound the characters of a string, the value of a number, the elements of a list.
	Min *int `json:"min,omitempty"`
	Max *int `json:"max,omitempty"`
	// Pattern is a regular expression of Java's that the whole of a string matches.
	Pattern string `json:"pattern,omitempty"`
	// Enum lists the values that there are.
	Enum []string `json:"enum,omitempty"`
}

// Model is the table.
type Model struct {
	// Source is the module that has the model, and SHA256 are its files, by their paths in it.
	Source string            `json:"source"`
	SHA256 map[string]string `json:"sha256"`
	// Actions are the requests by name, all of IAM and of STS.
	Actions map[string][]Member `json:"actions"`
}

// Load returns the table, with what is newer.
var Load = sync.OnceValue(func() Model {
	var m Model
	if err := json.Unmarshal(table, &m); err != nil {
		panic(fmt.Sprintf("model.json, which go generate writes: %v", err))
	}
	m.update()
	return m
})

// Names lists the actions.
func (m Model) Names() []string { return slices.Sorted(maps.Keys(m.Actions)) }

// Member finds a member of an action; the index of an element may stand for N.
func (m Model) Member(action, name string) (Member, bool) {
	name = general(name)
	i := slices.IndexFunc(m.Actions[action], func(x Member) bool { return x.Name == name })
	if i < 0 {
		return Member{}, false
	}
	return m.Actions[action][i], true
}
