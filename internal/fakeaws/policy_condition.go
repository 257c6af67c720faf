// SPDX-License-Identifier: MPL-2.0

package fakeaws

import (
	"encoding/json"
	"regexp"
	"strconv"
	"strings"
)

// This file reads the conditions of a policy: IAM User Guide, "IAM JSON policy elements: Condition" and "Condition
// operators". Which condition keys exist is not asked, and what is compared is looked at only where dates are:
// moto's tests, which try dates to the nanosecond, have no number or address that AWS refused.

// condition is an operator and all that it compares with: strings, json.Numbers and bools.
type condition struct {
	name     string // as it stands there
	operator string // what it does to a value: without ForAnyValue:, ForAllValues: and IfExists
	keys     []conditionKey
	values   []any // of all keys
}

// conditionKey is a key, as it stands there, and what it is compared with.
type conditionKey struct {
	name   string
	values []any
}

// operators are the names of operators, without what stands before and behind them. They are exact: "Invalid
// Condition type : stringEquals" is AWS's answer to one in a trust policy.
var operators = regexp.MustCompile(`^(String(Not)?(Equals(IgnoreCase)?|Like)|(Numeric|Date)((Not)?Equals|(Less|Greater)Than(Equals)?)|Bool|BinaryEquals|(Not)?IpAddress|Arn(Not)?(Equals|Like)|Null)$`)

// readConditions reads a map of operators. AWS takes an operator that it does not know where it compares nothing,
// and a list of no values (moto).
func readConditions(value any) ([]condition, bool) {
	block, ok := value.(jsonObject)
	if !ok {
		return nil, false
	}
	var conditions []condition
	for _, operator := range block {
		c, ok := readCondition(operator)
		if !ok {
			return nil, false
		}
		conditions = append(conditions, c)
	}
	return conditions, true
}

func readCondition(m jsonMember) (condition, bool) {
	c := condition{name: m.name, operator: baseOperator(m.name)}
	keys, ok := m.value.(jsonObject)
	if !ok || (c.operator == "" && len(keys) > 0) {
		return c, false
	}
	seen := map[string]bool{}
	for _, key := range keys {
		// Names of keys are not case-sensitive. That IAM refuses what IAM Access Analyzer calls "Duplicate keys with
		// different case" is a guess.
		if seen[fold(key.name)] {
			return c, false
		}
		seen[fold(key.name)] = true
		values, isList := key.value.([]any)
		if !isList {
			values = []any{key.value}
		}
		for _, value := range values {
			if !isScalar(value) {
				return c, false
			}
		}
		c.keys = append(c.keys, conditionKey{key.name, values})
		c.values = append(c.values, values...)
	}
	return c, true
}

// baseOperator drops ForAnyValue: or ForAllValues: and IfExists. It returns "" for what is no operator. "You can add
// IfExists to the end of any condition operator name except the Null condition".
func baseOperator(name string) string {
	for _, set := range []string{"ForAnyValue:", "ForAllValues:"} {
		if rest, found := strings.CutPrefix(name, set); found {
			name = rest
			break
		}
	}
	name, ifExists := strings.CutSuffix(name, "IfExists")
	if !operators.MatchString(name) || (ifExists && name == "Null") {
		return ""
	}
	return name
}

// isScalar says whether a value is a string, a number or a Boolean, which is all that the grammar has. That a number
// beyond a double is refused is a guess.
func isScalar(value any) bool {
	switch v := value.(type) {
	case string, bool:
		return true
	case json.Number:
		_, err := v.Float64()
		return err == nil
	}
	return false
}

// datesAreDates says whether all values of a comparison of dates are dates.
func (c condition) datesAreDates() bool {
	if !strings.HasPrefix(c.operator, "Date") {
		return true
	}
	for _, value := range c.values {
		switch v := value.(type) {
		case string:
			if !isDate(v) {
				return false
			}
		case json.Number:
			if !isDate(v.String()) {
				return false
			}
		default:
			return false
		}
	}
	return true
}

// datePattern is ISO 8601 as AWS reads it: the W3C's note, with years of any length and with fewer digits.
var datePattern = regexp.MustCompile(`^(-?\d+)(?:-(\d{1,2})(?:-(\d{1,2}))?)?(?:[tT](?:(\d{1,2})(?::(\d{1,2})(?::(\d{1,2})(?:\.\d{1,9})?)?(?:[zZ]|[+-](\d\d)(?::(\d\d))?)?)?)?)?$`)

// dateLimits are the least and the most of each group of datePattern. The years are those of a time in
// milliseconds.
var dateLimits = [][2]int64{{-292275054, 292278993}, {1, 12}, {1, 31}, {0, 23}, {0, 59}, {0, 59}, {0, 23}, {0, 59}}

// isDate says whether a text is a date or, without a hyphen and a T, a count of seconds.
func isDate(text string) bool {
	if !strings.ContainsAny(text, "tT-") {
		n, err := strconv.ParseInt(text, 10, 64)
		return err == nil && n >= 0
	}
	groups := datePattern.FindStringSubmatch(text)
	if groups == nil {
		return false
	}
	for i, limit := range dateLimits {
		group := groups[i+1]
		if group == "" {
			continue
		}
		if n, err := strconv.ParseInt(group, 10, 64); err != nil || n < limit[0] || n > limit[1] {
			return false
		}
	}
	return true
}
