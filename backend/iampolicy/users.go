// SPDX-License-Identifier: MPL-2.0

package iampolicy

import (
	"fmt"
	"slices"
)

// crowd is users whose ARNs are alike: what one of them may be given, AWS lets all of them have.
type crowd struct {
	Users
	bounds    []string // their boundaries; nil where a role has none
	unbounded bool
}

// users allows all that is done with the IAM users of roles.
func (b *builder) users() {
	type key struct{ by, path, name string }
	crowds := map[key]*crowd{}
	var order []*crowd
	var unbounded []string
	for _, u := range b.Users {
		k := key{u.By.ARN, u.path(), u.Name}
		if crowds[k] == nil {
			crowds[k] = &crowd{Users: Users{By: u.By, Path: u.Path, Templates: u.Templates, Name: u.Name, TagKeys: b.Tags}}
			order = append(order, crowds[k])
		}
		crowds[k].take(u)
		if u.Boundary == "" {
			unbounded = append(unbounded, u.Role)
		}
		b.at(u.By) // each has an external ID
	}
	for _, c := range order {
		_, p, in := b.at(c.By)
		c.creation(p, in)
	}
	for _, c := range order {
		_, p, in := b.at(c.By)
		c.deletion(p, in)
	}
	if len(unbounded) > 0 {
		b.warnings = append(b.warnings, "permissions_boundary_arn: is not set in "+some(unbounded)+"; anybody who may write roles can give users of such names any permission in the account, unless every role that makes such users has a boundary")
	}
}

// take adds what users of a role are given.
func (c *crowd) take(u Users) {
	c.Policies, c.Groups = slices.Concat(c.Policies, u.Policies), slices.Concat(c.Groups, u.Groups)
	c.TagKeys, c.Inline = slices.Concat(c.TagKeys, u.TagKeys), c.Inline || u.Inline
	c.bounds, c.unbounded = append(c.bounds, u.Boundary), c.unbounded || u.Boundary == ""
}

// bounded is the condition that users have a boundary, where all of them do. AWS asks it of a user
// that is made, and of one that is given a policy (IAM User Guide, "Permissions boundaries for IAM
// entities").
func (c *crowd) bounded() Condition {
	if c.unbounded {
		return nil
	}
	return Condition(nil).with("StringEquals", "iam:PermissionsBoundary", c.bounds)
}

// creation allows users to be made, with what they are given.
func (c *crowd) creation(p *policy, in place) {
	made := []string{c.made(in)}
	p.allow("CreateUsers", []string{"iam:CreateUser"}, made, c.bounded())
	if len(c.TagKeys) > 0 {
		p.allow("TagUsers", []string{"iam:TagUser"}, made, Condition(nil).with("ForAllValues:StringEquals", "aws:TagKeys", c.TagKeys))
	}
	p.allow("CreateKeys", []string{"iam:CreateAccessKey"}, c.found(in), nil)
	if len(c.Policies) > 0 {
		p.allow("AttachPolicies", []string{"iam:AttachUserPolicy"}, c.found(in), c.bounded().with("ArnEquals", "iam:PolicyARN", c.Policies))
	}
	if c.Inline {
		p.allow("PutInlinePolicies", []string{"iam:PutUserPolicy"}, c.found(in), c.bounded())
	}
	p.allow("JoinAndLeaveGroups", []string{"iam:AddUserToGroup", "iam:RemoveUserFromGroup"}, in.anywhere("group", c.Groups...), nil)
}

// deletion allows users to be found and ended, with what they were given and what their holders
// added: policies of any ARN.
func (c *crowd) deletion(p *policy, in place) {
	p.allow("DeleteUsers", []string{"iam:DeleteUser", "iam:DeleteAccessKey", "iam:DetachUserPolicy", "iam:DeleteUserPolicy"}, c.found(in), nil)
	p.allow("FindWhatUsersOwn", []string{
		"iam:GetUser", "iam:GetAccessKeyLastUsed", "iam:ListAccessKeys", "iam:ListAttachedUserPolicies", "iam:ListUserPolicies", "iam:ListGroupsForUser",
	}, c.found(in), nil)
	p.allow("RemoveWhatHoldersAdded", []string{
		"iam:GetLoginProfile", "iam:DeleteLoginProfile", "iam:ListMFADevices", "iam:DeactivateMFADevice", "iam:ListSSHPublicKeys", "iam:DeleteSSHPublicKey",
		"iam:ListSigningCertificates", "iam:DeleteSigningCertificate", "iam:ListServiceSpecificCredentials", "iam:DeleteServiceSpecificCredential",
	}, c.found(in), nil)
	p.allow("RemoveVirtualMFADevices", []string{"iam:DeleteVirtualMFADevice"}, []string{in.arn("mfa/*")}, nil)
}

// some names the first of several roles, and counts the others.
func some(roles []string) string {
	switch len(roles) {
	case 1:
		return fmt.Sprintf("role %q", roles[0])
	case 2:
		return fmt.Sprintf("roles %q and %q", roles[0], roles[1])
	}
	return fmt.Sprintf("role %q and %d others", roles[0], len(roles)-1)
}
