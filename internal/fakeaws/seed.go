// SPDX-License-Identifier: MPL-2.0

package fakeaws

import (
	"fmt"
	"slices"
	"time"
)

// This file furnishes an account behind the wire's back: what is there before a test begins, and what an
// administrator does beside Vault.

// rootUser is the IAM user whose key config/root is given.
const rootUser = "vault-root"

// seed makes what every account has.
func (a *account) seed() { a.root = a.seedUser(rootUser) }

// seedUser makes a user with one key, neither of them a leftover.
func (a *account) seedUser(name string) Key {
	u := a.users[fold(name)]
	if u == nil {
		u = a.addUser(name, "/", time.Now())
	}
	u.seeded = true
	if len(u.keys) >= maxAccessKeys {
		return u.keys[0].key()
	}
	key := a.addKey(u, time.Now())
	key.expected = true
	return key.key()
}

// seedGroup makes a group, unless it exists.
func (a *account) seedGroup(name string) *group {
	if a.groups[fold(name)] == nil {
		a.addGroup(name, "/", time.Now())
	}
	return a.groups[fold(name)]
}

// seedRole makes a role, unless it exists.
func (a *account) seedRole(name string) *role {
	if a.roles[name] == nil {
		a.roles[name] = newRole(name)
	}
	return a.roles[name]
}

// RootKey is the first key of the seeded user vault-root. Whoever rotates it finds the next one in [Server.Keys].
func (s *Server) RootKey() (key Key) {
	s.with(func(a *account) { key = a.root })
	return key
}

// AddUser makes a user with one key; neither counts as a leftover. A user that exists already gets one more key,
// if it has room.
func (s *Server) AddUser(name string) (key Key) {
	s.with(func(a *account) { key = a.seedUser(name) })
	return key
}

// SetRootKey gives vault-root a key of the caller's choice in the place of its first: servers that are not AWS have IDs such
// as minioadmin.
func (s *Server) SetRootKey(id, secret string) {
	s.with(func(a *account) {
		key := a.keys[a.root.AccessKeyID]
		delete(a.keys, key.id)
		key.id, key.secret = id, secret
		a.keys[id], a.root = key, key.key()
	})
}

// AddGroup makes a group. Only groups made so, or by CreateGroup, exist.
func (s *Server) AddGroup(name string) {
	s.with(func(a *account) { a.seedGroup(name) })
}

// AddPolicy makes a customer managed policy. Those of AWS, arn:aws:iam::aws:policy/..., exist without it, unless
// their name contains "DoesNotExist".
func (s *Server) AddPolicy(arn string) {
	s.with(func(a *account) { a.policies[arn] = true })
}

// AddGroupPolicy gives a group an inline policy, and makes the group if need be. The document is taken as it is.
func (s *Server) AddGroupPolicy(group, name, document string) {
	s.with(func(a *account) { a.seedGroup(group).inline[name] = document })
}

// AttachGroupPolicy attaches a managed policy to a group. It makes whichever of the two is not there.
func (s *Server) AttachGroupPolicy(group, arn string) {
	s.with(func(a *account) {
		if !a.hasPolicy(arn) {
			a.policies[arn] = true
		}
		a.seedGroup(group).attached[arn] = true
	})
}

// AddRole makes an IAM role that everybody may assume, for an hour at most.
func (s *Server) AddRole(name string) {
	s.with(func(a *account) { a.seedRole(name) })
}

// AddRoleExternalID makes an IAM role that only those may assume who say its external ID. A role that exists
// already asks for it from now on; "" asks for nothing.
func (s *Server) AddRoleExternalID(name, externalID string) {
	s.with(func(a *account) { a.seedRole(name).externalID = externalID })
}

// SetMaxSession sets the longest session of a role, which AWS allows to be one hour to twelve, and makes the role if need be.
func (s *Server) SetMaxSession(name string, longest time.Duration) {
	s.with(func(a *account) { a.seedRole(name).maxSession = longest })
}

// SetMFACode sets what an MFA device shows, until it is set anew; "" is a device that does not exist. The device
// need not be one that IAM lists.
func (s *Server) SetMFACode(serial, code string) {
	s.with(func(a *account) {
		delete(a.codes, serial)
		if code != "" {
			a.codes[serial] = code
		}
	})
}

// Dirty gives a user one more of everything that a user can own: a second key if there is room, an attached and
// an inline policy, a group, a login profile, an MFA device, an SSH key, a signing certificate and a
// service-specific credential. It is what an administrator may do to a user that Vault made, and what keeps
// DeleteUser from deleting it. No quota but that of keys stops it. There must be such a user, or nothing happens.
func (s *Server) Dirty(name string) {
	s.with(func(a *account) {
		u := a.users[fold(name)]
		if u == nil {
			return
		}
		at := time.Now()
		if len(u.keys) < maxAccessKeys {
			a.addKey(u, at).expected = true
		}
		nth := len(u.attached) + len(u.inline) + len(u.sshKeys)
		u.attached[fmt.Sprintf("arn:aws:iam::aws:policy/Dirty%d", nth)] = true
		u.inline[fmt.Sprintf("dirty-%d", nth)] = `{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"*","Resource":"*"}}`
		group := fmt.Sprintf("dirty-%d", nth)
		a.seedGroup(group)
		u.groups[fold(group)] = true
		if u.login == nil {
			u.login = &at
		}
		serial := a.arn("mfa", "/", fmt.Sprintf("%s-%d", u.name, nth))
		a.devices[serial] = &mfaDevice{serial: serial, owner: u, enabled: at}
		u.sshKeys = append(u.sshKeys, &credentialOf{id: newID("APKA"), body: "ssh-rsa AAAA", status: "Active", created: at})
		u.certificates = append(u.certificates, &credentialOf{id: newID("") + newID(""), body: "(seeded)", status: "Active", created: at})
		a.addServiceCredential(u, "codecommit.amazonaws.com", at)
	})
}

// RemoveUser deletes a user and everything of it behind everybody's back, as an administrator's script would.
func (s *Server) RemoveUser(name string) {
	s.with(func(a *account) {
		if u := a.users[fold(name)]; u != nil {
			a.removeUser(u)
		}
	})
}

// removeUser leaves nothing of a user.
func (a *account) removeUser(u *user) {
	for _, key := range u.keys {
		delete(a.keys, key.id)
	}
	for _, d := range a.devicesOf(u) {
		delete(a.devices, d.serial)
	}
	delete(a.users, fold(u.name))
}

// reset takes the account back to what was seeded: for the program's POST /_reset.
func (a *account) reset() {
	for _, u := range a.users {
		if !u.seeded {
			a.removeUser(u)
			continue
		}
		for _, key := range slices.Clone(u.keys) {
			if !key.expected {
				a.removeKey(key)
			}
		}
	}
	for _, session := range a.handed {
		delete(a.keys, session.AccessKeyID)
	}
	a.handed = nil
	clear(a.gone)
	clear(a.oldKeys)
}
