// SPDX-License-Identifier: MPL-2.0

package fakeaws

// This file keeps groups and who is in them.

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
	name, refusal := nameOf(q.params, "GroupName", maxName)
	if refusal != nil {
		return nil, refusal
	}
	path, refusal := pathOf(q.params)
	if refusal != nil {
		return nil, refusal
	}
	if a.groups[fold(name)] != nil {
		return nil, alreadyExists("Group with name %s already exists.", name)
	}
	g := &group{name: name, id: newID("AGPA"), path: path, created: q.at}
	a.groups[fold(name)] = g
	return struct{ Group groupXML }{a.groupXML(g)}, nil
}

// membership finds the group and the user of a request.
func (a *account) membership(q request) (*user, *group, *Refusal) {
	name, refusal := nameOf(q.params, "GroupName", maxName)
	if refusal != nil {
		return nil, nil, refusal
	}
	u, refusal := a.userOf(q)
	if refusal != nil {
		return nil, nil, refusal
	}
	g, ok := a.groups[fold(name)]
	if !ok {
		return nil, nil, noSuchEntity("The group with name %s cannot be found.", name)
	}
	return u, g, nil
}

func addUserToGroup(a *account, q request) (any, *Refusal) {
	u, g, refusal := a.membership(q)
	if refusal != nil {
		return nil, refusal
	}
	if !u.groups[fold(g.name)] && len(u.groups) >= maxGroups {
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
		groups = append(groups, a.groupXML(a.groups[name]))
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
