// SPDX-License-Identifier: MPL-2.0

package fakeaws

import (
	"encoding/json"
	"fmt"
	"strings"
)

// This file reads the JSON of a policy and keeps what encoding/json drops: the order of members, and their exact
// names.

// jsonMember is a name and its value in a JSON object. The value is a jsonObject, a []any, a string, a
// json.Number, a bool or nil.
type jsonMember struct {
	name  string
	value any
}

// jsonObject is a JSON object, its members in the order in which they stand.
type jsonObject []jsonMember

// readJSON reads one JSON value in which no object has a member twice: "Individual elements must not contain
// multiple instances of the same key" (IAM User Guide, "Grammar of the IAM JSON policy language"). Until 2015 IAM
// took the last one, and has refused since (AWS Security Blog, "Coming March 2015: Upgrades to IAM Policy
// Validation").
func readJSON(document string) (any, error) {
	// Valid also bounds how deep the values are nested.
	if !json.Valid([]byte(document)) {
		return nil, fmt.Errorf("not JSON")
	}
	dec := json.NewDecoder(strings.NewReader(document))
	dec.UseNumber()
	return readValue(dec)
}

func readValue(dec *json.Decoder) (any, error) {
	token, err := dec.Token()
	if err != nil {
		return nil, err
	}
	switch token {
	case json.Delim('{'):
		return readMembers(dec)
	case json.Delim('['):
		return readItems(dec)
	}
	return token, nil
}

func readMembers(dec *json.Decoder) (any, error) {
	object, seen := jsonObject{}, map[string]bool{}
	for dec.More() {
		token, err := dec.Token()
		if err != nil {
			return nil, err
		}
		name, _ := token.(string)
		if seen[name] {
			return nil, fmt.Errorf("%q stands twice", name)
		}
		seen[name] = true
		value, err := readValue(dec)
		if err != nil {
			return nil, err
		}
		object = append(object, jsonMember{name, value})
	}
	_, err := dec.Token() // the closing brace
	return object, err
}

func readItems(dec *json.Decoder) (any, error) {
	list := []any{}
	for dec.More() {
		value, err := readValue(dec)
		if err != nil {
			return nil, err
		}
		list = append(list, value)
	}
	_, err := dec.Token() // the closing bracket
	return list, err
}
