// SPDX-License-Identifier: MPL-2.0

package fakeaws

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"
)

// This file checks of parameters what AWS's API model does not say; shapes.go checks the rest, before anything is
// looked up. The rules of tags are in the IAM User Guide, "Tags for IAM resources".

var policyPattern = regexp.MustCompile(`^arn:` + partitionPattern + `:iam::(aws|\d{12}):policy/([!-~]+/)?[\w+=,.@-]+$`)

// maxTags is a quota of a user. IAM User Guide, "IAM and AWS STS quotas".
const maxTags = 50

// policyOf wants the ARN of a policy that exists. What says, with the ARN, that it does not.
func (a *account) policyOf(params url.Values, param, absent string) (string, *Refusal) {
	arn := params.Get(param)
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

// tagsOf reads Tags.member.N, in which no key may be there twice.
func tagsOf(params url.Values) ([]tag, *Refusal) {
	var tags []tag
	seen := map[string]bool{}
	for n := 1; ; n++ {
		key, value := fmt.Sprintf("Tags.member.%d.Key", n), fmt.Sprintf("Tags.member.%d.Value", n)
		if !params.Has(key) && !params.Has(value) {
			break
		}
		t := tag{params.Get(key), params.Get(value)}
		if strings.HasPrefix(fold(t.Key), "aws:") {
			return nil, invalidInput("Tag keys that begin with aws: are reserved for AWS.")
		}
		if seen[fold(t.Key)] {
			return nil, invalidInput("Duplicate tag keys found. Please note that Tag keys are case insensitive.")
		}
		seen[fold(t.Key)] = true
		tags = append(tags, t)
	}
	return tags, nil
}

// listParam reads Name.member.N.
func listParam(params url.Values, name string) []string {
	var values []string
	for n := 1; params.Has(fmt.Sprintf("%s.member.%d", name, n)); n++ {
		values = append(values, params.Get(fmt.Sprintf("%s.member.%d", name, n)))
	}
	return values
}
