// SPDX-License-Identifier: MPL-2.0

package fakeaws

// This file attaches managed policies to users and keeps their inline policies.

// maxUserText is how long all inline policies of a user may be together. IAM User Guide, "IAM and AWS STS quotas".
const maxUserText = 2048

// byUser makes an action of one on the policies of the user that the request is about.
func byUser(work func(a *account, u *user, q request) (any, *Refusal)) func(*account, request) (any, *Refusal) {
	return func(a *account, q request) (any, *Refusal) {
		u, refusal := a.userOf(q)
		if refusal != nil {
			return nil, refusal
		}
		return work(a, u, q)
	}
}

func attachUserPolicy(a *account, u *user, q request) (any, *Refusal) {
	return nil, u.attach(a, q, len(q.seen.attached), "PoliciesPerUser")
}

func detachUserPolicy(_ *account, u *user, q request) (any, *Refusal) {
	return nil, u.detach(q)
}

func listAttachedUserPolicies(a *account, u *user, q request) (any, *Refusal) {
	return u.listAttached(a, q)
}

func putUserPolicy(a *account, u *user, q request) (any, *Refusal) {
	return nil, u.put(a, q, q.seen.inline, room{maxUserText, "user " + u.name})
}

func getUserPolicy(_ *account, u *user, q request) (any, *Refusal) {
	name, refusal := u.named(q, "user")
	if refusal != nil {
		return nil, refusal
	}
	return struct{ UserName, PolicyName, PolicyDocument string }{u.name, name, u.encoded(name)}, nil
}

func deleteUserPolicy(_ *account, u *user, q request) (any, *Refusal) {
	return nil, u.drop(q, "user")
}

func listUserPolicies(a *account, u *user, q request) (any, *Refusal) {
	return u.listInline(a, q)
}
