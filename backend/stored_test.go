// SPDX-License-Identifier: MPL-2.0

package backend

// What storage and AWS hold of IAM users, spelt out once more: the forms are those of other editions and of the
// built-in engine, so they must not change with the code.

import (
	"context"
	"strings"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/awsrules"
	"vault-plugin-secrets-aws-dyn/backend/engine"
	"vault-plugin-secrets-aws-dyn/backend/users"
)

type userRecord = users.Record

// recordKey is where the record of a user stands, whose name is in the key with its dots escaped.
func recordKey(user string) string {
	return engine.PrefixIssued + strings.ReplaceAll(user, ".", "%2E")
}

// userOf is the user of a key below issued/.
func userOf(key string) string { return strings.ReplaceAll(key, "%2E", ".") }

// loadRecord reads a record. The first edition did not write how random a name is.
func loadRecord(ctx context.Context, s logical.Storage, user string) (*userRecord, error) {
	r, err := engine.Load[userRecord](ctx, s, recordKey(user))
	if r != nil && r.Edition < secondEdition {
		r.Random = awsrules.RandomIn(user)
	}
	return r, err
}

// pending reports whether no lease that may live has the user of a record.
func pending(r *userRecord) bool { return r.State == "creating" || !r.Ending.IsZero() }

// provenByName reports whether a user of the name can only be the record's.
func provenByName(r *userRecord) bool { return r.Random >= enoughRandom }

const (
	secondEdition = 2
	enoughRandom  = 10
)

// Entries of the WAL.
const (
	walKindUser   = "user"
	walKindDevice = "mfa_device"
	mirrorPrefix  = "issued-"
)

type walUser struct {
	UserName string `json:"UserName"`
}

type walDevice struct {
	Serial     string            `json:"serial"`
	AssumeRole engine.AssumeRole `json:"assume_role,omitzero"`
}

// mirrorID is the ID of the mirror of a user's record.
func mirrorID(user string) string {
	return mirrorPrefix + strings.TrimPrefix(recordKey(user), engine.PrefixIssued)
}

// The tags that say whose a user is.
const (
	tagMount   = "vault-mount"
	tagRole    = "vault-role"
	tagCreated = "vault-created"
	tagProof   = "vault-proof"
)
