// SPDX-License-Identifier: MPL-2.0

package fakeaws

import "cmp"

// This file keeps groups and who is in them. Their policies are in iam_group_policy.go.

// maxGroups is a quota of a user. IAM User Guide, "IAM and AWS STS quotas".
const maxGroups = 10

type groupXML struct {
	Path       string
	GroupName  string
	GroupID    string `xml:"GroupId"`
	ARN        string `xml:"Arn"`
	CreateDate string
}

func (a *account) groupXML(g *group) groupXML {
	return groupXML{g.path, g.name, g.id, a.arn("group", g.path, g.name), stamp(g.created)}
}

func createGroup(a *account, q request) (any, *Refusal) {
	name, path := q.params.Get("GroupName"), cmp.Or(q.params.Get("Path"), "/")
	if a.groups[fold(name)] != nil {
		return nil, alreadyExists("Group with name %s already exists.", name)
	}
	return struct{ Group groupXML }{a.groupXML(a.addGroup(name, path, q.at))}, nil
}

// groupOf finds the group that the request names.
func (a *account) groupOf(q request) (*group, *Refusal) {
	name := q.params.Get("GroupName")
	g, ok := a.groups[fold(name)]
	if !ok {
		return nil, noSuchEntity("The group with name %s cannot be found.", name)
	}
	return g, nil
}

// usersIn lists who is in a group, as a call sees it.
func (a *account) usersIn(g *group, q request) []*user {
	var users []*user
	for _, u := range a.users {
		if a.shown(u, q.action(), q.at).groups[fold(g.name)] {
			users = append(users, u)
		}
	}
	return users
}

func getGroup(a *account, q request) (any, *Refusal) {
	g, refusal := a.groupOf(q)
	if refusal != nil {
		return nil, refusal
	}
	var users []userXML
	for _, u := range a.usersIn(g, q) {
		users = append(users, a.short(u))
	}
	users, page, refusal := paginate(a, q, users, func(u userXML) string { return u.UserName })
	if refusal != nil {
		return nil, refusal
	}
	return struct {
		Group groupXML
		Users members[userXML]
		pageXML
	}{a.groupXML(g), listOf(users), page}, nil
}

// deleteGroup wants the group bare: "The group must not contain any users or have any attached policies" (IAM
// API Reference, DeleteGroup).
func deleteGroup(a *account, q request) (any, *Refusal) {
	g, refusal := a.groupOf(q)
	switch {
	case refusal != nil:
		return nil, refusal
	case len(a.usersIn(g, q)) > 0:
		return nil, deleteConflict("must remove users from group first")
	case len(g.attached) > 0:
		return nil, deleteConflict("must detach all policies first")
	case len(g.inline) > 0:
		return nil, deleteConflict("must delete policies first")
	}
	delete(a.groups, fold(g.name))
	return nil, nil
}

// membership finds the group and the user of a request.
func (a *account) membership(q request) (*user, *group, *Refusal) {
	u, refusal := a.userOf(q)
	if refusal != nil {
		return nil, nil, refusal
	}
	g, refusal := a.groupOf(q)
	if refusal != nil {
		return nil, nil, refusal
	}
	return u, g, nil
}

func addUserToGroup(a *account, q request) (any, *Refusal) {
	u, g, refusal := a.membership(q)
	if refusal != nil {
		return nil, refusal
	}
	if !u.groups[fold(g.name)] && len(q.seen.groups) >= maxGroups {
		return nil, overQuota("GroupsPerUser", maxGroups)
	}
	u.groups[fold(g.name)] = true
	return nil, nil
}

// removeUserFromGroup refuses for a user that is not in the group: the stricter reading of the NoSuchEntity in
// the IAM API Reference, RemoveUserFromGroup.
func removeUserFromGroup(a *account, q request) (any, *Refusal) {
	u, g, refusal := a.membership(q)
	if refusal != nil {
		return nil, refusal
	}
	if !u.groups[fold(g.name)] {
		return nil, noSuchEntity("User %s is not in group %s.", u.name, g.name)
	}
	delete(u.groups, fold(g.name))
	return nil, nil
}

func listGroupsForUser(a *account, q request) (any, *Refusal) {
	u, refusal := a.userOf(q)
	if refusal != nil {
		return nil, refusal
	}
	var groups []groupXML
	for name := range u.groups {
		if g := a.groups[name]; g != nil { // not if it was deleted while the membership still shows
			groups = append(groups, a.groupXML(g))
		}
	}
	groups, page, refusal := paginate(a, q, groups, func(g groupXML) string { return g.GroupName })
	if refusal != nil {
		return nil, refusal
	}
	return struct {
		Groups members[groupXML]
		pageXML
	}{listOf(groups), page}, nil
}
