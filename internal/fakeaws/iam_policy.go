// SPDX-License-Identifier: MPL-2.0

package fakeaws

import (
	"maps"
	"slices"
	"strings"
	"unicode"
)

// This file attaches managed policies to users and keeps their inline policies.

// Quotas of a user: IAM User Guide, "IAM and AWS STS quotas".
const (
	maxAttached   = 10
	maxInlineText = 2048 // all inline policies of a user together; white space is not counted
)

// noSuchPolicy is said of a policy that is not there to be attached.
const noSuchPolicy = "Policy %s does not exist or is not attachable."

func attachUserPolicy(a *account, q request) (any, *Refusal) {
	u, refusal := a.userOf(q)
	if refusal != nil {
		return nil, refusal
	}
	arn, refusal := a.policyOf(q.params, "PolicyArn", noSuchPolicy)
	if refusal != nil {
		return nil, refusal
	}
	if !u.attached[arn] && len(u.attached) >= maxAttached {
		return nil, overQuota("PoliciesPerUser", maxAttached)
	}
	u.attached[arn] = true
	return nil, nil
}

func detachUserPolicy(a *account, q request) (any, *Refusal) {
	u, refusal := a.userOf(q)
	if refusal != nil {
		return nil, refusal
	}
	arn, refusal := sized(q.params, "PolicyArn", 20, maxARN)
	switch {
	case refusal != nil:
		return nil, refusal
	case !policyPattern.MatchString(arn):
		return nil, invalidInput("ARN %s is not valid.", arn)
	case !u.attached[arn]:
		return nil, noSuchEntity("Policy %s was not found.", arn)
	}
	delete(u.attached, arn)
	return nil, nil
}

type attachedXML struct {
	PolicyName string
	PolicyArn  string
}

func listAttachedUserPolicies(a *account, q request) (any, *Refusal) {
	u, refusal := a.userOf(q)
	if refusal != nil {
		return nil, refusal
	}
	var policies []attachedXML
	for arn := range u.attached {
		policies = append(policies, attachedXML{arn[strings.LastIndex(arn, "/")+1:], arn})
	}
	policies, page, refusal := paginate(a, q, policies, func(p attachedXML) string { return p.PolicyArn })
	if refusal != nil {
		return nil, refusal
	}
	return struct {
		AttachedPolicies members[attachedXML]
		pageXML
	}{listOf(policies), page}, nil
}

// inlineSize counts what the quota counts.
func inlineSize(documents map[string]string) int {
	n := 0
	for _, document := range documents {
		for _, c := range document {
			if !unicode.IsSpace(c) {
				n++
			}
		}
	}
	return n
}

func putUserPolicy(a *account, q request) (any, *Refusal) {
	u, refusal := a.userOf(q)
	if refusal != nil {
		return nil, refusal
	}
	name, refusal := nameOf(q.params, "PolicyName", maxName)
	if refusal != nil {
		return nil, refusal
	}
	document, refusal := sized(q.params, "PolicyDocument", 1, maxPolicyText)
	if refusal != nil {
		return nil, refusal
	}
	if !documentPattern.MatchString(document) {
		return nil, validationError("The specified value for policyDocument is invalid. It must contain only printable ASCII characters.")
	}
	if refusal := checkPolicy(document); refusal != nil {
		return nil, refusal
	}
	inline := maps.Clone(u.inline)
	inline[name] = document
	if inlineSize(inline) > maxInlineText {
		return nil, &Refusal{409, "LimitExceeded", "Maximum policy size of 2048 bytes exceeded for user " + u.name}
	}
	u.inline = inline
	return nil, nil
}

// inlineOf finds the inline policy that the request names.
func (a *account) inlineOf(q request) (*user, string, *Refusal) {
	u, refusal := a.userOf(q)
	if refusal != nil {
		return nil, "", refusal
	}
	name, refusal := nameOf(q.params, "PolicyName", maxName)
	if refusal != nil {
		return nil, "", refusal
	}
	if _, ok := u.inline[name]; !ok {
		return nil, "", noSuchEntity("The user policy with name %s cannot be found.", name)
	}
	return u, name, nil
}

// getUserPolicy answers the document "URL-encoded compliant with RFC 3986" (IAM API Reference, GetUserPolicy).
func getUserPolicy(a *account, q request) (any, *Refusal) {
	u, name, refusal := a.inlineOf(q)
	if refusal != nil {
		return nil, refusal
	}
	return struct{ UserName, PolicyName, PolicyDocument string }{u.name, name, uriEncode(u.inline[name], false)}, nil
}

func deleteUserPolicy(a *account, q request) (any, *Refusal) {
	u, name, refusal := a.inlineOf(q)
	if refusal != nil {
		return nil, refusal
	}
	delete(u.inline, name)
	return nil, nil
}

func listUserPolicies(a *account, q request) (any, *Refusal) {
	u, refusal := a.userOf(q)
	if refusal != nil {
		return nil, refusal
	}
	names, page, refusal := paginate(a, q, slices.Collect(maps.Keys(u.inline)), func(name string) string { return name })
	if refusal != nil {
		return nil, refusal
	}
	return struct {
		PolicyNames members[string]
		pageXML
	}{listOf(names), page}, nil
}
