// SPDX-License-Identifier: MPL-2.0

package fakeaws

import "cmp"

// This file gives users another name or path, which holders of a key can do to themselves where their policies let them.

// updateUser keeps the user, with its id, its keys and all that it owns (IAM User Guide, "Rename an IAM user"). Names are
// unique without regard to case (IAM API Reference, UpdateUser); that a user may change the case of its own name, and
// that a call which changes nothing goes well, are guesses.
func updateUser(a *account, q request) (any, *Refusal) {
	u, refusal := a.userOf(q)
	if refusal != nil {
		return nil, refusal
	}
	name, path := cmp.Or(q.params.Get("NewUserName"), u.name), cmp.Or(q.params.Get("NewPath"), u.path)
	if other := a.users[fold(name)]; other != nil && other != u {
		return nil, alreadyExists("User with name %s already exists.", name)
	}
	delete(a.users, fold(u.name))
	u.name, u.path = name, path
	a.users[fold(name)] = u
	return nil, nil
}
