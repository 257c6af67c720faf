// SPDX-License-Identifier: MPL-2.0

package backend

// The tags that say whose an IAM user is. They go with CreateUser, so they are there
// from the first moment.

import (
	"regexp"
	"strings"
	"time"

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
func (b *backend) ownTags(c *client, o order, user awscreds.User, began time.Time) map[string]string {
	if !c.users.OwnershipTags || b.mountID == "" || len(user.Tags)+len(ownTagKeys) > mostTags {
		return nil
	}
	for key := range user.Tags {
		if isOwnTag(key) {
			return nil
		}
	}
	return map[string]string{
		tagMount:   inTag(o.mountPoint, mostTagValue-1-len(b.mountID)) + "/" + b.mountID,
		tagRole:    inTag(o.role, mostTagValue),
		tagCreated: began.Format(time.RFC3339),
	}
}

// owns reports whether the tags of a user say that it is this mount's.
func (b *backend) owns(tags map[string]string) bool {
	return b.mountID != "" && strings.HasSuffix(tags[tagMount], "/"+b.mountID)
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

var outsideTag = regexp.MustCompile(`[^\p{L}\p{Z}\p{N}_.:/=+\-@]`)

// inTag makes a text fit for the value of a tag.
func inTag(text string, most int) string {
	runes := []rune(strings.Trim(outsideTag.ReplaceAllString(text, "_"), "/"))
	return string(runes[:min(len(runes), most)])
}

// tellUntagged writes to the log, once for each client, that AWS does not let the
// engine tag its users.
func (b *backend) tellUntagged(c *client) {
	if !c.Untagged() {
		return
	}
	c.toldOnce.Do(func() {
		b.Logger().Warn("AWS refuses the tags that say whose an IAM user is, so users are made without; allow iam:TagUser, or set ownership_tags=false at config/users")
	})
}
