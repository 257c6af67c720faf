// SPDX-License-Identifier: MPL-2.0

package backend

// The schema of a role: what all types have, what only users have, what only sessions
// have.

import (
	"maps"

	"github.com/hashicorp/vault/sdk/framework"
)

func roleFields() map[string]*framework.FieldSchema {
	fields := commonRoleFields()
	maps.Copy(fields, userRoleFields())
	maps.Copy(fields, sessionRoleFields())
	return fields
}

// commonRoleFields say what is issued, and what it may do.
func commonRoleFields() map[string]*framework.FieldSchema {
	return map[string]*framework.FieldSchema{
		"name": {
			Type:         framework.TypeString,
			Description:  "Name of the role.",
			DisplayAttrs: &framework.DisplayAttributes{Name: "Role Name"},
		},
		"credential_type": {
			Type:          framework.TypeString,
			Default:       iamUser,
			AllowedValues: []any{iamUser, assumedRole, federationToken, sessionToken},
			Description:   "What the role issues: iam_user, assumed_role, federation_token or session_token. Default of a new role: iam_user.",
		},
		"policy_arns": {
			Type:         framework.TypeCommaStringSlice,
			Description:  "ARNs of managed policies: attached to the IAM user, or what narrows a session down.",
			DisplayAttrs: &framework.DisplayAttributes{Name: "Policy ARNs"},
		},
		"policy_document": {
			Type:        framework.TypeString,
			Description: "JSON text of an inline policy for the IAM user, or of what narrows a session down; 2048 characters at most without white space.",
		},
		"iam_groups": {
			Type:         framework.TypeCommaStringSlice,
			Description:  "Names of IAM groups: the IAM user joins them, 10 at most; a session is narrowed down by their policies.",
			DisplayAttrs: &framework.DisplayAttributes{Name: "IAM Groups", Value: "group1,group2"},
		},
		"arn": {
			Type:        framework.TypeString,
			Deprecated:  true,
			Description: "Use policy_arns.",
		},
		"policy": {
			Type:        framework.TypeString,
			Deprecated:  true,
			Description: "Use policy_document.",
		},
	}
}

// userRoleFields are those of IAM users alone.
func userRoleFields() map[string]*framework.FieldSchema {
	return map[string]*framework.FieldSchema{
		"iam_tags": {
			Type:         framework.TypeKVPairs,
			Description:  "Tags that the IAM user is created with, as a map or as key=value pairs, 50 at most.",
			DisplayAttrs: &framework.DisplayAttributes{Name: "IAM Tags", Value: "[key1=value1, key2=value2]"},
		},
		"user_path": {
			Type:         framework.TypeString,
			Default:      "/",
			Description:  "Path of the IAM user, such as /vault/.",
			DisplayAttrs: &framework.DisplayAttributes{Name: "User Path", Value: "/"},
		},
		"permissions_boundary_arn": {
			Type:         framework.TypeString,
			Description:  "ARN of a managed policy that bounds what the IAM user may be allowed.",
			DisplayAttrs: &framework.DisplayAttributes{Name: "Permissions Boundary ARN"},
		},
		"default_ttl": {
			Type:         framework.TypeDurationSecond,
			Description:  "Lease of an IAM user when the request names none. 0: what config/lease, else the mount, says.",
			DisplayAttrs: &framework.DisplayAttributes{Name: "Default TTL"},
		},
		"max_ttl": {
			Type:         framework.TypeDurationSecond,
			Description:  "Longest lease of an IAM user, renewals included. 0: what config/lease, else the mount, says.",
			DisplayAttrs: &framework.DisplayAttributes{Name: "Max TTL"},
		},
		"max_users": {
			Type:         framework.TypeInt,
			Description:  "Most IAM users of this role that there may be at a time; what is over it is refused. 0: no cap but that of config/users.",
			DisplayAttrs: &framework.DisplayAttributes{Name: "Max Users"},
		},
	}
}

// sessionRoleFields are those of sessions alone.
func sessionRoleFields() map[string]*framework.FieldSchema {
	return map[string]*framework.FieldSchema{
		"role_arns": {
			Type:         framework.TypeCommaStringSlice,
			Description:  "ARNs of the roles that may be assumed.",
			DisplayAttrs: &framework.DisplayAttributes{Name: "Role ARNs"},
		},
		"session_tags": {
			Type:         framework.TypeKVPairs,
			Description:  "Tags of the sessions of an assumed role, as a map or as key=value pairs, 50 at most.",
			DisplayAttrs: &framework.DisplayAttributes{Name: "Session Tags", Value: "[key1=value1, key2=value2]"},
		},
		"external_id": {
			Type:         framework.TypeString,
			Description:  "External ID that the trust policy of the role to assume asks for.",
			DisplayAttrs: &framework.DisplayAttributes{Name: "External ID"},
		},
		"mfa_serial_number": {
			Type:         framework.TypeString,
			Description:  "Serial number or ARN of the MFA device of the engine's own IAM user, for session tokens with MFA.",
			DisplayAttrs: &framework.DisplayAttributes{Name: "MFA Device Serial Number"},
		},
		"default_sts_ttl": {
			Type:         framework.TypeDurationSecond,
			Description:  "Lifetime of a session when the request names none. 0: 1h.",
			DisplayAttrs: &framework.DisplayAttributes{Name: "Default STS TTL"},
		},
		"max_sts_ttl": {
			Type:         framework.TypeDurationSecond,
			Description:  "Longest lifetime of a session; a request for more is cut to it. 0: the mount's longest lease.",
			DisplayAttrs: &framework.DisplayAttributes{Name: "Max STS TTL"},
		},
	}
}
