// SPDX-License-Identifier: MPL-2.0

// Package users keeps the IAM users of leases: their records, the index of the records in memory, and how users are
// deleted.
//
// The room and its records:
//
//   - users.go: the room's type, what it does in a tick, and when Vault unloads the mount
//   - record.go: the record of one user, and its states
//   - register.go: all records in storage
//   - index.go: what memory keeps of the records; fill.go: how it is filled
//   - user.go: what other packages see of a user
//   - due.go: how long each user may live
//
// A user's life:
//
//   - making.go: a user that a request is making
//   - lease.go: renewing and revoking the lease of a user
//   - handouts.go: what several leases of one user share
//   - end.go: the only way in which a user ends
//   - sweep.go: which users are ended now
//   - unused.go: whose key nobody uses
//
// Identity, and other engines:
//
//   - prove.go: what proves that a user is the one of a record
//   - ownership.go: the tags that prove whose a user is
//   - account.go: in which AWS account a user was made
//   - tidy_view.go: answers tidy's questions about the records
//   - wal.go: reads WAL entries of the built-in engine, and writes those that it would need
//   - device.go: virtual MFA devices that AWS has kept, in the WAL
//
// Paths: path_issued.go is the path of one user, path_issued_list.go lists them.
package users

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/vault/sdk/framework"
	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/engine"
	"vault-plugin-secrets-aws-dyn/backend/sessions"
)

// Users are the IAM users of one mount.
type Users struct {
	*accounts
	o      Options
	own    ownership    // which IAM users are this mount's
	ghosts atomic.Int64 // where the look for records without a user goes on; a tick may overlap the next
}

// Options are times, and what the room asks or tells others.
type Options struct {
	SweepGrace time.Duration // as DefaultSweepGrace
	LateWindow time.Duration // as DefaultLateWindow
	Shared     time.Duration // how much later than a user the last of its leases may begin

	Sessions *sessions.Sessions // which issued/ lists as well
	Roles    Roles
	// Unconfirmed is after how long a user goes that perhaps nobody got and nobody has used; 0 is never.
	Unconfirmed func(context.Context, logical.Storage) time.Duration
	// Untagged warns where users are made without the tags that say whose they are.
	Untagged func(context.Context, logical.Storage) (warnings []string, err error)
	// Adopted are the users of static roles, by their names in lower case.
	Adopted func(context.Context, logical.Storage) (map[string]bool, error)
	// RollBack is what rolls back entries of the WAL of other kinds; nil does nothing.
	RollBack map[string]RollBack
	// Gone hears that a user ends, and Ended how that went.
	Gone  func(user string)
	Ended func(user string, err error)
}

// RollBack rolls an entry of the WAL back.
type RollBack func(ctx context.Context, s logical.Storage, entry *framework.WALEntry, immediate bool) error

// New returns the users of a mount.
func New(m *engine.Mount, o Options) *Users {
	reg := &register{Mount: m, sweepGrace: o.SweepGrace, shared: o.Shared, gone: o.Gone}
	return &Users{accounts: &accounts{register: reg, roles: o.Roles}, o: o, own: ownership{Mount: m}}
}

// Paths are those below issued/.
func (u *Users) Paths() []*framework.Path {
	return []*framework.Path{
		u.pathIssuedList(),
		u.pathForget(), // before pathIssuedOfRole: a user may be called "role", and the path of a list ends in a slash
		u.pathIssuedOfRole(),
		u.pathIssuedOfEntity(),
		u.pathIssued(),
	}
}

// Invalidate hears, on a standby, that another server has changed a record.
func (u *Users) Invalidate(key string) {
	u.index.changedElsewhere(key)
	u.gone(userOf(strings.TrimPrefix(key, engine.PrefixIssued)))
}

// OldestRequest is when the oldest request began that is making a user; zero is none.
func (u *Users) OldestRequest() time.Time { return u.index.oldestRequest() }

// Tend has memory know the records, and storage what another engine would need.
func (u *Users) Tend(ctx context.Context, s logical.Storage) error {
	if err := u.Fill(ctx, s); err != nil {
		return fmt.Errorf("reading the records: %w", err)
	}
	_, err := u.own.proofKey(ctx, s, true) // so that no creation has to make it
	return errors.Join(err, u.mirror(ctx, s), u.keepHome(ctx, s))
}

// Mirror writes down for the built-in engine what is to end, for a process that may not have read the records yet: it
// reads them when they are first needed, which is at its first tick as a rule.
func (u *Users) Mirror(ctx context.Context, s logical.Storage) error {
	if err := u.Fill(ctx, s); err != nil {
		return fmt.Errorf("reading the records: %w", err)
	}
	return u.mirror(ctx, s)
}

// EndAll deletes every user that is written down. Vault has revoked all leases that it knew
// when the disable began: those left are of requests that were answered since.
func (u *Users) EndAll(ctx context.Context) error {
	var rolledBack error
	var both sync.WaitGroup
	both.Go(func() { // an account that does not answer may take all the time that there is
		defer u.Recover(&rolledBack)
		rolledBack = u.RollBack(ctx, u.Storage, true)
	})
	err := u.endRecorded(ctx)
	both.Wait()
	return errors.Join(rolledBack, err)
}

// endRecorded deletes every user that has a record.
func (u *Users) endRecorded(ctx context.Context) error {
	if err := u.Fill(ctx, u.Storage); err != nil {
		return err
	}
	users := u.index.holders("", "")
	var errs []error
	for _, left := range engine.EachByAccount(ctx, u.Mount, sweepsAtOnce, users, u.accountOf, nil, u.endDisabled) {
		errs = append(errs, left.Errs...)
	}
	return errors.Join(errs...)
}

func (u *Users) endDisabled(ctx context.Context, user string) error {
	r, err := load(ctx, u.Storage, user)
	if err != nil || r == nil {
		return err
	}
	r.Ending = u.Now() // however long its lease would have lived
	v, err := u.end(ctx, u.Storage, user, r)
	switch {
	case err != nil:
		return fmt.Errorf("deleting IAM user %s of the disabled mount: %w", user, err)
	case v.ending == endNotOurs, v.ending == endOtherAccount:
		return v.why
	}
	return u.dropRecord(ctx, u.Storage, user, r.pending())
}
