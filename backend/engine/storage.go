// SPDX-License-Identifier: MPL-2.0

package engine

// Every key that the engine keeps in Vault's storage, and the verbs that
// touch them. Keys and forms are those of Vault's built-in engine, so that a
// mount can be taken over in place and handed back.

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/hashicorp/vault/sdk/logical"
)

// The keys, and the prefixes of keys.
const (
	KeyRootConfig  = "config/root"  // RootConfig; holds the secret key, seal-wrapped
	KeyLeaseConfig = "config/lease" // leaseConfig
	KeyUsersConfig = "config/users" // usersConfig

	KeyRootNext     = "config/root-next"     // nextKey: a new root key on its way to config/root; seal-wrapped
	KeyRootRotation = "config/root-rotation" // state: when the root key was rotated, and what went wrong

	PrefixRole       = "role/"   // role, by name
	PrefixLegacyRole = "policy/" // by name: the bare ARN or policy text that Vault wrote before 0.11

	PrefixStaticRole  = "static-roles/" // role of staticrole, by name
	PrefixStaticCreds = "static-creds/" // creds of staticrole, by the role's name; holds the secret key, seal-wrapped

	PrefixIssued = "issued/"        // users.Record, by the user's name, whose dots are escaped
	KeyHeartbeat = "register-watch" // beat: when this engine was last there
	KeyTerms     = "terms"          // terms: the lives of this engine

	KeyOwnership = "ownership-key" // ownershipKey: what proves that a user is this mount's; seal-wrapped
	KeyHome      = "account"       // the AWS account of records that do not say theirs

	PrefixDenied   = "denied-sessions/" // deniedRole of sessions, by account and role; each cluster has its own
	PrefixSessions = "sessions/"        // Session of sessions, by the ID of its access key

	KeySessionsEnded = "sessions-ended" // before when all sessions of a role were last ended: so that other servers and clusters hear of it

	KeyAutoTidy   = "config/auto-tidy" // schedule
	KeyTidyStatus = "tidy-status"      // runReport: the last run of tidy

	// framework.WALPrefix, "wal/": what may exist in AWS without a lease; see wal.go
)

// Load reads the value under a key; nil when there is none.
func Load[T any](ctx context.Context, s logical.Storage, key string) (*T, error) {
	entry, err := s.Get(ctx, key)
	if err != nil || entry == nil {
		return nil, err
	}
	v := new(T)
	if err := entry.DecodeJSON(v); err != nil {
		return nil, &UnreadableError{key: key, err: err}
	}
	return v, nil
}

// UnreadableError is about a value that is stored and not in a form that we know.
type UnreadableError struct {
	key string
	err error
}

func (e *UnreadableError) Error() string {
	return fmt.Sprintf("decoding %s from storage: %v%s", e.key, e.err, e.remedy())
}

// remedy is what somebody can do about the entry that they have not been told where it is needed.
func (e *UnreadableError) remedy() string {
	switch e.key {
	case KeyLeaseConfig, KeyUsersConfig, KeyAutoTidy:
		return "; write to " + e.key + " again all that it should say"
	case KeyHome:
		return "; write account=<the AWS account of the IAM users whose records name none> to config/users"
	case KeyRootConfig:
		return "; write to config/root again all that it should say, with the engine's identity"
	}
	if name, isRole := strings.CutPrefix(e.key, PrefixRole); isRole {
		return "; delete roles/" + name + " and write all of it anew"
	}
	return ""
}

func (e *UnreadableError) Unwrap() error { return e.err }

// Unreadable is the error of a value whose form is known, and not what it says.
func Unreadable(key string, err error) error { return &UnreadableError{key: key, err: err} }

// IsUnreadable reports whether an error is about an entry that nobody can read.
func IsUnreadable(err error) bool {
	var unreadable *UnreadableError
	return errors.As(err, &unreadable)
}

// LoadOr is Load with a value for when there is none.
func LoadOr[T any](ctx context.Context, s logical.Storage, key string, defaults func() *T) (*T, error) {
	v, err := Load[T](ctx, s, key)
	if err == nil && v == nil {
		v = defaults()
	}
	return v, err
}

// LoadToWrite is LoadOr for who changes some fields of a value and writes it. One that nobody can read is taken for the
// defaults, or it could never be written again; a warning says so.
func LoadToWrite[T any](ctx context.Context, s logical.Storage, key string, defaults func() *T) (v *T, warnings []string, err error) {
	v, err = LoadOr(ctx, s, key, defaults)
	if IsUnreadable(err) {
		return defaults(), []string{fmt.Sprintf("what was stored cannot be read (%v); the fields that this request does not name have their defaults now: read %s to see them", err, key)}, nil
	}
	return v, nil, err
}

// Save writes a value under a key. Storage's error comes back as it is: a standby
// knows by its exact text that the request belongs to the active server.
func Save(ctx context.Context, s logical.Storage, key string, v any) error {
	entry, err := logical.StorageEntryJSON(key, v)
	if err != nil {
		return fmt.Errorf("encoding %s for storage: %w", key, err)
	}
	return s.Put(ctx, entry)
}
