// SPDX-License-Identifier: MPL-2.0

package iampolicy

// Reasons say what each statement is for, by its Sid without a number.
var Reasons = map[string]string{
	"CreateUsers":             "An IAM user for each credential; with permissions_boundary_arn, where all roles whose users have such names have one.",
	"TagUsers":                "iam_tags of roles, and the ownership tags; no others.",
	"CreateKeys":              "The access key of a user.",
	"AttachPolicies":          "policy_arns of roles; no others.",
	"PutInlinePolicies":       "policy_document of roles.",
	"JoinAndLeaveGroups":      "iam_groups of roles. AWS checks only the group: an identity that may add one user to it may add any user.",
	"DeleteUsers":             "Deletes every user at the end of its lease.",
	"FindWhatUsersOwn":        "Finds whose a user or key is, and what a user owns that the engine did not give it.",
	"RemoveWhatHoldersAdded":  "Removes what the holder of a key added to its user: AWS does not delete a user that owns anything.",
	"RemoveVirtualMFADevices": "Deletes the virtual MFA devices of such users, whose holders choose the names.",
	"AssumeRoles":             "role_arns of roles.",
	"TagSessions":             "session_tags and allowed_request_tags of roles; no others.",
	"SetSourceIdentities":     "source_identity of roles.",
	"RevokeSessions":          "revoke_sessions of roles: one inline policy on each of their role_arns, which denies revoked sessions. IAM cannot restrict what the policy says.",
	"FederationTokens":        "Federation tokens. They may do only what this identity may do too; add those permissions yourself.",
	"TagFederationTokens":     "session_tags and allowed_request_tags of such roles; no others.",
	"ReadGroups":              "iam_groups of roles that issue sessions: the policies of the groups narrow a session down.",
	"RotateStaticUsers":       "Rotates the keys of the users of static roles.",
	"ListUsersForTidy":        "tidy goes through the users of the account. IAM cannot restrict this to some users.",
	"ReadUsersForTidy":        "tidy reads the tags of users without a record.",
	"RotateOwnKey":            "config/rotate-root and the rotation schedule: the engine's own key.",
	"ReachAccounts":           "assume_role_arn of roles and static roles.",
	"BecomeRole":              "role_arn of config/root.",
}

// Action is what one action is for, as docs/iam-policy.md tells it.
type Action struct {
	Names        []string
	For, Without string
}

