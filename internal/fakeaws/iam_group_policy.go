// SPDX-License-Identifier: MPL-2.0

package fakeaws

// This file attaches managed policies to groups and keeps their inline policies.

// maxGroupText is how long all inline policies of a group may be together. IAM User Guide, "IAM and AWS STS quotas".
const maxGroupText = 5120

// byGroup makes an action of one on the policies of the group that the request names.
func byGroup(work func(a *account, g *group, q request) (any, *Refusal)) func(*account, request) (any, *Refusal) {
	return func(a *account, q request) (any, *Refusal) {
		g, refusal := a.groupOf(q)
		if refusal != nil {
			return nil, refusal
		}
		return work(a, g, q)
	}
}

func attachGroupPolicy(a *account, g *group, q request) (any, *Refusal) {
	return nil, g.attach(a, q, len(g.attached), "PoliciesPerGroup")
}

func detachGroupPolicy(_ *account, g *group, q request) (any, *Refusal) {
	return nil, g.detach(q)
}

func listAttachedGroupPolicies(a *account, g *group, q request) (any, *Refusal) {
	return g.listAttached(a, q)
}

func putGroupPolicy(a *account, g *group, q request) (any, *Refusal) {
	return nil, g.put(a, q, g.inline, room{maxGroupText, "group " + g.name})
}

func getGroupPolicy(_ *account, g *group, q request) (any, *Refusal) {
	name, refusal := g.named(q, "group")
	if refusal != nil {
		return nil, refusal
	}
	return struct{ GroupName, PolicyName, PolicyDocument string }{g.name, name, g.encoded(name)}, nil
}

func deleteGroupPolicy(_ *account, g *group, q request) (any, *Refusal) {
	return nil, g.drop(q, "group")
}

func listGroupPolicies(a *account, g *group, q request) (any, *Refusal) {
	return g.listInline(a, q)
}
