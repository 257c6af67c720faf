// SPDX-License-Identifier: MPL-2.0

package awsrules

// A policy as a tree: what was written, in order, and where.

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// jsonKind says what a JSON value is, in the words of a message.
type jsonKind string

const (
	jsonObject  jsonKind = "an object"
	jsonList    jsonKind = "a list"
	jsonString  jsonKind = "a string"
	jsonNumber  jsonKind = "a number"
	jsonBoolean jsonKind = "a Boolean"
	jsonNull    jsonKind = "null"
)

// jsonValue is one value of a JSON text.
type jsonValue struct {
	kind    jsonKind
	offset  int          // of its first byte
	raw     string       // as written, unless it is an object or a list
	text    string       // what a string says
	written string       // what it said with templates, where text has values or stand-ins for them
	members []jsonMember // of an object, in order, repetitions included
	items   []*jsonValue // of a list
}

// jsonMember is one key of an object, and its value.
type jsonMember struct {
	key   *jsonValue
	value *jsonValue
}

// write writes the value without white space and otherwise as it was read.
func (v *jsonValue) write(b *strings.Builder) {
	switch v.kind {
	case jsonObject:
		b.WriteByte('{')
		for i, m := range v.members {
			if i > 0 {
				b.WriteByte(',')
			}
			b.WriteString(m.key.raw)
			b.WriteByte(':')
			m.value.write(b)
		}
		b.WriteByte('}')
	case jsonList:
		b.WriteByte('[')
		for i, item := range v.items {
			if i > 0 {
				b.WriteByte(',')
			}
			item.write(b)
		}
		b.WriteByte(']')
	default:
		b.WriteString(v.raw)
	}
}

// place says where a byte of a text stands.
func place(text string, offset int) string {
	before := text[:offset]
	line := strings.Count(before, "\n") + 1
	column := utf8.RuneCountInString(before[strings.LastIndexByte(before, '\n')+1:]) + 1
	return fmt.Sprintf("line %d, column %d", line, column)
}

// member is the value of a key, the first where there are several; nil without one.
func (v *jsonValue) member(key string) *jsonValue {
	for _, m := range v.members {
		if m.key.text == key {
			return m.value
		}
	}
	return nil
}

// listed is a value as a list: the grammar lets one stand without brackets.
func listed(v *jsonValue) []*jsonValue {
	if v.kind == jsonList {
		return v.items
	}
	return []*jsonValue{v}
}

// statementName is how messages call a statement of the element Statement.
func statementName(element *jsonValue, i int) string {
	if element.kind != jsonList {
		return "Statement"
	}
	return fmt.Sprintf("statement %d", i+1)
}

// policyPlace is where in a policy a string stands.
type policyPlace struct {
	// Element is the element that the string is a value of, such as "Resource" or "Condition".
	Element string
	// Path leads to the string from the top, such as statement 2, Condition, StringLike, s3:prefix.
	Path []string
	// Key says that the string is the key of a condition, or an operator, and not a value.
	Key bool
}

// eachString yields all strings of a policy but the names of its elements, until yield has enough.
func eachString(root *jsonValue, yield func(policyPlace, *jsonValue) bool) {
	for _, m := range root.members {
		if m.key.text != "Statement" {
			if !walkStrings(m.value, policyPlace{Element: m.key.text, Path: []string{m.key.text}}, yield) {
				return
			}
			continue
		}
		for i, st := range listed(m.value) {
			for _, element := range st.members {
				at := policyPlace{Element: element.key.text, Path: []string{statementName(m.value, i), element.key.text}}
				if !walkStrings(element.value, at, yield) {
					return
				}
			}
		}
	}
}

// walkStrings yields the strings of a value, keys before what they lead to.
func walkStrings(v *jsonValue, at policyPlace, yield func(policyPlace, *jsonValue) bool) bool {
	switch v.kind {
	case jsonString:
		return yield(at, v)
	case jsonList:
		for _, item := range v.items {
			if !walkStrings(item, at, yield) {
				return false
			}
		}
	case jsonObject:
		for _, m := range v.members {
			under := policyPlace{Element: at.Element, Path: append(at.Path[:len(at.Path):len(at.Path)], m.key.text)}
			if !yield(policyPlace{Element: at.Element, Path: at.Path, Key: true}, m.key) || !walkStrings(m.value, under, yield) {
				return false
			}
		}
	}
	return true
}
