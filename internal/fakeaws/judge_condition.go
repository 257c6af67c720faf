// SPDX-License-Identifier: MPL-2.0

package fakeaws

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// This file says whether the conditions of a statement hold: IAM User Guide, "IAM JSON policy elements: Condition
// operators" and "Multivalued context keys". IpAddress and BinaryEquals never hold: no call here has such a key.

// keys are the condition keys of a call by their folded names, as "condition key names are not case-sensitive".
type keys map[string][]string

// add takes the keys of others.
func (k keys) add(others keys) {
	for name, values := range others {
		k[name] = values
	}
}

// set sets a key of one value; "" is that the call has no such key.
func (k keys) set(name, value string) {
	if value != "" {
		k[fold(name)] = []string{value}
	}
}

// holds reports whether every key of the condition has a value that fits: they are joined by AND.
func (c condition) holds(version string, of keys) bool {
	return !slices.ContainsFunc(c.keys, func(k conditionKey) bool { return !c.holdsFor(version, k, of) })
}

// holdsFor compares one key. Values in a list are joined by OR, those of a negated operator by NOR.
func (c condition) holdsFor(version string, k conditionKey, of keys) bool {
	values, present := of[fold(k.name)]
	negated := strings.Contains(c.operator, "Not")
	fits := func(value string) bool {
		return slices.ContainsFunc(k.values, func(want any) bool { return c.compare(version, value, word(want), of) }) != negated
	}
	switch {
	case c.operator == "Null":
		return slices.ContainsFunc(k.values, func(want any) bool { return word(want) == strconv.FormatBool(!present) })
	case strings.HasPrefix(c.name, "ForAllValues:"): // true without values
		return !slices.ContainsFunc(values, func(value string) bool { return !fits(value) })
	case strings.HasPrefix(c.name, "ForAnyValue:"):
		return slices.ContainsFunc(values, fits)
	case !present:
		return negated || strings.HasSuffix(c.name, "IfExists")
	}
	return slices.ContainsFunc(values, fits)
}

// word is a value of a policy as text.
func word(value any) string { return fmt.Sprint(value) }

// compare compares the value of a call with one of the policy, by what the operator is without its Not.
func (c condition) compare(version, value, want string, of keys) bool {
	pattern, known := expand(version, want, of)
	if !known {
		return false
	}
	plain := strings.NewReplacer(string(anyText), "*", string(anyRune), "?").Replace(pattern)
	switch operator := strings.Replace(c.operator, "Not", "", 1); operator {
	case "StringEquals":
		return value == plain
	case "StringEqualsIgnoreCase":
		return strings.EqualFold(value, plain)
	case "StringLike":
		return glob(pattern, value)
	case "ArnEquals", "ArnLike": // "behave identically"
		return matchesARN(version, want, ask{resource: value, keys: of})
	case "Bool":
		return strings.EqualFold(value, plain)
	default:
		if rest, is := strings.CutPrefix(operator, "Date"); is {
			x, y := moment(value), moment(plain)
			return !x.IsZero() && !y.IsZero() && ordered(rest, x.Compare(y))
		}
		if rest, is := strings.CutPrefix(operator, "Numeric"); is {
			x, err := json.Number(value).Float64()
			y, other := json.Number(plain).Float64()
			return err == nil && other == nil && ordered(rest, cmp.Compare(x, y))
		}
	}
	return false
}

// ordered reports whether an order is what an operator asks for.
func ordered(operator string, order int) bool {
	switch operator {
	case "Equals":
		return order == 0
	case "LessThan":
		return order < 0
	case "LessThanEquals":
		return order <= 0
	case "GreaterThan":
		return order > 0
	case "GreaterThanEquals":
		return order >= 0
	}
	return false
}

// moment reads a date, or a count of seconds; zero where it is neither.
func moment(text string) time.Time {
	if seconds, err := strconv.ParseInt(text, 10, 64); err == nil {
		return time.Unix(seconds, 0)
	}
	at, _ := time.Parse(time.RFC3339, text)
	return at
}
