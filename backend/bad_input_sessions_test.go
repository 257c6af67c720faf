// SPDX-License-Identifier: MPL-2.0

package backend

// What is wrong with roles that issue sessions, and with requests for them.

import (
	"strings"
	"testing"
)

func sessionRole(kind string, more map[string]any) map[string]any {
	data := map[string]any{"credential_type": kind}
	for field, v := range more {
		data[field] = v
	}
	return data
}

var badSessions = []badInput{
	{name: "role ARN that is none", data: sessionRole("assumed_role", map[string]any{"role_arns": "deploy"}), field: "role_arns"},
	{name: "role ARN of a policy", data: sessionRole("assumed_role", map[string]any{"role_arns": readOnly}), field: "role_arns"},
	{name: "role ARN without an account", data: sessionRole("assumed_role", map[string]any{"role_arns": "arn:aws:iam::aws:role/x"}), field: "role_arns"},
	{name: "role ARN is a map", data: sessionRole("assumed_role", map[string]any{"role_arns": map[string]any{"a": "b"}}), field: "role_arns"},
	{name: "role ARNs of a user", data: sessionRole("iam_user", map[string]any{"role_arns": deployARN}), field: "role_arns"},
	{name: "role ARNs of a federation token", data: sessionRole("federation_token", map[string]any{"role_arns": deployARN}), field: "role_arns"},
	{name: "session tags of a user", data: sessionRole("iam_user", map[string]any{"session_tags": "a=b"}), field: "session_tags"},
	{name: "session tags of a session token", data: sessionRole("session_token", map[string]any{"session_tags": "a=b"}), field: "session_tags"},
	{name: "session tag without a value", data: sessionRole("assumed_role", map[string]any{"session_tags": "a"}), field: "session_tags"},
	{name: "session tag of AWS", data: sessionRole("assumed_role", map[string]any{"session_tags": "aws:a=b"}), field: "session_tags"},
	{name: "session tags that differ in case", data: sessionRole("assumed_role", map[string]any{"session_tags": []string{"a=b", "A=b"}}), field: "session_tags"},
	{name: "external ID of one character", data: sessionRole("assumed_role", map[string]any{"external_id": "x"}), field: "external_id"},
	{name: "external ID with a space", data: sessionRole("assumed_role", map[string]any{"external_id": "a b"}), field: "external_id"},
	{name: "external ID of 1225 characters", data: sessionRole("assumed_role", map[string]any{"external_id": strings.Repeat("x", 1225)}), field: "external_id"},
	{name: "external ID of a user", data: sessionRole("iam_user", map[string]any{"external_id": "abc"}), field: "external_id"},
	{name: "MFA device that is none", data: sessionRole("session_token", map[string]any{"mfa_serial_number": "no"}), field: "mfa_serial_number"},
	{name: "policies of a session token", data: sessionRole("session_token", map[string]any{"policy_arns": readOnly}), field: "policy_arns"},
	{name: "policy of a session token", data: sessionRole("session_token", map[string]any{"policy_document": s3Only}), field: "policy_document"},
	{name: "path of an assumed role", data: sessionRole("assumed_role", map[string]any{"user_path": "/x/"}), field: "user_path"},
	{name: "boundary of a federation token", data: sessionRole("federation_token", map[string]any{"permissions_boundary_arn": readOnly}), field: "permissions_boundary_arn"},
	{name: "user's lease of an assumed role", data: sessionRole("assumed_role", map[string]any{"max_ttl": "1h"}), field: "max_ttl"},
	{name: "session's lifetime of a user", data: sessionRole("iam_user", map[string]any{"default_sts_ttl": "1h"}), field: "default_sts_ttl"},
	{name: "lifetime of half a minute", data: sessionRole("assumed_role", map[string]any{"default_sts_ttl": 30}), field: "default_sts_ttl"},
	{name: "longest lifetime of 14 minutes", data: sessionRole("assumed_role", map[string]any{"max_sts_ttl": "14m"}), field: "max_sts_ttl"},
	{name: "lifetime above the longest", data: sessionRole("assumed_role", map[string]any{"default_sts_ttl": "2h", "max_sts_ttl": "1h"}), field: "default_sts_ttl"},
	{name: "lifetime above 12 hours", data: sessionRole("assumed_role", map[string]any{"default_sts_ttl": "13h"}), field: "default_sts_ttl"},
	{name: "lifetime above 36 hours", data: sessionRole("federation_token", map[string]any{"default_sts_ttl": "37h"}), field: "default_sts_ttl"},
	{name: "lifetime that is negative", data: sessionRole("assumed_role", map[string]any{"max_sts_ttl": "-1h"}), field: "max_sts_ttl"},
	{name: "eleven policies of a session", data: sessionRole("assumed_role", map[string]any{"policy_arns": each(11, policyARN)}), field: "policy_arns"},
	{name: "policies of a session that are too long together", data: sessionRole("federation_token", map[string]any{
		"policy_arns": each(10, policyARN), "policy_document": policyOf(1900)}), field: "policy_document"},
	{name: "two types at once", data: map[string]any{"credential_type": "assumed_role,iam_user"}, field: "credential_type"},
}

func TestBadInputToSessionRoles(t *testing.T) {
	t.Parallel()
	for i := range badSessions {
		badSessions[i].path = "roles/developer-access"
		badSessions[i].only = "empty" // the configured mount has a role of users there, whose fields would count
	}
	refuse(t, badSessions)
}
