// SPDX-License-Identifier: MPL-2.0

package backend

// The routes of model_routes_test.go, and the members that no request decides.

import (
	"slices"

	"vault-plugin-secrets-aws-dyn/backend/roles"
)

var (
	assumes   = map[string]any{"credential_type": roles.AssumedRole, "role_arns": deployARN}
	federates = map[string]any{"credential_type": roles.FederationToken, "policy_arns": readOnly}
	owns      = map[string]any{"credential_type": roles.SessionToken}
	attaches  = map[string]any{"policy_arns": readOnly}
	nothing   = map[string]any{}

	emptyText = map[string]string{"below min": emptyIsDefault}
	arnCells  = map[string]string{"at min": arnsOfIAM, "at max": arnsOfIAM, "inside": arnsOfIAM, "outside": arnsOfIAM}
	policies  = map[string]string{"at min": policyGrammar, "below min": emptyIsDefault, "at max": policyQuota, "above max": policyQuota}
)

var routes = slices.Concat(userRoutes, sessionRoutes)

var userRoutes = []route{
	{action: "CreateUser", member: "UserName", field: "username_template", path: "config/root", whole: literal, ask: "creds/user"},
	{action: "CreateUser", member: "Path", field: "user_path", path: "roles/x", more: attaches, ask: "creds/x", but: emptyText},
	{action: "CreateUser", member: "PermissionsBoundary", field: "permissions_boundary_arn", path: "roles/x", more: attaches, ask: "creds/x", form: arnOf("policy"), but: arnCells, exists: policy},
	{action: "CreateUser", member: "Tags", field: "iam_tags", path: "roles/x", more: attaches, ask: "creds/x"},
	{action: "CreateUser", member: "Tags.member.N.Key", field: "iam_tags", path: "roles/x", more: attaches, ask: "creds/x"},
	{action: "CreateUser", member: "Tags.member.N.Value", field: "iam_tags", path: "roles/x", more: attaches, ask: "creds/x"},
	{action: "AttachUserPolicy", member: "PolicyArn", field: "policy_arns", path: "roles/x", whole: inList, ask: "creds/x", form: arnOf("policy"), but: arnCells, exists: policy},
	{action: "PutUserPolicy", member: "PolicyName", field: "name", more: map[string]any{"policy_document": s3Only}, ask: "creds/{}",
		but: map[string]string{"inside": roleNames, "outside": roleNames}},
	{action: "PutUserPolicy", member: "PolicyDocument", field: "policy_document", path: "roles/x", ask: "creds/x", form: policyText, but: policies},
	{action: "AddUserToGroup", member: "GroupName", field: "iam_groups", path: "roles/x", whole: inList, ask: "creds/x", exists: group},
	{action: "ListAttachedGroupPolicies", member: "GroupName", field: "iam_groups", path: "roles/x", more: federates, whole: inList, ask: "creds/x", exists: group},
	{action: "ListGroupPolicies", member: "GroupName", field: "iam_groups", path: "roles/x", more: federates, whole: inList, ask: "creds/x", exists: group},
	{action: "ListAccessKeys", member: "UserName", field: "username", path: "static-roles/x", more: map[string]any{"rotation_period": "24h"}, exists: (*mount).addBareUser},
}

