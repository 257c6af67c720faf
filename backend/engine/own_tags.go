// SPDX-License-Identifier: MPL-2.0

package engine

import (
	"slices"
	"strings"
)

// The tags that say whose an IAM user is.
const (
	TagMount   = "vault-mount" // the mount's path, a slash, and its identity, which no other mount has
	TagRole    = "vault-role"
	TagCreated = "vault-created" // when its request began (RFC 3339)
	TagProof   = "vault-proof"   // the term of the engine that made it, a slash, and an HMAC
)

// OwnTags are the keys of all of them.
var OwnTags = []string{TagMount, TagRole, TagCreated, TagProof}

// IsOwnTag reports whether the key of a tag is one of them; to AWS case does not matter.
func IsOwnTag(key string) bool {
	return slices.ContainsFunc(OwnTags, func(own string) bool { return strings.EqualFold(key, own) })
}
