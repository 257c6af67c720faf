// SPDX-License-Identifier: MPL-2.0

package staticrole

import (
	"maps"

	"github.com/hashicorp/vault/sdk/framework"

	"vault-plugin-secrets-aws-dyn/backend/engine"
)

// roleFields is what a static role is written with.
func roleFields() map[string]*framework.FieldSchema {
	disabling := engine.DisablingFields()
	return map[string]*framework.FieldSchema{
		"disabled":        disabling["disabled"],
		"disabled_reason": disabling["disabled_reason"],
		"name": {
			Type:        framework.TypeString,
			Description: "Name of the static role.",
		},
		"username": {
			Type:        framework.TypeString,
			Description: "Name of the IAM user to adopt. It cannot be changed afterwards.",
		},
		"rotation_period": {
			Type:        framework.TypeDurationSecond,
			Description: "How often the key is rotated, at least 1m. Either this or rotation_schedule.",
		},
		"rotation_schedule": {
			Type:        framework.TypeString,
			Description: "When the key is rotated, as a cron line in UTC: minute, hour, day of month, month, day of week.",
		},
		"rotation_window": {
			Type:        framework.TypeDurationSecond,
			Description: "How long after a time of rotation_schedule the rotation may still begin, at least 1h. 0: a missed rotation is made up for.",
		},
		"assume_role_arn": {
			Type:        framework.TypeString,
			Description: "ARN of an AWS role to assume for all calls about this user. Use it for users in other accounts.",
		},
		"assume_role_session_name": {
			Type:        framework.TypeString,
			Description: "Name of the session of assume_role_arn. Empty: " + defaultSession + ".",
		},
		"external_id": {
			Type:        framework.TypeString,
			Description: "External ID that the trust policy of assume_role_arn asks for.",
		},
		"previous_key_ttl": {
			Type:        framework.TypeDurationSecond,
			Description: "How long the previous key works after a rotation. 0: until the next rotation.",
		},
		"force": {
			Type:        framework.TypeBool,
			Query:       true,
			Description: "With delete: delete the role even if its keys cannot be deleted, which then stay in AWS.",
		},
		"replace_access_key": {
			Type:        framework.TypeString,
			Description: "ID of a key of the user that is not the role's and that this write may delete. Not stored.",
		},
	}
}

// roleAnswer is the schema of what the paths of a static role answer.
func roleAnswer() map[string]*framework.FieldSchema {
	fields := engine.Without(roleFields(), "replace_access_key", "force")
	maps.Copy(fields, map[string]*framework.FieldSchema{
		"disabled_since":      engine.DisablingFields()["disabled_since"],
		"id":                  {Type: framework.TypeString, Description: "AWS's own ID of the IAM user."},
		"last_vault_rotation": {Type: framework.TypeString, Description: "When the key was made."},
		"next_vault_rotation": {Type: framework.TypeString, Description: "When it will be rotated, or its rotation retried."},
		"last_rotation_error": {Type: framework.TypeString, Description: "Why the last rotation failed or waits. Empty: neither."},
		"other_access_keys":   {Type: framework.TypeCommaStringSlice, Description: "IDs of keys of the user that are not the role's."},
	})
	return fields
}

// readAnswer is what a read may hold.
func readAnswer() map[string]*framework.FieldSchema {
	fields := roleAnswer()
	maps.Copy(fields, engine.LastUseAnswer())
	return fields
}
