// SPDX-License-Identifier: MPL-2.0

package fakeaws

import (
	"cmp"
	"net/url"
	"strconv"
	"strings"
)

// This file says what a call needs to be allowed: actions, the resource of each, and the condition keys that policies
// may compare. The types of resources are those of the Service Authorization Reference, "Actions, resources, and
// condition keys for AWS Identity and Access Management (IAM)" and "... for AWS Security Token Service".

// resourceOf finds the resource of a call, and the condition keys that come with it.
type resourceOf func(a *account, q request) (arn string, of keys)

// judgedOn is the resource of each action of the table in actions.go.
var judgedOn = map[string]resourceOf{
	"CreateUser": ofUser, "GetUser": ofUser, "DeleteUser": ofUser, "ListUsers": ofNone, "UpdateUser": ofUser,
	"TagUser": ofUser, "UntagUser": ofUser, "ListUserTags": ofUser,
	"PutUserPermissionsBoundary": ofUser, "DeleteUserPermissionsBoundary": ofUser,

	"CreateAccessKey": ofUser, "UpdateAccessKey": ofUser, "DeleteAccessKey": ofUser, "ListAccessKeys": ofUser, "GetAccessKeyLastUsed": ofKey,

	"AttachUserPolicy": ofUser, "DetachUserPolicy": ofUser, "ListAttachedUserPolicies": ofUser,
	"PutUserPolicy": ofUser, "GetUserPolicy": ofUser, "DeleteUserPolicy": ofUser, "ListUserPolicies": ofUser,

	"CreateGroup": ofGroup, "GetGroup": ofGroup, "DeleteGroup": ofGroup, "AddUserToGroup": ofGroup, "RemoveUserFromGroup": ofGroup, "ListGroupsForUser": ofUser,
	"AttachGroupPolicy": ofGroup, "DetachGroupPolicy": ofGroup, "ListAttachedGroupPolicies": ofGroup,
	"PutGroupPolicy": ofGroup, "GetGroupPolicy": ofGroup, "DeleteGroupPolicy": ofGroup, "ListGroupPolicies": ofGroup,

	"CreateLoginProfile": ofUser, "GetLoginProfile": ofUser, "DeleteLoginProfile": ofUser,
	"CreateVirtualMFADevice": ofDevice, "DeleteVirtualMFADevice": ofDevice,
	"EnableMFADevice": ofUser, "DeactivateMFADevice": ofUser, "ListMFADevices": ofUser,
	"UploadSSHPublicKey": ofUser, "DeleteSSHPublicKey": ofUser, "ListSSHPublicKeys": ofUser,
	"UploadSigningCertificate": ofUser, "DeleteSigningCertificate": ofUser, "ListSigningCertificates": ofUser,
	"CreateServiceSpecificCredential": ofUser, "DeleteServiceSpecificCredential": ofUser, "ListServiceSpecificCredentials": ofUser,

	"GetAccountSummary": ofNone,

	"GetPolicy": ofPolicy, "GetRole": ofNamedRole, "GetRolePolicy": ofNamedRole, "PutRolePolicy": ofNamedRole, "DeleteRolePolicy": ofNamedRole, "ListRolePolicies": ofNamedRole, "SimulatePrincipalPolicy": ofPrincipal,

	"GetFederationToken": ofFederated, "AssumeRole": ofRole,
}

// unjudged need no permission: "No permissions are required to perform this operation" (AWS STS API Reference,
// GetCallerIdentity and GetSessionToken), or are not signed.
var unjudged = []string{"GetCallerIdentity", "GetSessionToken", "AssumeRoleWithWebIdentity"}

// asks are all that a call has to be allowed: the action itself, and those for what goes with it.
func (a *account) asks(q request) []ask {
	find := judgedOn[q.action()]
	if find == nil {
		return nil
	}
	service := actions[q.action()].service
	arn, of := find(a, q)
	of.tagged(q.params)
	asks := []ask{{service + ":" + q.action(), arn, of}}
	also := func(action string) { asks = append(asks, ask{action, arn, of}) }
	tags := q.params.Has("Tags.member.1.Key")
	session := q.caller.session
	switch q.action() {
	case "CreateUser": // IAM User Guide, "Tag IAM users": permissions required for tagging
		if tags {
			also("iam:TagUser")
		}
	case "AssumeRole", "GetFederationToken": // trust.go names the pages
		if tags || session != nil && len(session.transitive) > 0 {
			also(actTag)
		}
		if q.params.Has("SourceIdentity") || session != nil && session.source != "" {
			also(actSetSource)
		}
	}
	return asks
}

