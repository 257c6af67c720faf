// SPDX-License-Identifier: MPL-2.0

package fakeaws

import "slices"

// This file judges calls by the policies of whoever makes them, for the identities that a test gives some: IAM User
// Guide, "Policy evaluation logic". Without, an identity may do everything. asks.go says what a call asks for,
// judge_statement.go whether a statement is about that, and judge_condition.go whether its conditions hold.

// permissions are the policies of a user or a role that count.
type permissions struct {
	judged   bool     // else it may do everything
	identity []policy // its identity-based policies
	boundary *policy  // nil is none
}

// policiesOf are the policies that a caller is judged by: those of its user or role. A session of a user has the user's
// (IAM User Guide, "Permissions for GetSessionToken"); what a federated user may not do, principal.may says. Session
// policies change nothing.
func (a *account) policiesOf(p principal) permissions {
	switch {
	case p.user != nil && p.user != a.owner:
		return p.user.permissions
	case p.session != nil && p.session.role != nil:
		return p.session.role.permissions
	}
	return permissions{}
}

// judge refuses a call that the policies of the caller do not allow. An explicit Deny wins over all that allows; what
// nothing allows is denied; and a permissions boundary has to allow it as well (IAM User Guide, "Policy evaluation
// for requests within a single account").
func (a *account) judge(q request) *Refusal {
	by := a.policiesOf(q.caller)
	if !by.judged {
		return nil
	}
	of := a.callerKeys(q)
	for _, ask := range a.asks(q) {
		ask.keys.add(of)
		if why := by.denies(ask); why != "" {
			return accessDenied("User: %s is not authorized to perform: %s on resource: %s %s", q.caller.arn, ask.action, ask.resource, why)
		}
	}
	return nil
}

// denies is why an ask is denied, in AWS's words (IAM User Guide, "Troubleshoot access denied error messages"); "" is
// that it is allowed. Which one AWS tells where several do is a guess: it "includes only one of those policy types".
func (p permissions) denies(q ask) string {
	var bounds []policy
	if p.boundary != nil {
		bounds = []policy{*p.boundary}
	}
	switch {
	case says(p.identity, "Deny", q):
		return "with an explicit deny in an identity-based policy"
	case says(bounds, "Deny", q):
		return "with an explicit deny in a permissions boundary"
	case !says(p.identity, "Allow", q):
		return "because no identity-based policy allows the " + q.action + " action"
	case p.boundary != nil && !says(bounds, "Allow", q):
		return "because no permissions boundary allows the " + q.action + " action"
	}
	return ""
}

// says reports whether some statement of policies with an effect is about an ask.
func says(policies []policy, effect string, q ask) bool {
	return slices.ContainsFunc(policies, func(p policy) bool {
		return slices.ContainsFunc(p.statements, func(s statement) bool { return s.effect == effect && s.about(p.version, q) })
	})
}
