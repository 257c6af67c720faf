// SPDX-License-Identifier: MPL-2.0

package awsrules

// Conditions of a policy: IAM User Guide, "IAM JSON policy elements: Condition" and "IAM
// JSON policy elements: Condition operators". Which keys there are is AWS's business.

import (
	"cmp"
	"encoding/base64"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
)

// valueForm is what the operators of a type compare with.
type valueForm struct {
	words   string // what a value has to be
	matches func(value string) bool
	refused bool // AWS is known to refuse others; else it takes them, and they match nothing
	strict  bool // a rendered value has to be one: what matches nothing is matched by an operator with Not
}

var (
	anyForm     = valueForm{matches: func(string) bool { return true }}
	numericForm = valueForm{words: `a number, such as "10"`, matches: isNumber, strict: true}
	dateForm    = valueForm{words: `a date, such as "2026-01-31T00:00:00Z", or seconds since 1970`, matches: isPolicyDate, refused: true}
	boolForm    = valueForm{words: `"true" or "false"`, matches: regexp.MustCompile(`^(?i:true|false)$`).MatchString, strict: true}
	addressForm = valueForm{words: `an IP address or a range, such as "203.0.113.0/24"`, matches: isAddress, strict: true}
	arnLikeForm = valueForm{words: `an ARN of six parts, such as "arn:aws:s3:::bucket"`, matches: func(value string) bool { return strings.Count(value, ":") >= 5 }}
	binaryForm  = valueForm{words: `base64`, matches: isBase64, strict: true}
)

// conditionOperators are all operators, without ForAllValues:, ForAnyValue: and IfExists.
var conditionOperators = map[string]valueForm{
	"StringEquals": anyForm, "StringNotEquals": anyForm, "StringEqualsIgnoreCase": anyForm, "StringNotEqualsIgnoreCase": anyForm,
	"StringLike": anyForm, "StringNotLike": anyForm,
	"NumericEquals": numericForm, "NumericNotEquals": numericForm, "NumericLessThan": numericForm,
	"NumericLessThanEquals": numericForm, "NumericGreaterThan": numericForm, "NumericGreaterThanEquals": numericForm,
	"DateEquals": dateForm, "DateNotEquals": dateForm, "DateLessThan": dateForm,
	"DateLessThanEquals": dateForm, "DateGreaterThan": dateForm, "DateGreaterThanEquals": dateForm,
	"Bool": boolForm, "Null": boolForm, "BinaryEquals": binaryForm,
	"IpAddress": addressForm, "NotIpAddress": addressForm,
	"ArnEquals": arnLikeForm, "ArnLike": arnLikeForm, "ArnNotEquals": arnLikeForm, "ArnNotLike": arnLikeForm,
}

// operatorForm finds what an operator compares with. AWS wants operators in exact case.
func operatorForm(operator string) (valueForm, bool) {
	bare := strings.TrimPrefix(operator, "ForAllValues:")
	if bare == operator {
		bare = strings.TrimPrefix(operator, "ForAnyValue:")
	}
	if bare != "NullIfExists" { // "to the end of any condition operator name except the Null condition"
		bare = strings.TrimSuffix(bare, "IfExists")
	}
	form, known := conditionOperators[bare]
	return form, known
}

// operatorHint says how an operator that is not known is likely to be meant.
func operatorHint(operator string) string {
	qualifier := strings.LastIndexByte(operator, ':') + 1
	bare := operator[qualifier:]
	if folded := strings.ToLower(bare); strings.HasSuffix(folded, "ifexists") {
		bare = bare[:len(bare)-len("IfExists")]
	}
	for known := range conditionOperators {
		switch {
		case !strings.EqualFold(bare, known):
		case known == "Null":
			return "; Null has no IfExists, since it asks for that"
		case bare != known:
			return "; AWS wants it written " + known
		default:
			return "; only ForAllValues: and ForAnyValue: stand before an operator, and IfExists after it"
		}
	}
	return `; use one such as StringEquals, ArnLike or Bool`
}

// checkCondition checks a Condition: {operator: {key: value}}.
func (c *policyChecker) checkCondition(path string, condition *jsonValue) {
	switch {
	case condition.kind == jsonNull: // told with the elements
	case condition.kind != jsonObject:
		c.refuse(path, condition, `is %s; it has to be an object such as {"StringEquals":{"aws:username":"anna"}}`, condition.kind)
	case len(condition.members) == 0:
		c.warn(path, condition, "is empty, so the statement has no condition")
	}
	for _, m := range condition.members {
		c.checkOperator(under(path, m.key.text), m)
	}
}

// checkOperator checks one operator and the keys that it tests. AWS takes an operator without
// keys, whatever its name.
func (c *policyChecker) checkOperator(path string, operator jsonMember) {
	form, known := operatorForm(operator.key.text)
	keys := operator.value
	switch {
	case keys.kind != jsonObject:
		c.refuse(path, keys, `is %s; it has to be an object of condition keys, such as {"aws:username":"anna"}`, keys.kind)
	case len(keys.members) == 0:
		c.warn(path, keys, "is empty, so it tests nothing")
	case !known:
		c.refuse(path, operator.key, "is not a condition operator%s", operatorHint(operator.key.text))
	}
	for _, m := range keys.members {
		c.checkValues(under(path, m.key.text), m.value, form)
	}
}

// checkValues checks what a condition key is compared with: a string, a number, a Boolean, or
// a list of these.
func (c *policyChecker) checkValues(path string, value *jsonValue, form valueForm) {
	if value.kind == jsonList && len(value.items) == 0 {
		c.warn(path, value, "is an empty list, so it matches nothing")
	}
	for _, v := range listed(value) {
		text := v.raw
		switch v.kind {
		case jsonObject, jsonList, jsonNull:
			c.refuse(path, v, "has %s for a value; use a string, a number, a Boolean or a list of these", v.kind)
			continue
		case jsonString:
			text = v.text
		case jsonNumber:
			if _, err := strconv.ParseFloat(v.raw, 64); err != nil {
				c.refuse(path, v, "has the number %s, which no JSON reader can hold: the largest is about 1.8e308; write it in quotes if it is meant", Abridged(v.raw))
				continue
			}
		}
		switch {
		case v.written != "" && !c.rendered: // a template: judged when it is rendered
		case form.matches == nil || form.matches(text):
		case form.refused, v.written != "" && form.strict && !strings.Contains(text, "${"):
			c.refuse(path, v, "has %q; use %s", Abridged(cmp.Or(v.written, text)), form.words)
		case !strings.Contains(text, "${") && !strings.ContainsAny(text, "*"):
			c.warn(path, v, "has %q; the operator compares with %s", Abridged(text), form.words)
		}
	}
}

func isNumber(value string) bool { return numberForm.FindString(value) == value && value != "" }

func isAddress(value string) bool {
	_, prefixErr := netip.ParsePrefix(value)
	address, addressErr := netip.ParseAddr(value)
	return prefixErr == nil || addressErr == nil && address.Zone() == ""
}

func isBase64(value string) bool {
	_, err := base64.StdEncoding.DecodeString(value)
	return err == nil
}