// UserActions are those about IAM users, TidyActions those of tidy, SessionActions those about
// sessions, RevokingActions those by which they end before their time, and KeyActions those about
// the engine's own key.
var (
	UserActions = []Action{
		{a("iam:CreateUser"), "every credential; carries path, boundary and tags", "no credentials"},
		{a("iam:CreateAccessKey"), "every credential", "no credentials"},
		{a("iam:TagUser"), "roles with `iam_tags`, and the [ownership tags](api/mount.md#configusers). The engine never calls it: AWS asks for it when `CreateUser` carries tags", "no credentials from roles with `iam_tags`; other users are made without ownership tags, which are tried again every five minutes"},
		{a("iam:AttachUserPolicy"), "roles with `policy_arns`", "no credentials from such roles"},
		{a("iam:PutUserPolicy"), "roles with `policy_document`", "no credentials from such roles"},
		{a("iam:AddUserToGroup"), "roles with `iam_groups`", "no credentials from such roles"},
		{a("iam:DeleteUser"), "every revocation", "revocations fail. The access key is deleted, the user stays"},
		{a("iam:DeleteAccessKey"), "every revocation", "revocations fail, and **the key keeps working**"},
		{a("iam:DetachUserPolicy"), "users with managed policies", "their revocations fail. The access key is deleted"},
		{a("iam:DeleteUserPolicy"), "users with an inline policy", "as above"},
		{a("iam:RemoveUserFromGroup"), "users in groups", "as above"},
		{a("iam:GetUser"), "whether a user whose name has fewer than 10 random characters is the one in the record; whether a user is, by AWS's clock, older than its lease could be; whether the user of an old record still exists; the account, if `sts:GetCallerIdentity` is denied", "the engine goes by the name, which is safe with the default template, whose names end in random characters. With a template that can repeat a name, the name is not enough: such a user stays unless its access key proves it, and Vault's log says about once an hour that `iam:GetUser` was refused (each minute for users that the built-in engine left)"},
		{a("iam:GetAccessKeyLastUsed"), "revocations: which user a key belongs to, in case its holder renamed the user; `unconfirmed_ttl` at `config/users`: whether a key was ever used; [the engine's own key](#the-engines-own-key): whether the old one is used after a rotation; `last_used` and `unused_for` at `issued` and `static-roles`", "revocations go by the name that the engine gave the user; `unconfirmed_ttl` has no effect; the old key of the engine is deleted at once"},
		{a("iam:ListAccessKeys"), "users whose keys the engine does not all know: a creation that failed or was cut off, a key whose creation was retried because the answer was lost, a lease of the built-in engine, a user to which its holder added a key", "those users cannot be deleted, and **the key keeps working**. A request whose answer was lost fails"},
		{a("iam:ListAttachedUserPolicies", "iam:ListUserPolicies", "iam:ListGroupsForUser"), "users whose policies and groups the engine does not all know: a creation that was cut off, a lease of the built-in engine, a user to which its holder added some", "those users cannot be deleted. The access key is deleted"},
		{a("iam:GetLoginProfile", "iam:DeleteLoginProfile"), "users with a console password", "those users cannot be deleted, and **the password keeps working**"},
		{a("iam:ListMFADevices", "iam:DeactivateMFADevice"), "users with an MFA device", "those users cannot be deleted"},
		{a("iam:DeleteVirtualMFADevice"), "users with a virtual MFA device", "the user is deleted, the device stays in the account without an owner; the engine keeps trying once a minute, and Vault's log says `rolling back: deleting virtual MFA device …`"},
		{a("iam:ListSSHPublicKeys", "iam:DeleteSSHPublicKey"), "users with an SSH key for CodeCommit", "those users cannot be deleted"},
		{a("iam:ListSigningCertificates", "iam:DeleteSigningCertificate"), "users with a signing certificate", "those users cannot be deleted"},
		{a("iam:ListServiceSpecificCredentials", "iam:DeleteServiceSpecificCredential"), "users with a credential for CodeCommit, Keyspaces or Bedrock", "those users cannot be deleted"},
		{a("sts:AssumeRole"), "`role_arn` in `config/root`; see also [Sessions](#sessions)", "nothing works while `role_arn` is set"},
		{a("sts:AssumeRoleWithWebIdentity"), "`role_arn` with `identity_token_audience` or `web_identity_token_file`; the role's trust policy grants it", "nothing works while one of the two is set"},
	}
	TidyActions = []Action{
		{a("iam:ListUsers"), "the names and ages of all users, page by page. It cannot be restricted to some", "a run ends at once, and `tidy/status` shows AWS's message"},
		{a("iam:GetUser"), "on all users: the tags of users that have no record; AWS's lists have no tags", "users outside the resources of the base policy are counted in `users_refused` and left alone, which is right if no role ever made users there. If the engine may read no user at all, the run ends with an error"},
	}
	SessionActions = []Action{
		{a("sts:AssumeRole"), "`assumed_role`: on each of the role's `role_arns`", "no credentials from such roles"},
		{a("sts:TagSession"), "roles with `session_tags` or `allowed_request_tags`. The engine never calls it: AWS asks for it when AssumeRole or GetFederationToken carries tags", "no credentials from such roles"},
		{a("sts:SetSourceIdentity"), "roles with `source_identity`. The engine never calls it: AWS asks for it when AssumeRole carries a source identity", "no credentials from such roles"},
		{a("sts:GetFederationToken"), "`federation_token`", "no credentials from such roles"},
		{a("iam:ListAttachedGroupPolicies", "iam:ListGroupPolicies"), "`assumed_role` and `federation_token` with `iam_groups`", "no credentials from such roles"},
		{a("iam:GetGroupPolicy"), "the same, where a group has inline policies", "no credentials from such roles"},
		{a("sts:GetSessionToken"), "`session_token`", "it needs no permission, and no policy can deny it"},
		{a("sts:GetCallerIdentity"), "the account of `config/root`, once for each client; the engine's own user, for static roles and rotations; called with a new key, whether AWS accepts it, for static roles, rotations and `wait_until_usable`", "it needs no permission. If it is denied, the engine calls `iam:GetUser` about itself"},
	}
	RevokingActions = []Action{
		{a("iam:GetRolePolicy"), "what the policy already denies, so that those sessions stay denied", "revocations fail, and the session runs to its end"},
		{a("iam:PutRolePolicy"), "the denial", "the same"},
		{a("iam:DeleteRolePolicy"), "removes the policy when all sessions that it denies have ended", "the policy stays, and denies no live session; Vault's log and `status` say so"},
	}
	KeyActions = []Action{
		{a("iam:GetUser"), "which user the key belongs to, and whether AWS accepts the new one", "no rotation"},
		{a("iam:ListAccessKeys"), "whether there is room for the new key, and whether a failed rotation left one", "no rotation"},
		{a("iam:CreateAccessKey"), "the new key", "no rotation"},
		{a("iam:DeleteAccessKey"), "the old key", "the new key is active, the old one **keeps working**, and the engine retries every minute"},
		{a("iam:GetAccessKeyLastUsed"), "whether somebody still uses the old key 15 minutes after a scheduled rotation, such as a server with a copy of Vault's storage; and whether a key that a failed rotation seems to have left is in use", "the old key is deleted at once, and others who use it stop working; a key that was made by hand right after a failed rotation is deleted"},
	}
)

func a(names ...string) []string { return names }
