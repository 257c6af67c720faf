// SPDX-License-Identifier: MPL-2.0

package fakeaws

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
)

// This file gives identities the policies that they are judged by.

// SetIdentityPolicies judges a user or a role of the account from now on by these identity-based policies alone, and
// makes the role if need be: a name is a user's if there is such a user. No document allows nothing. [Server.Trusting]
// takes it back. An error is AWS's refusal of a document.
func (s *Server) SetIdentityPolicies(name string, documents ...string) error {
	return s.judgeBy(name, documents, func(p *permissions, policies []policy) { p.judged, p.identity = true, policies })
}

// SetBoundaryPolicy bounds what the policies of a user or role allow by another one; "" is no boundary. Without
// identity-based policies, [Server.SetIdentityPolicies], it does nothing.
func (s *Server) SetBoundaryPolicy(name, document string) error {
	if document == "" {
		return s.judgeBy(name, nil, func(p *permissions, _ []policy) { p.boundary = nil })
	}
	return s.judgeBy(name, []string{document}, func(p *permissions, policies []policy) { p.boundary = &policies[0] })
}

// Trusting lets a user or role do everything again.
func (s *Server) Trusting(name string) {
	s.with(func(a *account) { *a.permissionsOf(name) = permissions{} })
}

// judgeBy reads documents and has them count for an identity.
func (s *Server) judgeBy(name string, documents []string, set func(*permissions, []policy)) (err error) {
	policies := make([]policy, len(documents))
	s.with(func(a *account) {
		for i, document := range documents {
			if refusal := checkPolicy(a.partition, document); refusal != nil {
				err = fmt.Errorf("policy %d of %s: %w", i+1, name, refusal)
				return
			}
			policies[i], _ = readPolicy(document)
		}
		set(a.permissionsOf(name), policies)
	})
	return err
}

// permissionsOf finds the policies of a user, or else of a role.
func (a *account) permissionsOf(name string) *permissions {
	if u := a.users[fold(name)]; u != nil {
		return &u.permissions
	}
	return &a.seedRole(name).permissions
}

// setPolicies is SetIdentityPolicies and SetBoundaryPolicy for scripts.
func (s *Server) setPolicies(r *http.Request) (name string, err error) {
	var wire struct {
		Name     string
		Policies []json.RawMessage
		Boundary json.RawMessage
	}
	dec := json.NewDecoder(http.MaxBytesReader(nil, r.Body, maxBody))
	dec.DisallowUnknownFields()
	err = dec.Decode(&wire)
	if err == nil && wire.Name == "" {
		err = errors.New("name is missing")
	}
	if err != nil {
		return "", fmt.Errorf("reading the policies, which must be JSON such as {\"name\":\"vault-root\",\"policies\":[{\"Version\":\"2012-10-17\",\"Statement\":[...]}]}: %w", err)
	}
	if wire.Policies == nil && wire.Boundary == nil {
		s.Trusting(wire.Name)
		return wire.Name, nil
	}
	documents := make([]string, len(wire.Policies))
	for i, p := range wire.Policies {
		documents[i] = string(p)
	}
	if err := s.SetIdentityPolicies(wire.Name, documents...); err != nil {
		return "", err
	}
	return wire.Name, s.SetBoundaryPolicy(wire.Name, string(wire.Boundary))
}
