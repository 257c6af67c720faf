// SPDX-License-Identifier: MPL-2.0

package fakeaws

import (
	"maps"
	"time"
)

// This file keeps the inline policies of roles. Nothing lags here: what a caller reads, it may have written itself.

// maxRoleText is how long all inline policies of a role may be together. IAM User Guide, "IAM and AWS STS quotas".
const maxRoleText = 10240

// byRole makes an action of one on the policies of the role that the request names. IAM tells roles apart without regard
// to case: "Role names are not distinguished by case" (IAM API Reference, CreateRole).
func byRole(work func(a *account, r *role, q request) (any, *Refusal)) func(*account, request) (any, *Refusal) {
	return func(a *account, q request) (any, *Refusal) {
		name := q.params.Get("RoleName")
		for _, r := range a.roles {
			if fold(r.name) == fold(name) {
				return work(a, r, q)
			}
		}
		return nil, noSuchEntity("The role with name %s cannot be found.", name)
	}
}

func putRolePolicy(a *account, r *role, q request) (any, *Refusal) {
	return nil, r.policies.put(a, q, r.policies.inline, room{maxRoleText, "role " + r.name})
}

func getRolePolicy(_ *account, r *role, q request) (any, *Refusal) {
	name, refusal := r.policies.named(q, "role")
	if refusal != nil {
		return nil, refusal
	}
	return struct{ RoleName, PolicyName, PolicyDocument string }{r.name, name, r.policies.encoded(name)}, nil
}

func deleteRolePolicy(_ *account, r *role, q request) (any, *Refusal) {
	return nil, r.policies.drop(q, "role")
}

func listRolePolicies(a *account, r *role, q request) (any, *Refusal) {
	return r.policies.listInline(a, q)
}

// SetRolePolicy gives a role an inline policy, and makes the role if need be. The document is taken as it is, and is no
// leftover; "" takes the policy away.
func (s *Server) SetRolePolicy(role, name, document string) {
	s.with(func(a *account) {
		r := a.seedRole(role)
		if r.seeded[name] = document != ""; document == "" {
			delete(r.policies.inline, name)
			return
		}
		r.policies.inline[name] = document
	})
}

// RolePolicies are the inline policies of a role by their names.
func (s *Server) RolePolicies(role string) (documents map[string]string) {
	s.with(func(a *account) {
		if r := a.roles[role]; r != nil {
			documents = maps.Clone(r.policies.inline)
		}
	})
	return documents
}

// newRole makes a role that everybody may assume, for an hour at most.
func newRole(name string) *role {
	return &role{name: name, id: newID("AROA"), maxSession: time.Hour, policies: newGrants(), seeded: map[string]bool{}}
}
