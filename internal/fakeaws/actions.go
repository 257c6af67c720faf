// SPDX-License-Identifier: MPL-2.0

package fakeaws

import (
	"net/url"
	"time"
)

// This file lists what the fake can do.

// request is a call as an action sees it.
type request struct {
	params   url.Values
	userName string // UserName, or the caller's where AWS takes that for granted
	seen     *user  // whom it is about, as AWS shows it while removals lag; nil if there is no such user
	caller   principal
	at       time.Time
}

// action is the name of the action on the wire.
func (q request) action() string { return q.params.Get("Action") }

// action is one thing that a service does. Its work has the account to itself and never waits.
type action struct {
	service   string
	work      func(a *account, q request) (any, *Refusal)
	changes   bool // it changes the user: SetConflicts guards it
	makesUser bool // it is not put off by lag: CreateUser
	removes   bool // it takes something from the user, which may still show for a while
	ofCaller  bool // without UserName it is about the caller
	unsigned  bool
}

// reads, changes and ofCaller build the table below. What changes no user reads, as far as the table is concerned.
func reads(work func(*account, request) (any, *Refusal)) action {
	return action{service: "iam", work: work}
}

func changes(work func(*account, request) (any, *Refusal)) action {
	return action{service: "iam", work: work, changes: true}
}

// removes is changes for what takes something from a user.
func removes(work func(*account, request) (any, *Refusal)) action {
	return action{service: "iam", work: work, changes: true, removes: true}
}

func ofCaller(act action) action {
	act.ofCaller = true
	return act
}

// actions by their name on the wire. Whether UserName may be left out is as the IAM API Reference has it.
var actions = map[string]action{
	"CreateUser":   {service: "iam", work: createUser, changes: true, makesUser: true},
	"GetUser":      ofCaller(reads(getUser)),
	"DeleteUser":   changes(deleteUser),
	"ListUsers":    reads(listUsers),
	"UpdateUser":   changes(updateUser),
	"TagUser":      changes(tagUser),
	"UntagUser":    changes(untagUser),
	"ListUserTags": reads(listUserTags),

	"PutUserPermissionsBoundary":    changes(putBoundary),
	"DeleteUserPermissionsBoundary": changes(deleteBoundary),

	"CreateAccessKey":      ofCaller(changes(createAccessKey)),
	"UpdateAccessKey":      ofCaller(changes(updateAccessKey)),
	"DeleteAccessKey":      ofCaller(removes(deleteAccessKey)),
	"ListAccessKeys":       ofCaller(reads(listAccessKeys)),
	"GetAccessKeyLastUsed": reads(getAccessKeyLastUsed),

	"AttachUserPolicy":         changes(byUser(attachUserPolicy)),
	"DetachUserPolicy":         removes(byUser(detachUserPolicy)),
	"ListAttachedUserPolicies": reads(byUser(listAttachedUserPolicies)),

	"PutUserPolicy":    changes(byUser(putUserPolicy)),
	"GetUserPolicy":    reads(byUser(getUserPolicy)),
	"DeleteUserPolicy": removes(byUser(deleteUserPolicy)),
	"ListUserPolicies": reads(byUser(listUserPolicies)),

	"CreateGroup":         reads(createGroup),
	"GetGroup":            reads(getGroup),
	"DeleteGroup":         reads(deleteGroup),
	"AddUserToGroup":      changes(addUserToGroup),
	"RemoveUserFromGroup": removes(removeUserFromGroup),
	"ListGroupsForUser":   reads(listGroupsForUser),

	"AttachGroupPolicy":         reads(byGroup(attachGroupPolicy)),
	"DetachGroupPolicy":         reads(byGroup(detachGroupPolicy)),
	"ListAttachedGroupPolicies": reads(byGroup(listAttachedGroupPolicies)),

	"PutGroupPolicy":    reads(byGroup(putGroupPolicy)),
	"GetGroupPolicy":    reads(byGroup(getGroupPolicy)),
	"DeleteGroupPolicy": reads(byGroup(deleteGroupPolicy)),
	"ListGroupPolicies": reads(byGroup(listGroupPolicies)),

	"PutRolePolicy":    reads(byRole(putRolePolicy)),
	"GetRolePolicy":    reads(byRole(getRolePolicy)),
	"DeleteRolePolicy": reads(byRole(deleteRolePolicy)),
	"ListRolePolicies": reads(byRole(listRolePolicies)),

	"CreateLoginProfile": ofCaller(changes(createLoginProfile)),
	"GetLoginProfile":    ofCaller(reads(getLoginProfile)),
	"DeleteLoginProfile": ofCaller(removes(deleteLoginProfile)),

	"CreateVirtualMFADevice": reads(createVirtualMFADevice),
	"DeleteVirtualMFADevice": reads(deleteVirtualMFADevice),
	"EnableMFADevice":        changes(enableMFADevice),
	"DeactivateMFADevice":    ofCaller(removes(deactivateMFADevice)),
	"ListMFADevices":         ofCaller(reads(listMFADevices)),

	"UploadSSHPublicKey": changes(uploadSSHPublicKey),
	"DeleteSSHPublicKey": removes(deleteSSHPublicKey),
	"ListSSHPublicKeys":  ofCaller(reads(listSSHPublicKeys)),

	"UploadSigningCertificate": ofCaller(changes(uploadSigningCertificate)),
	"DeleteSigningCertificate": ofCaller(removes(deleteSigningCertificate)),
	"ListSigningCertificates":  ofCaller(reads(listSigningCertificates)),

	"CreateServiceSpecificCredential": changes(createServiceCredential),
	"DeleteServiceSpecificCredential": ofCaller(removes(deleteServiceCredential)),
	"ListServiceSpecificCredentials":  ofCaller(reads(listServiceCredentials)),

	"GetPolicy":               reads(getPolicy),
	"GetRole":                 reads(getRole),
	"SimulatePrincipalPolicy": reads(simulatePrincipalPolicy),

	"GetAccountSummary": reads(getAccountSummary),

	"GetCallerIdentity":         {service: "sts", work: getCallerIdentity},
	"GetFederationToken":        {service: "sts", work: getFederationToken},
	"GetSessionToken":           {service: "sts", work: getSessionToken},
	"AssumeRole":                {service: "sts", work: assumeRole},
	"AssumeRoleWithWebIdentity": {service: "sts", work: assumeRoleWithWebIdentity, unsigned: true},
}