// tagged adds the keys of the tags that a request brings.
func (k keys) tagged(params url.Values) {
	for n := 1; params.Has("Tags.member." + strconv.Itoa(n) + ".Key"); n++ {
		member := "Tags.member." + strconv.Itoa(n)
		k[fold("aws:TagKeys")] = append(k[fold("aws:TagKeys")], params.Get(member+".Key"))
		k[fold("aws:RequestTag/"+params.Get(member+".Key"))] = []string{params.Get(member + ".Value")}
	}
}

// callerKeys are the keys that every call has (IAM User Guide, "AWS global condition context keys").
func (a *account) callerKeys(q request) keys {
	of := keys{}
	of.set("aws:PrincipalArn", q.caller.arn)
	of.set("aws:PrincipalAccount", a.id)
	of.set("aws:userid", q.caller.id)
	of.set("aws:CurrentTime", stamp(q.at))
	if u := q.caller.user; u != nil {
		of.set("aws:username", u.name)
	}
	return of
}

func ofNone(*account, request) (string, keys) { return "*", keys{} }

// ofUser is the user that a call is about. To AWS's judgement one that does not exist has no path: a guess, after its
// answers to calls about such users, which name them without.
func ofUser(a *account, q request) (string, keys) {
	of := keys{}
	of.set("iam:PolicyARN", q.params.Get("PolicyArn"))
	u := a.users[fold(q.userName)]
	if u == nil || q.action() == "CreateUser" {
		of.set("iam:PermissionsBoundary", q.params.Get("PermissionsBoundary"))
		return a.arn("user", cmp.Or(q.params.Get("Path"), "/"), q.userName), of
	}
	of.set("iam:PermissionsBoundary", cmp.Or(q.params.Get("PermissionsBoundary"), u.boundary))
	for _, t := range u.tags {
		of[fold("aws:ResourceTag/"+t.Key)], of[fold("iam:ResourceTag/"+t.Key)] = []string{t.Value}, []string{t.Value}
	}
	return a.userARN(u), of
}

// ofKey is the user of an access key. That of a key which the account does not have is no user's.
func ofKey(a *account, q request) (string, keys) {
	id := q.params.Get("AccessKeyId")
	key := a.keys[id]
	if key == nil {
		key = a.oldKeys[id]
	}
	if key == nil || key.owner == nil {
		return a.arn("access-key", "/", id), keys{}
	}
	return a.userARN(key.owner), keys{}
}

func ofGroup(a *account, q request) (string, keys) {
	of := keys{}
	of.set("iam:PolicyARN", q.params.Get("PolicyArn"))
	name, path := q.params.Get("GroupName"), cmp.Or(q.params.Get("Path"), "/")
	if g := a.groups[fold(name)]; g != nil {
		name, path = g.name, g.path
	}
	return a.arn("group", path, name), of
}

// ofDevice is a virtual MFA device, whose serial number is its ARN.
func ofDevice(a *account, q request) (string, keys) {
	return cmp.Or(q.params.Get("SerialNumber"), a.arn("mfa", cmp.Or(q.params.Get("Path"), "/"), q.params.Get("VirtualMFADeviceName"))), keys{}
}

// ofFederated is the federated user that a call makes (AWS Security Token Service, "Using Temporary Security
// Credentials", "Granting permissions to create temporary security credentials").
func ofFederated(a *account, q request) (string, keys) {
	return a.sessionARN("federated-user/" + q.params.Get("Name")), keys{}
}

func ofPolicy(_ *account, q request) (string, keys) { return q.params.Get("PolicyArn"), keys{} }

func ofNamedRole(a *account, q request) (string, keys) {
	return a.arn("role", "/", q.params.Get("RoleName")), keys{}
}

// ofPrincipal is the identity whose policies are simulated.
func ofPrincipal(_ *account, q request) (string, keys) {
	return q.params.Get("PolicySourceArn"), keys{}
}

// ofRole is the role that a call assumes, with the keys of AssumeRole (IAM User Guide, "Available keys for AWS STS").
func ofRole(_ *account, q request) (string, keys) {
	of := keys{}
	of.set("sts:ExternalId", q.params.Get("ExternalId"))
	of.set("sts:RoleSessionName", q.params.Get("RoleSessionName"))
	of.set("sts:SourceIdentity", q.params.Get("SourceIdentity"))
	if keys := listParam(q.params, "TransitiveTagKeys"); len(keys) > 0 {
		of[fold("sts:TransitiveTagKeys")] = keys
	}
	return strings.TrimSpace(q.params.Get("RoleArn")), of
}
