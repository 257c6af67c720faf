// SPDX-License-Identifier: MPL-2.0

package fakeaws

import (
	"fmt"
	"maps"
	"slices"
	"time"
)

// This file shows what is in the account, and what should not be.

// User is a copy of an IAM user and all that it owns; lists are sorted.
type User struct {
	Name                string
	ID                  string // unique for good, unlike the name
	Path                string
	ARN                 string
	PermissionsBoundary string
	Tags                map[string]string
	AccessKeys          []string // ids, oldest first
	AttachedPolicies    []string // ARNs
	InlinePolicies      map[string]string
	Groups              []string
	LoginProfile        bool
	MFADevices          []string // serial numbers
	SSHKeys             []string // ids, like the next two
	Certificates        []string
	ServiceCredentials  []string
	Created             time.Time
}

// copyOf shows a user.
func (a *account) copyOf(u *user) User {
	shown := User{
		Name:                u.name,
		ID:                  u.id,
		Path:                u.path,
		ARN:                 a.userARN(u),
		PermissionsBoundary: u.boundary,
		Tags:                map[string]string{},
		AttachedPolicies:    slices.Sorted(maps.Keys(u.attached)),
		InlinePolicies:      maps.Clone(u.inline),
		LoginProfile:        u.login != nil,
		SSHKeys:             idsOf(u.sshKeys),
		Certificates:        idsOf(u.certificates),
		ServiceCredentials:  idsOf(u.services),
		Created:             u.created,
	}
	for _, t := range u.tags {
		shown.Tags[t.Key] = t.Value
	}
	for _, key := range u.keys {
		shown.AccessKeys = append(shown.AccessKeys, key.id)
	}
	for name := range u.groups {
		shown.Groups = append(shown.Groups, a.groups[name].name)
	}
	slices.Sort(shown.Groups)
	for _, d := range a.devicesOf(u) {
		shown.MFADevices = append(shown.MFADevices, d.serial)
	}
	slices.Sort(shown.MFADevices)
	return shown
}

// idsOf lists the ids of credentials.
func idsOf(credentials []*credentialOf) []string {
	var ids []string
	for _, c := range credentials {
		ids = append(ids, c.id)
	}
	slices.Sort(ids)
	return ids
}

// User shows one user, whether or not a lag still hides it on the wire.
func (s *Server) User(name string) (shown User, ok bool) {
	s.with(func(a *account) {
		if u := a.users[fold(name)]; u != nil {
			shown, ok = a.copyOf(u), true
		}
	})
	return shown, ok
}

// Users lists the names of all users but the seeded ones, sorted.
func (s *Server) Users() []string {
	names := []string{}
	s.with(func(a *account) {
		for _, u := range a.users {
			if !u.seeded {
				names = append(names, u.name)
			}
		}
	})
	slices.Sort(names)
	return names
}

// Leftovers says, of all accounts, one line each, what was made over the wire and is still there: users, and keys of seeded
// users; inline policies of roles; and virtual MFA devices that were taken from a user. It does not matter whether whoever made it was still waiting for the answer.
func (s *Server) Leftovers() []string {
	var left []string
	s.withAll(func(a *account) {
		for _, u := range a.users {
			if !u.seeded && !u.forgiven {
				left = append(left, fmt.Sprintf("user %s%s with %s", u.path, u.name, a.possessions(u)))
				continue
			}
			for _, key := range u.keys {
				if !key.expected {
					left = append(left, fmt.Sprintf("access key %s of user %s", key.id, u.name))
				}
			}
		}
	})
	s.withAll(func(a *account) {
		for _, r := range a.roles {
			for name := range r.policies.inline {
				if !r.seeded[name] {
					left = append(left, fmt.Sprintf("inline policy %s of role %s", name, r.name))
				}
			}
		}
		for _, d := range a.devices {
			if d.deactivated {
				left = append(left, fmt.Sprintf("virtual MFA device %s of nobody", d.serial))
			}
		}
	})
	slices.Sort(left)
	return left
}

// possessions counts what a user owns, in words.
func (a *account) possessions(u *user) string {
	words := ""
	for _, owned := range []struct {
		n    int
		what string
	}{
		{len(u.keys), "access keys"},
		{len(u.attached), "attached policies"},
		{len(u.inline), "inline policies"},
		{len(u.groups), "groups"},
		{len(a.devicesOf(u)) + len(u.sshKeys) + len(u.certificates) + len(u.services), "other credentials"},
	} {
		if owned.n > 0 {
			words += fmt.Sprintf(", %d %s", owned.n, owned.what)
		}
	}
	if words == "" {
		return "nothing"
	}
	return words[2:]
}

// Forgive makes what exists now no leftover, for tests that mean to leave something.
func (s *Server) Forgive() {
	s.withAll(func(a *account) {
		for _, u := range a.users {
			u.forgiven = true
			for _, key := range u.keys {
				key.expected = true
			}
		}
		for _, r := range a.roles {
			for name := range r.policies.inline {
				r.seeded[name] = true
			}
		}
		for _, d := range a.devices {
			d.deactivated = false
		}
	})
}
