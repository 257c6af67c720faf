// SPDX-License-Identifier: MPL-2.0

package fakeaws

import "strconv"

// This file keeps login profiles: the passwords of users, which the fake does not remember.

type loginXML struct {
	UserName              string
	CreateDate            string
	PasswordResetRequired bool
}

func createLoginProfile(a *account, q request) (any, *Refusal) {
	u, refusal := a.userOf(q)
	if refusal != nil {
		return nil, refusal
	}
	switch {
	case len(q.params.Get("Password")) < 8: // the account's default password policy
		return nil, &Refusal{400, "PasswordPolicyViolation", "Password should have a minimum length of 8"}
	case q.seen.login != nil:
		return nil, alreadyExists("Login Profile for user %s already exists.", u.name)
	}
	at := q.at
	u.login = &at
	reset, _ := strconv.ParseBool(q.params.Get("PasswordResetRequired")) // absent is false
	return struct{ LoginProfile loginXML }{loginXML{u.name, stamp(at), reset}}, nil
}

// loginOf finds a user that has a login profile.
func (a *account) loginOf(q request) (*user, *Refusal) {
	u, refusal := a.userOf(q)
	if refusal != nil {
		return nil, refusal
	}
	if u.login == nil {
		return nil, noSuchEntity("Login Profile for User %s cannot be found.", u.name)
	}
	return u, nil
}

func getLoginProfile(a *account, q request) (any, *Refusal) {
	u, refusal := a.loginOf(q)
	if refusal != nil {
		return nil, refusal
	}
	return struct{ LoginProfile loginXML }{loginXML{u.name, stamp(*u.login), false}}, nil
}

func deleteLoginProfile(a *account, q request) (any, *Refusal) {
	u, refusal := a.loginOf(q)
	if refusal != nil {
		return nil, refusal
	}
	u.login = nil
	return nil, nil
}
