// SPDX-License-Identifier: MPL-2.0

package fakeaws

import (
	"cmp"
	"strings"
)

// This file makes, shows, lists and deletes users.

// maxUsers is a quota of the account. IAM User Guide, "IAM and AWS STS quotas".
const maxUsers = 5000

type boundaryXML struct {
	Type string `xml:"PermissionsBoundaryType"`
	ARN  string `xml:"PermissionsBoundaryArn"`
}

type userXML struct {
	Path                string `xml:",omitempty"` // the root user has neither path nor name
	UserName            string `xml:",omitempty"`
	UserID              string `xml:"UserId"`
	ARN                 string `xml:"Arn"`
	CreateDate          string
	PermissionsBoundary *boundaryXML
	Tags                *members[tag]
}

// short is a user as ListUsers shows it: without boundary and tags (IAM API Reference, ListUsers).
func (a *account) short(u *user) userXML {
	return userXML{Path: u.path, UserName: u.name, UserID: u.id, ARN: a.userARN(u), CreateDate: stamp(u.created)}
}

// full is a user as CreateUser and GetUser show it.
func (a *account) full(u *user) userXML {
	x := a.short(u)
	if u.boundary != "" {
		x.PermissionsBoundary = &boundaryXML{"PermissionsBoundaryPolicy", u.boundary}
	}
	if len(u.tags) > 0 {
		tags := listOf(u.tags)
		x.Tags = &tags
	}
	return x
}

// userOf finds whom the request is about.
func (a *account) userOf(q request) (*user, *Refusal) {
	if !q.params.Has("UserName") && q.caller.user != nil && q.caller.user == a.owner {
		return a.owner, nil
	}
	if q.caller.user == nil && q.userName == "" {
		return nil, validationError("Must specify userName when calling with non-User credentials")
	}
	u, ok := a.users[fold(q.userName)]
	if !ok {
		return nil, noSuchUser(q.userName)
	}
	return u, nil
}

func createUser(a *account, q request) (any, *Refusal) {
	name, path := q.params.Get("UserName"), cmp.Or(q.params.Get("Path"), "/")
	tags, refusal := tagsOf(q.params)
	if refusal != nil {
		return nil, refusal
	}
	if a.users[fold(name)] != nil {
		return nil, alreadyExists("User with name %s already exists.", name)
	}
	if len(a.users) >= maxUsers {
		return nil, overQuota("UsersPerAccount", maxUsers)
	}
	var boundary string
	if q.params.Has("PermissionsBoundary") {
		if boundary, refusal = a.boundaryOf(q); refusal != nil {
			return nil, refusal
		}
	}
	u := a.addUser(name, path, q.at)
	u.tags, u.boundary = tags, boundary
	delete(a.gone, fold(name))
	a.lag.begin(u, q.at)
	return struct{ User userXML }{a.full(u)}, nil
}

func getUser(a *account, q request) (any, *Refusal) {
	u, refusal := a.userOf(q)
	if refusal != nil {
		return nil, refusal
	}
	return struct{ User userXML }{a.full(u)}, nil
}

// deleteUser wants the user bare: "you must delete the items attached to the user manually, or the deletion
// fails" (IAM API Reference, DeleteUser).
func deleteUser(a *account, q request) (any, *Refusal) {
	u, refusal := a.userOf(q)
	if refusal != nil {
		return nil, refusal
	}
	if must := a.mustGo(u); must != "" {
		return nil, deleteConflict(must)
	}
	if must := a.mustGo(q.seen); must != "" { // SetDeletionLag
		return nil, deleteConflict(must)
	}
	a.end(u, q.at)
	return nil, nil
}

// mustGo says what has to be done first to a user that still owns something.
func (a *account) mustGo(u *user) string {
	for _, owned := range []struct {
		any  bool
		must string
	}{
		{len(u.keys) > 0, "must delete access keys first"},
		{len(u.attached) > 0, "must detach all policies first"},
		{len(u.inline) > 0, "must delete policies first"},
		{len(u.groups) > 0, "must remove users from group first"},
		{u.login != nil, "must delete login profile first"},
		{len(a.devicesOf(u)) > 0, "must delete MFA device first"},
		{len(u.sshKeys) > 0, "must delete SSH public keys first"},
		{len(u.certificates) > 0, "must delete signing certificates first"},
		{len(u.services) > 0, "must delete service specific credentials first"},
	} {
		if owned.any {
			return owned.must
		}
	}
	return ""
}

func listUsers(a *account, q request) (any, *Refusal) {
	prefix := cmp.Or(q.params.Get("PathPrefix"), "/")
	var users []userXML
	for _, u := range a.users {
		if strings.HasPrefix(u.path, prefix) && !q.at.Before(u.hidden) {
			users = append(users, a.short(u))
		}
	}
	for name, g := range a.gone {
		if strings.HasPrefix(g.user.path, prefix) && a.lingers(name, q.action(), q.at) {
			users = append(users, a.short(g.user))
		}
	}
	users, page, refusal := paginate(a, q, users, func(u userXML) string { return u.UserName })
	if refusal != nil {
		return nil, refusal
	}
	return struct {
		Users members[userXML]
		pageXML
	}{listOf(users), page}, nil
}