var sessionRoutes = []route{
	{action: "AssumeRole", member: "RoleArn", field: "role_arns", path: "roles/x", more: assumes, whole: inList, ask: "creds/x", form: arnOf("role"), but: arnCells},
	{action: "AssumeRole", member: "RoleArn", field: "role_arn", path: "config/root", ask: "creds/user", form: arnOf("role"), but: arnCells},
	{action: "AssumeRole", member: "RoleArn", field: "assume_role_arn", path: "static-roles/x", more: map[string]any{"username": "a", "rotation_period": "24h"}, form: arnOf("role"), but: arnCells},
	{action: "AssumeRole", member: "RoleSessionName", field: "role_session_name", path: "roles/x", more: assumes, ask: "creds/x", asked: true,
		but: map[string]string{"above max": sessionNames, "outside": sessionNames}},
	{action: "AssumeRole", member: "RoleSessionName", field: "username_template", path: "config/root", whole: literal, ask: "creds/deploy"},
	{action: "AssumeRole", member: "RoleSessionName", field: "assume_role_session_name", path: "static-roles/x",
		more: map[string]any{"username": "a", "rotation_period": "24h", "assume_role_arn": deployARN}},
	{action: "AssumeRole", member: "PolicyArns.member.N.arn", field: "policy_arns", path: "roles/x", more: assumes, whole: inList, ask: "creds/x", form: arnOf("policy"), but: arnCells},
	{action: "AssumeRole", member: "Policy", field: "policy_document", path: "roles/x", more: assumes, ask: "creds/x", form: policyText, but: policies},
	{action: "AssumeRole", member: "DurationSeconds", field: "ttl", path: "roles/x", more: assumes, ask: "creds/x", asked: true, but: map[string]string{"above max": cutWithWarning}},
	{action: "AssumeRole", member: "DurationSeconds", field: "default_sts_ttl", path: "roles/x", more: assumes, ask: "creds/x", but: map[string]string{"above max": cutWithWarning}},
	{action: "AssumeRole", member: "Tags", field: "session_tags", path: "roles/x", more: assumes, ask: "creds/x"},
	{action: "AssumeRole", member: "Tags.member.N.Key", field: "session_tags", path: "roles/x", more: assumes, ask: "creds/x"},
	{action: "AssumeRole", member: "Tags.member.N.Value", field: "session_tags", path: "roles/x", more: assumes, ask: "creds/x"},
	{action: "AssumeRole", member: "RoleSessionName", field: "session_name", path: "roles/x", more: assumes, ask: "creds/x", but: emptyText},
	{action: "AssumeRole", member: "SourceIdentity", field: "source_identity", path: "roles/x", more: assumes, ask: "creds/x", but: emptyText},
	{action: "AssumeRole", member: "ExternalId", field: "external_id", path: "roles/x", more: assumes, ask: "creds/x"},
	{action: "AssumeRole", member: "ExternalId", field: "external_id", path: "static-roles/x",
		more: map[string]any{"username": "a", "rotation_period": "24h", "assume_role_arn": deployARN}},
	{action: "GetFederationToken", member: "Name", field: "username_template", path: "config/root", whole: literalSTS, ask: "creds/fed"},
	{action: "GetFederationToken", member: "Name", field: "session_name", path: "roles/x", more: federates, ask: "creds/x", but: emptyText},
	{action: "GetFederationToken", member: "Tags", field: "session_tags", path: "roles/x", more: federates, ask: "creds/x"},
	{action: "GetFederationToken", member: "Tags.member.N.Key", field: "session_tags", path: "roles/x", more: federates, ask: "creds/x"},
	{action: "GetFederationToken", member: "Tags.member.N.Value", field: "session_tags", path: "roles/x", more: federates, ask: "creds/x"},
	{action: "GetFederationToken", member: "Policy", field: "policy_document", path: "roles/x", more: map[string]any{"credential_type": roles.FederationToken}, ask: "creds/x", form: policyText,
		but: map[string]string{"at min": policyGrammar, "below min": emptyIsDefault}},
	{action: "GetFederationToken", member: "PolicyArns.member.N.arn", field: "policy_arns", path: "roles/x", more: federates, whole: inList, ask: "creds/x", form: arnOf("policy"), but: arnCells},
	{action: "GetFederationToken", member: "DurationSeconds", field: "ttl", path: "roles/x", more: federates, ask: "creds/x", asked: true, but: map[string]string{"above max": cutWithWarning}},
	{action: "GetFederationToken", member: "DurationSeconds", field: "default_sts_ttl", path: "roles/x", more: federates, ask: "creds/x", but: map[string]string{"above max": cutWithWarning}},
	{action: "GetSessionToken", member: "DurationSeconds", field: "ttl", path: "roles/x", more: owns, ask: "creds/x", asked: true, but: map[string]string{"above max": cutWithWarning}},
	{action: "GetSessionToken", member: "DurationSeconds", field: "default_sts_ttl", path: "roles/x", more: owns, ask: "creds/x", but: map[string]string{"above max": cutWithWarning}},
	{action: "GetSessionToken", member: "SerialNumber", field: "mfa_serial_number", path: "roles/x", more: owns, ask: "creds/x", with: map[string]any{"mfa_code": "123456"}},
	{action: "GetSessionToken", member: "TokenCode", field: "mfa_code", path: "roles/mfa", more: nothing, ask: "creds/mfa", asked: true},
}

// notAsked are the members that no request decides, and where they come from.
var notAsked = map[string]string{
	"UserName":                    "the name that CreateUser took, or that a lease, a record or AWS's list has",
	"AccessKeyId":                 "AWS's answer, or a lease",
	"CertificateId":               "AWS's list",
	"SSHPublicKeyId":              "AWS's list",
	"ServiceSpecificCredentialId": "AWS's list",
	"Marker":                      "AWS's list",
	"MaxItems":                    "a constant",

	"GetGroup.GroupName":                      "iam_groups of a stored role",
	"GetPolicy.PolicyArn":                     "policy_arns or the boundary of a stored role",
	"GetRole.RoleName":                        "role_arns of a stored role, or AWS's answer",
	"SimulatePrincipalPolicy.ActionNames":     "constants",
	"SimulatePrincipalPolicy.ContextEntries":  "what a stored role has",
	"SimulatePrincipalPolicy.PolicySourceArn": "AWS's answer",
	"SimulatePrincipalPolicy.ResourceArns":    "AWS's answer, and a name that CreateUser would take",

	"DeactivateMFADevice.SerialNumber":    "AWS's list",
	"DeleteVirtualMFADevice.SerialNumber": "AWS's list",
	"DeleteUserPolicy.PolicyName":         "the name that PutUserPolicy took, or AWS's list",
	"DetachUserPolicy.PolicyArn":          "the ARN that AttachUserPolicy took, or AWS's list",
	"RemoveUserFromGroup.GroupName":       "the name that AddUserToGroup took, or AWS's list",
	"GetRolePolicy.RoleName":              "a role's role_arns, or AWS's answer to AssumeRole",
	"GetRolePolicy.PolicyName":            "the identity that Vault gives the mount",
	"PutRolePolicy.RoleName":              "a role's role_arns, or AWS's answer to AssumeRole",
	"PutRolePolicy.PolicyName":            "the identity that Vault gives the mount",
	"PutRolePolicy.PolicyDocument":        "backend/sessions/policy.go",
	"DeleteRolePolicy.RoleName":           "a role's role_arns, or AWS's answer to AssumeRole",
	"DeleteRolePolicy.PolicyName":         "the identity that Vault gives the mount",
	"GetGroupPolicy.GroupName":            "the name that ListGroupPolicies took",
	"GetGroupPolicy.PolicyName":           "AWS's list",

	"AssumeRole.TransitiveTagKeys": "keys of session_tags, which are walked",

	"AssumeRoleWithWebIdentity.RoleArn":          "role_arn of config/root, which is walked as AssumeRole.RoleArn",
	"AssumeRoleWithWebIdentity.RoleSessionName":  "a constant",
	"AssumeRoleWithWebIdentity.WebIdentityToken": "the platform's file, or Vault: TestLongTokenStaysHere",
}
