// SPDX-License-Identifier: MPL-2.0

package iampolicy

// Reasons say what each statement is for, by its Sid without a number.
var Reasons = map[string]string{
	"CreateUsers":             "An IAM user for each credential; with permissions_boundary_arn, where all roles whose users have such names have one.",
	"TagUsers":                "iam_tags of roles, and the ownership tags; no others.",
	"CreateKeys":              "The access key of a user.",
	"AttachPolicies":          "policy_arns of roles; no others.",
	"PutInlinePolicies":       "policy_document of roles.",
	"JoinAndLeaveGroups":      "iam_groups of roles. AWS checks the group alone: whoever may add a user to it may add any user.",
	"DeleteUsers":             "The end of every user.",
	"FindWhatUsersOwn":        "Whose a user or key is, and what a user owns that the engine did not give it.",
	"RemoveWhatHoldersAdded":  "What the holder of a key added to its user: AWS deletes no user that owns something.",
	"RemoveVirtualMFADevices": "The virtual MFA devices of such users. They have names of their holders' choice.",
	"AssumeRoles":             "role_arns of roles.",
	"TagSessions":             "session_tags and allowed_request_tags of roles; no others.",
	"SetSourceIdentities":     "source_identity of roles.",
	"RevokeSessions":          "revoke_sessions of roles: one inline policy of each of their role_arns, by which AWS denies sessions that were revoked. AWS does not look at what it says.",
	"FederationTokens":        "Federation tokens. They may do only what this identity may as well, which has to be added.",
	"TagFederationTokens":     "session_tags and allowed_request_tags of such roles; no others.",
	"ReadGroups":              "iam_groups of roles that issue sessions: the policies of the groups narrow a session down.",
	"RotateStaticUsers":       "The users of static roles.",
	"ListUsersForTidy":        "tidy goes through the users of the account. AWS allows all or none.",
	"ReadUsersForTidy":        "tidy reads the tags of users that have no record.",
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
		{a("iam:DeleteUser"), "the end of every user", "revocations fail. The access key is gone, the user stays"},
		{a("iam:DeleteAccessKey"), "the end of every user", "revocations fail, and **the key keeps working**"},
		{a("iam:DetachUserPolicy"), "users with managed policies", "revocations of those fail. The access key is gone"},
		{a("iam:DeleteUserPolicy"), "users with an inline policy", "as above"},
		{a("iam:RemoveUserFromGroup"), "users in groups", "as above"},
		{a("iam:GetUser"), "is a user whose name has fewer than 10 random characters the record's; is it, by AWS's clock, older than its lease could be; does the user of an old record still exist; which account is this, where `sts:GetCallerIdentity` is denied", "the engine goes by the name, which is safe with the default template, whose names end in random characters. With a template that can make a name twice a name is not enough: such a user stays unless its access key proves it, and Vault's log says about once an hour that `iam:GetUser` was refused (each minute for users that the built-in engine left)"},
		{a("iam:GetAccessKeyLastUsed"), "revocations: whose a key is by now, should its holder have renamed the user; `unconfirmed_ttl` at `config/users`: whether a key was ever used; [the engine's own key](#the-engines-own-key): whether the old one is used after a rotation; `last_used` and `unused_for` at `issued` and `static-roles`", "revocations go by the name that the engine gave the user; `unconfirmed_ttl` ends no user; the old key of the engine goes at once"},
		{a("iam:ListAccessKeys"), "users of which the engine does not know every key: a creation that failed or was cut off in the middle, a key whose creation had to be tried again because the answer was lost, a lease of the built-in engine, a user to which its holder added a key", "those users cannot be deleted, and **the key keeps working**. A request whose answer was lost fails"},
		{a("iam:ListAttachedUserPolicies", "iam:ListUserPolicies", "iam:ListGroupsForUser"), "users of which the engine does not know every policy and group: a creation that was cut off, a lease of the built-in engine, a user to which its holder added some", "those users cannot be deleted. The access key is gone"},
		{a("iam:GetLoginProfile", "iam:DeleteLoginProfile"), "users that got a console password", "those users cannot be deleted, and **the password keeps working**"},
		{a("iam:ListMFADevices", "iam:DeactivateMFADevice"), "users that got an MFA device", "those users cannot be deleted"},
		{a("iam:DeleteVirtualMFADevice"), "the same, if the device is a virtual one", "the user goes, the device stays in the account without an owner; the engine keeps trying once a minute, and Vault's log says `rolling back: deleting virtual MFA device …`"},
		{a("iam:ListSSHPublicKeys", "iam:DeleteSSHPublicKey"), "users that got an SSH key for CodeCommit", "those users cannot be deleted"},
		{a("iam:ListSigningCertificates", "iam:DeleteSigningCertificate"), "users that got a signing certificate", "those users cannot be deleted"},
		{a("iam:ListServiceSpecificCredentials", "iam:DeleteServiceSpecificCredential"), "users that got a credential for CodeCommit, Keyspaces or Bedrock", "those users cannot be deleted"},
		{a("sts:AssumeRole"), "`role_arn` in `config/root`; see also [Sessions](#sessions)", "nothing works while `role_arn` is set"},
		{a("sts:AssumeRoleWithWebIdentity"), "`role_arn` with `identity_token_audience` or `web_identity_token_file`; the role's trust policy grants it", "nothing works while one of the two is set"},
	}
	TidyActions = []Action{
		{a("iam:ListUsers"), "the names and ages of all users, page by page. It cannot be restricted to some", "a run ends at once, and `tidy/status` has AWS's words"},
		{a("iam:GetUser"), "on all users: the tags of users that have no record; AWS's lists have no tags", "with the resources of the base policy alone, users outside of them are counted in `users_refused` and left alone, which is right if no role ever made users there. If AWS lets the engine read none at all, the run ends with an error"},
	}
	SessionActions = []Action{
		{a("sts:AssumeRole"), "`assumed_role`: on each of the role's `role_arns`", "no credentials from such roles"},
		{a("sts:TagSession"), "roles with `session_tags` or `allowed_request_tags`. The engine never calls it: AWS asks for it when AssumeRole or GetFederationToken carries tags", "no credentials from such roles"},
		{a("sts:SetSourceIdentity"), "roles with `source_identity`. The engine never calls it: AWS asks for it when AssumeRole carries a source identity", "no credentials from such roles"},
		{a("sts:GetFederationToken"), "`federation_token`", "no credentials from such roles"},
		{a("iam:ListAttachedGroupPolicies", "iam:ListGroupPolicies"), "`assumed_role` and `federation_token` with `iam_groups`", "no credentials from such roles"},
		{a("iam:GetGroupPolicy"), "the same, where a group has inline policies", "no credentials from such roles"},
		{a("sts:GetSessionToken"), "`session_token`", "it needs no permission, and AWS lets no policy forbid it"},
		{a("sts:GetCallerIdentity"), "once for each client, to learn which account `config/root` leads to; for static roles and rotations; with the new key itself, whether AWS accepts it, for static roles and with `wait_until_usable`", "it needs no permission. Where it is denied, the engine asks `iam:GetUser` about itself"},
	}
	RevokingActions = []Action{
		{a("iam:GetRolePolicy"), "what stands in the policy, so that nothing is given back", "revocations fail, and the session ends by itself"},
		{a("iam:PutRolePolicy"), "the denial", "the same"},
		{a("iam:DeleteRolePolicy"), "the policy, when all that it denies has ended", "it stays, and denies nobody any more; Vault's log and `status` say so"},
	}
	KeyActions = []Action{
		{a("iam:GetUser"), "whose key is it, and does AWS accept the new one?", "no rotation"},
		{a("iam:ListAccessKeys"), "is there a place for the new key, and did a rotation that failed leave one?", "no rotation"},
		{a("iam:CreateAccessKey"), "the new key", "no rotation"},
		{a("iam:DeleteAccessKey"), "the old key", "the new key is active, the old one **keeps working**, and the engine retries every minute"},
		{a("iam:GetAccessKeyLastUsed"), "does anybody still use the old key, 15 minutes after a rotation by schedule? A server that runs with a copy of Vault's storage would. And is a key in use that a failed rotation seems to have left?", "the old key is deleted at once, and whoever shares it stops working; a key that was made by hand right after a failed rotation is deleted"},
	}
)

func a(names ...string) []string { return names }
