// SPDX-License-Identifier: MPL-2.0

package fakeaws

import "slices"

// This file says what a session may be given by: the trust policy of its role, and the policies of whoever asks. Tags and a
// source identity need an action of their own on both sides: IAM User Guide, "Pass session tags in AWS STS" and "Monitor and
// control actions taken with assumed roles".

// The actions that AssumeRole needs.
const (
	actAssume    = "sts:AssumeRole"
	actTag       = "sts:TagSession"
	actSetSource = "sts:SetSourceIdentity"
)

// AllowInTrust limits the actions that the trust policy of a role allows to these, of sts:AssumeRole, sts:TagSession and
// sts:SetSourceIdentity, and makes the role if need be. A role allows all of them to begin with.
func (s *Server) AllowInTrust(role string, actions ...string) {
	s.with(func(a *account) { a.seedRole(role).allowed = append([]string{}, actions...) })
}

// Forbid takes actions of STS from the policies of all who ask; none gives them back.
func (s *Server) Forbid(actions ...string) {
	s.with(func(a *account) { a.forbidden = actions })
}

// needs are the actions that a session takes. What it inherits counts as what it is given: "Chaining roles with session tags"
// and, of a source identity, that it has to be allowed "in the role trust policy of the target role" of a chain as well (IAM
// User Guide, the pages above).
func (t terms) needs() []string {
	var actions []string
	if len(t.tags) > 0 {
		actions = append(actions, actTag)
	}
	if t.source != "" {
		actions = append(actions, actSetSource)
	}
	return actions
}

// mayGive refuses a session of a role for an action that the one side or the other does not allow. AWS does not say which.
func (a *account) mayGive(x assumption, q request) *Refusal {
	for _, action := range append([]string{actAssume}, x.needs()...) {
		if slices.Contains(a.forbidden, action) || x.role.allowed != nil && !slices.Contains(x.role.allowed, action) {
			return accessDenied("User: %s is not authorized to perform: %s on resource: %s", q.caller.arn, action, x.arn)
		}
	}
	return nil
}

// mayTag refuses the tags of a federated user, which only the caller has to be allowed.
func (a *account) mayTag(t terms, q request, arn string) *Refusal {
	if len(t.tags) > 0 && slices.Contains(a.forbidden, actTag) {
		return accessDenied("User: %s is not authorized to perform: %s on resource: %s", q.caller.arn, actTag, arn)
	}
	return nil
}
