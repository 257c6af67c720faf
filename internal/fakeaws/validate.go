// SPDX-License-Identifier: MPL-2.0

package fakeaws

import (
	"fmt"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

// This file checks the shape of parameters before anything is looked up, as AWS does. Lengths and patterns are
// those of the IAM API Reference; "IAM and AWS STS quotas" in the IAM User Guide explains them.

var (
	namePattern     = regexp.MustCompile(`^[\w+=,.@-]+$`)
	pathPattern     = regexp.MustCompile(`^(/|/[!-~]+/)$`)
	prefixPattern   = regexp.MustCompile(`^/[!-\x7F]*$`)
	tagKeyPattern   = regexp.MustCompile(`^[\p{L}\p{Z}\p{N}_.:/=+\-@]+$`)
	tagValuePattern = regexp.MustCompile(`^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$`)
	documentPattern = regexp.MustCompile(`^[\x{9}\x{A}\x{D}\x{20}-\x{FF}]+$`)
	policyPattern   = regexp.MustCompile(`^arn:` + partitionPattern + `:iam::(aws|\d{12}):policy/([!-~]+/)?[\w+=,.@-]+$`)
)

const (
	maxUserName   = 64 // of a user to be made
	maxName       = 128
	maxPath       = 512
	maxTagKey     = 128
	maxTagValue   = 256
	maxTags       = 50
	maxARN        = 2048
	maxPolicyText = 131072
)

// sized wants a parameter of some length, counted in characters.
func sized(params url.Values, param string, shortest, longest int) (string, *Refusal) {
	if !params.Has(param) {
		return "", missing(param)
	}
	value := params.Get(param)
	switch n := utf8.RuneCountInString(value); {
	case n < shortest:
		return "", constraint(param, value, fmt.Sprintf("Member must have length greater than or equal to %d", shortest))
	case n > longest:
		return "", constraint(param, value, fmt.Sprintf("Member must have length less than or equal to %d", longest))
	}
	return value, nil
}

// shape is what a parameter must look like to get in.
type shape struct {
	shortest, longest int
	pattern           *regexp.Regexp // as AWS writes it: without anchors, and meant of the whole value
}

// optional reads a parameter of this shape; "" is that it is not there.
func (s shape) optional(params url.Values, param string) (string, *Refusal) {
	if !params.Has(param) {
		return "", nil
	}
	return s.of(params, param)
}

// of returns a parameter, which must have this shape.
func (s shape) of(params url.Values, param string) (string, *Refusal) {
	value, refusal := sized(params, param, s.shortest, s.longest)
	if refusal != nil {
		return "", refusal
	}
	if s.pattern.FindString(value) != value {
		return "", constraint(param, value, "Member must satisfy regular expression pattern: "+s.pattern.String())
	}
	return value, nil
}

// nameOf wants a name of a user, a policy or a group.
func nameOf(params url.Values, param string, longest int) (string, *Refusal) {
	name, refusal := sized(params, param, 1, longest)
	if refusal != nil {
		return "", refusal
	}
	if !namePattern.MatchString(name) {
		return "", validationError("The specified value for %s is invalid. It must contain only alphanumeric characters and/or the following: +=,.@_-", memberName(param))
	}
	return name, nil
}

// pathOf wants a path, or takes "/".
func pathOf(params url.Values, param string) (string, *Refusal) {
	if !params.Has(param) {
		return "/", nil
	}
	path, refusal := sized(params, param, 1, maxPath)
	if refusal != nil {
		return "", refusal
	}
	if !pathPattern.MatchString(path) {
		return "", validationError("The specified value for %s is invalid. It must begin and end with / and contain only alphanumeric characters and/or / characters.", memberName(param))
	}
	return path, nil
}

// policyOf wants the ARN of a policy that exists. What says, with the ARN, that it does not.
func (a *account) policyOf(params url.Values, param, absent string) (string, *Refusal) {
	arn, refusal := sized(params, param, 20, maxARN)
	if refusal != nil {
		return "", refusal
	}
	if !policyPattern.MatchString(arn) {
		return "", invalidInput("ARN %s is not valid.", arn)
	}
	if refusal := a.inPartition(arn); refusal != nil {
		return "", refusal
	}
	if !a.hasPolicy(arn) {
		return "", noSuchEntity(absent, arn)
	}
	return arn, nil
}

// hasPolicy says whether a managed policy exists: those of AWS do, by and large.
func (a *account) hasPolicy(arn string) bool {
	return a.policies[arn] || (strings.Contains(arn, ":iam::aws:policy/") && !strings.Contains(arn, "DoesNotExist"))
}

// tagsOf reads Tags.member.N: shapes first, then keys that are the same.
func tagsOf(params url.Values) ([]tag, *Refusal) {
	var tags []tag
	seen := map[string]bool{}
	for n := 1; ; n++ {
		key, value := fmt.Sprintf("Tags.member.%d.Key", n), fmt.Sprintf("Tags.member.%d.Value", n)
		if !params.Has(key) && !params.Has(value) {
			break
		}
		t, refusal := tagOf(params, key, value)
		if refusal != nil {
			return nil, refusal
		}
		if seen[fold(t.Key)] {
			return nil, invalidInput("Duplicate tag keys found. Please note that Tag keys are case insensitive.")
		}
		seen[fold(t.Key)] = true
		tags = append(tags, t)
	}
	if len(tags) > maxTags {
		return nil, constraint("Tags", fmt.Sprintf("[%d tags]", len(tags)), fmt.Sprintf("Member must have length less than or equal to %d", maxTags))
	}
	return tags, nil
}

// tagOf reads one tag, whose rules are in the IAM User Guide, "Tags for IAM resources".
func tagOf(params url.Values, keyParam, valueParam string) (tag, *Refusal) {
	key, refusal := sized(params, keyParam, 1, maxTagKey)
	if refusal != nil {
		return tag{}, refusal
	}
	value, refusal := sized(params, valueParam, 0, maxTagValue)
	switch {
	case refusal != nil:
		return tag{}, refusal
	case !tagKeyPattern.MatchString(key):
		return tag{}, constraint(keyParam, key, `Member must satisfy regular expression pattern: [\p{L}\p{Z}\p{N}_.:/=+\-@]+`)
	case !tagValuePattern.MatchString(value):
		return tag{}, constraint(valueParam, value, `Member must satisfy regular expression pattern: [\p{L}\p{Z}\p{N}_.:/=+\-@]*`)
	case strings.HasPrefix(fold(key), "aws:"):
		return tag{}, invalidInput("Tag keys that begin with aws: are reserved for AWS.")
	}
	return tag{key, value}, nil
}

// numberOf reads an optional number between two others.
func numberOf(params url.Values, param string, smallest, largest, otherwise int) (int, *Refusal) {
	if !params.Has(param) {
		return otherwise, nil
	}
	value := params.Get(param)
	n, err := strconv.Atoi(value)
	switch {
	case err != nil:
		return 0, &Refusal{400, "MalformedInput", "The value of " + param + " is not a number."}
	case n < smallest:
		return 0, constraint(param, value, fmt.Sprintf("Member must have value greater than or equal to %d", smallest))
	case n > largest:
		return 0, constraint(param, value, fmt.Sprintf("Member must have value less than or equal to %d", largest))
	}
	return n, nil
}

// listParam reads Name.member.N.
func listParam(params url.Values, name string) []string {
	var values []string
	for n := 1; params.Has(fmt.Sprintf("%s.member.%d", name, n)); n++ {
		values = append(values, params.Get(fmt.Sprintf("%s.member.%d", name, n)))
	}
	return values
}
