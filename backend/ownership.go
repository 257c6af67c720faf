// SPDX-License-Identifier: MPL-2.0

package backend

// The tags that say whose an IAM user is. They go with CreateUser, so they are there
// from the first moment.

import (
	"strings"
	"time"

	"vault-plugin-secrets-aws-dyn/backend/awsrules"
	"vault-plugin-secrets-aws-dyn/internal/awscreds"
)

const (
	tagMount   = "vault-mount" // the mount's path, a slash, and its identity, which no other mount has
	tagRole    = "vault-role"
	tagCreated = "vault-created"
)

var ownTagKeys = []string{tagMount, tagRole, tagCreated}

// ownTags mark a user as this mount's. There are none where they are switched off,
// where Vault gives the mount no identity, or where the role's own tags leave no room.
func (b *backend) ownTags(cfg *usersConfig, o order, user awscreds.User, began time.Time) map[string]string {
	if !cfg.OwnershipTags || b.ID == "" || len(user.Tags)+len(ownTagKeys) > awsrules.MostTags {
		return nil
	}
	for key := range user.Tags {
		if isOwnTag(key) {
			return nil
		}
	}
	return map[string]string{
		tagMount:   awsrules.InTag(o.mountPoint, awsrules.MostTagValue-1-len(b.ID)) + "/" + b.ID,
		tagRole:    awsrules.InTag(o.role, awsrules.MostTagValue),
		tagCreated: began.Format(time.RFC3339),
	}
}

// owns reports whether the tags of a user say that it is this mount's.
func (b *backend) owns(tags map[string]string) bool {
	return b.ID != "" && strings.HasSuffix(tags[tagMount], "/"+b.ID)
}

// isOwnTag reports whether the key of a tag is one of ours; to AWS case does not matter.
func isOwnTag(key string) bool {
	for _, own := range ownTagKeys {
		if strings.EqualFold(key, own) {
			return true
		}
	}
	return false
}

// tellUntagged writes to the log, once for each state of the configuration, that AWS does not let the
// engine tag its users.
func (b *backend) tellUntagged(c *awscreds.Client, set *settings) {
	if !c.Untagged() {
		return
	}
	set.untagged.Do(func() {
		b.Log.Warn("AWS refuses the tags that say whose an IAM user is, so users are made without; allow iam:TagUser, or set ownership_tags=false at config/users")
	})
}

// untagged reports whether AWS is known not to let the engine tag its users.
func (b *backend) untagged() bool {
	c := b.KnownClient()
	return c != nil && c.Untagged()
}
