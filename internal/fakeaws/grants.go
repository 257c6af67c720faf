// SPDX-License-Identifier: MPL-2.0

package fakeaws

import (
	"maps"
	"slices"
	"strings"
	"unicode"
)

// This file keeps what users and groups have alike: managed policies attached to them, and inline policies.

// maxAttached is a quota of a user and of a group. IAM User Guide, "IAM and AWS STS quotas".
const maxAttached = 10

// grants are the policies of a user or a group.
type grants struct {
	attached map[string]bool   // ARNs
	inline   map[string]string // documents by policy name
}

func newGrants() grants { return grants{map[string]bool{}, map[string]string{}} }

// noSuchPolicy is said of a policy that is not there to be attached.
const noSuchPolicy = "Policy %s does not exist or is not attachable."

// attach adds the policy that the request names. There count so many already, and quota is what AWS calls the limit.
func (g *grants) attach(a *account, q request, count int, quota string) *Refusal {
	arn, refusal := a.policyOf(q.params, "PolicyArn", noSuchPolicy)
	if refusal != nil {
		return refusal
	}
	if !g.attached[arn] && count >= maxAttached {
		return overQuota(quota, maxAttached)
	}
	g.attached[arn] = true
	return nil
}

// detach takes away the policy that the request names.
func (g *grants) detach(q request) *Refusal {
	arn := q.params.Get("PolicyArn")
	switch {
	case !policyPattern.MatchString(arn):
		return invalidInput("ARN %s is not valid.", arn)
	case !g.attached[arn]:
		return noSuchEntity("Policy %s was not found.", arn)
	}
	delete(g.attached, arn)
	return nil
}

type attachedXML struct {
	PolicyName string
	PolicyArn  string
}

// listAttached answers a page of the attached policies.
func (g *grants) listAttached(a *account, q request) (any, *Refusal) {
	var policies []attachedXML
	for arn := range g.attached {
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

// inlineSize counts what the quota counts: "IAM does not count white space" (IAM User Guide, "IAM and AWS STS
// quotas").
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

// room is how much text the inline policies of somebody may have together.
type room struct {
	longest int
	of      string // "user ann"
}

// put writes the inline policy of the request, beside those that count.
func (g *grants) put(a *account, q request, count map[string]string, r room) *Refusal {
	name, document := q.params.Get("PolicyName"), q.params.Get("PolicyDocument")
	if refusal := checkPolicy(a.partition, document); refusal != nil {
		return refusal
	}
	together := maps.Clone(count)
	together[name] = document
	if inlineSize(together) > r.longest {
		return overPolicySize(r.longest, r.of)
	}
	g.inline[name] = document
	return nil
}

// named finds the inline policy that the request names. Kind is user or group.
func (g *grants) named(q request, kind string) (string, *Refusal) {
	name := q.params.Get("PolicyName")
	if _, ok := g.inline[name]; !ok {
		return "", noSuchEntity("The %s policy with name %s cannot be found.", kind, name)
	}
	return name, nil
}

// encoded is an inline policy as it is answered: "URL-encoded compliant with RFC 3986" (IAM API Reference,
// GetUserPolicy and GetGroupPolicy).
func (g *grants) encoded(name string) string { return uriEncode(g.inline[name], false) }

// drop deletes the inline policy that the request names.
func (g *grants) drop(q request, kind string) *Refusal {
	name, refusal := g.named(q, kind)
	if refusal != nil {
		return refusal
	}
	delete(g.inline, name)
	return nil
}

// listInline answers a page of the names of the inline policies.
func (g *grants) listInline(a *account, q request) (any, *Refusal) {
	names, page, refusal := paginate(a, q, slices.Collect(maps.Keys(g.inline)), func(name string) string { return name })
	if refusal != nil {
		return nil, refusal
	}
	return struct {
		PolicyNames members[string]
		pageXML
	}{listOf(names), page}, nil
}
