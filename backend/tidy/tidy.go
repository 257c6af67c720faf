// SPDX-License-Identifier: MPL-2.0

// Package tidy finds orphaned IAM users: they have this mount's tags, but the mount has no
// record of them, because its storage was lost or set back, or somebody dropped the record. It
// reports them, and deletes them only if asked. There is one run at a time, and one call at a time, so
// that it does not slow down requests for credentials.
//
//   - tidy.go: the room's type, and what it needs to know of the records
//   - path_tidy.go: the paths; order.go: the parameters of a run
//   - run.go: goes through an account; accounts.go: through all of them
//   - report.go: what a run found
//   - background.go: how a run starts and stops
//   - schedule.go: starts runs automatically, as configured in path_config_auto_tidy.go
package tidy

import (
	"context"
	"time"

	"github.com/hashicorp/vault/sdk/framework"
	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/engine"
	"vault-plugin-secrets-aws-dyn/internal/awscreds"
)

// Records is what tidy has to know of the rest of the engine: who has a record,
// and what the tags of one say.
type Records interface {
	// Known returns whether a user is known at this moment, without a look into storage
	// for each.
	Known(context.Context, logical.Storage) (func(user string) bool, error)
	// HasRecord reports whether a user has a record now, in storage or by a request.
	HasRecord(ctx context.Context, s logical.Storage, user string) (bool, error)
	// Accounts are those in which users of the mount may be, the one of config/root first.
	Accounts(context.Context, logical.Storage) ([]Account, error)
	// Unlisted are the users of leases in an account that began before a moment and are not
	// among those that AWS lists, by their names in lower case; those with the oldest records
	// first.
	Unlisted(account string, listed map[string]bool, before time.Time) []string
	// EndIfGone ends the record of a user that AWS says is gone.
	EndIfGone(ctx context.Context, s logical.Storage, user string) (gone bool, err error)
	// Owner is whose a user is, by its tags.
	Owner(context.Context, logical.Storage, *awscreds.FoundUser) (Owner, error)
	// RoleOf is the role that they name.
	RoleOf(tags map[string]string) string
	// DeleteUser deletes a user with all that it owns, or writes down what of it AWS has kept.
	DeleteUser(ctx context.Context, s logical.Storage, c *awscreds.Client, way engine.AssumeRole, name string) error
	// Untagged warns where users of this mount are made without such tags.
	Untagged(context.Context, logical.Storage) (warnings []string, err error)
}

// Owner is whose an IAM user is, by its tags.
type Owner int

// The owners of a user. Anybody who may tag users can say that one is this mount's, and a
// copy of its storage can prove it: only what is proven and was made while this storage was on
// watch is deleted.
const (
	OwnerNone    Owner = iota // the tags say nothing
	OwnerOther                // another mount's
	OwnerClaimed              // this mount's, and nothing proves it
	OwnerCopy                 // this mount's, or that of a copy of its storage
	OwnerProven               // this mount's
)

// Tidy is tidy of one mount.
type Tidy struct {
	*engine.Mount
	records Records
	pause   time.Duration // before each call
	current current
}

// New returns tidy of a mount. pause lies before each call of a run.
func New(m *engine.Mount, records Records, pause time.Duration) *Tidy {
	return &Tidy{Mount: m, records: records, pause: pause}
}

// Paths are the paths about tidy.
func (t *Tidy) Paths() []*framework.Path {
	return []*framework.Path{t.pathAutoTidy(), t.pathStart(), t.pathStatus(), t.pathCancel()}
}

// Last is the run under way or the last one, as tidy/status shows it.
func (t *Tidy) Last(ctx context.Context, s logical.Storage) (map[string]any, error) {
	report, err := t.last(ctx, s)
	if err != nil {
		return nil, err
	}
	return report.response(), nil
}

// Wait waits for the run under way, if there is one. Only tests do.
func (t *Tidy) Wait() { t.current.runs.Wait() }
