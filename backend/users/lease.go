// SPDX-License-Identifier: MPL-2.0

package users

// The lease of a user: what becomes of its record when Vault renews or revokes it.

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/awsrules"
	"vault-plugin-secrets-aws-dyn/backend/engine"
	"vault-plugin-secrets-aws-dyn/internal/awscreds"
)

// Lease is what a lease says of its IAM user: all that the end of the user will need, so that the
// role may change or go meanwhile. The built-in engine reads the name alone.
type Lease struct {
	Username string `json:"username"`

	Role         string    `json:"role,omitempty"`
	EntityID     string    `json:"entity_id,omitempty"` // of who asked
	AccessKeyID  string    `json:"access_key_id,omitempty"`
	PolicyARNs   []string  `json:"policy_arns,omitempty"`
	InlinePolicy string    `json:"inline_policy,omitempty"`
	Groups       []string  `json:"iam_groups,omitempty"`
	Created      time.Time `json:"created,omitzero"`
	// Registered says that the user, or the session, has a record for as long as it exists.
	Registered bool `json:"registered,omitempty"`

	// What tells the user from all others, where its record is lost: see [Record].
	UserID     string            `json:"user_id,omitempty"`
	Random     int               `json:"random,omitempty"`
	Account    awscreds.Account  `json:"account,omitzero"`
	AssumeRole engine.AssumeRole `json:"assume_role,omitzero"` // by which that is reached
	Edition    int               `json:"edition,omitempty"`
	// Complete says that the lease tells all that the end of its user needs to know, so that
	// its record need not be read: the name proves whose it is, and nothing of it may come late.
	Complete bool `json:"complete,omitempty"`

	// Handout is which of several leases of the credential this is; empty where it is the only
	// one.
	Handout string `json:"handout,omitempty"`
}

// recordOf is the record of a user or, where there is none, what its lease tells.
func recordOf(l *Lease, began time.Time) *Record {
	r := &Record{
		Role: l.Role, AccessKeyID: l.AccessKeyID, Issued: began, UserID: l.UserID, Random: l.Random, Account: l.Account, AssumeRole: l.AssumeRole,
		Edition: l.Edition, PolicyARNs: l.PolicyARNs, InlinePolicy: l.InlinePolicy, Groups: l.Groups,
	}
	if r.firstEdition() {
		r.Random = awsrules.RandomIn(l.Username)
	}
	return r
}

// Renew writes the lease's new last moment, which ends tells, before Vault hears of it. A lease that the
// built-in engine began gets its record here. A secondary's records are the primary's to
// write: there the lease is renewed without.
func (u *Users) Renew(ctx context.Context, s logical.Storage, l *Lease, began time.Time, ends func(now time.Time) time.Time) error {
	ctx, unlock, err := u.Locks.Lock(ctx, engine.LockRecord(l.Username))
	if err != nil {
		return err
	}
	defer unlock()
	r, err := u.recordFor(ctx, s, l.Username)
	switch {
	case err != nil:
		return err
	case r != nil && !l.holds(r):
		return engine.UserErrorf("the IAM user %s of this lease was deleted, and another lease has the name; read creds/%s again", l.Username, l.Role)
	case r == nil && l.Registered:
		return engine.UserErrorf("the IAM user %s of this lease has no record any more: it was deleted, or its record was dropped; read creds/%s again", l.Username, l.Role)
	case r == nil:
		r = recordOf(l, began)
	case !r.Ending.IsZero():
		return engine.UserErrorf("the IAM user %s of this lease is being deleted; read creds/%s again", l.Username, l.Role)
	case u.gaveBack(l, r):
		return engine.UserErrorf("this lease of the IAM user %s was revoked; read creds/%s again", l.Username, l.Role)
	}
	if err := u.believe(ctx, s, r); err != nil {
		return err
	}
	now := u.Now().UTC()
	r.extend(l.Handout, ends(now), now, u.Term())
	r.Confirmed = true // somebody has the lease
	if err := u.saveRecord(ctx, s, l.Username, r); err != nil && !errors.Is(err, logical.ErrReadOnly) {
		return err
	}
	return nil
}

// revokeTime bounds what is written down after a revocation that failed, perhaps for
// want of time.
const revokeTime = 10 * time.Second

// endedText is what the log has of the end of a lease.
const endedText = "deleted an IAM user at the end of its lease"

// Revoke ends the user of a lease, under the lock of its record: a renewal must not take
// back what is being written down.
func (u *Users) Revoke(ctx context.Context, s logical.Storage, l *Lease, began time.Time, moment *engine.Moment) error {
	ctx, unlock, err := u.Locks.Lock(ctx, engine.LockRecord(l.Username))
	if err != nil {
		return err
	}
	defer unlock()
	if l.Complete {
		v, err := u.endLeased(ctx, s, l, recordOf(l, l.Created))
		if err == nil && v.ending == endGone {
			moment.Revoked(endedText)
			return engine.IgnoreReadOnly(u.dropRecord(ctx, s, l.Username, u.mayBeMirrored(l.Username)))
		}
		return u.keepEnding(ctx, s, l, began, v, err)
	}
	r, err := u.recordAtEnd(ctx, s, l)
	switch {
	case err != nil:
		return err
	case r != nil && !l.holds(r):
		return nil // the record is of a later user: this lease's is gone
	}
	if stays, err := u.takeBack(ctx, s, l, r, moment); stays || err != nil {
		return err
	}
	of := r
	if r == nil {
		of = recordOf(l, began)
	}
	v, err := u.endLeased(ctx, s, l, of)
	gone := err == nil && v.ending == endGone
	if gone {
		moment.Revoked(endedText)
	}
	switch {
	case gone && r == nil:
		return u.dropNoted(ctx, s, l)
	case gone:
		return engine.IgnoreReadOnly(u.dropRecord(ctx, s, l.Username, u.mayBeMirrored(l.Username)))
	}
	return u.keepEnding(ctx, s, l, began, v, err)
}

// endLeased ends the user of a lease as that of a record.
func (u *Users) endLeased(ctx context.Context, s logical.Storage, l *Lease, of *Record) (verdict, error) {
	asked := *of
	asked.Ending = u.Now().UTC()
	asked.AccessKeyID = cmp.Or(asked.AccessKeyID, l.AccessKeyID)
	return u.end(awscreds.Enduring(ctx), s, l.Username, &asked)
}

// keepEnding writes down that a user is to go, which did not go now, and returns why.
func (u *Users) keepEnding(ctx context.Context, s logical.Storage, l *Lease, began time.Time, v verdict, why error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), revokeTime)
	defer cancel()
	r, err := load(ctx, s, l.Username)
	unreadable := engine.IsUnreadable(err) // what the lease tells takes its place
	if unreadable {
		r, err = nil, nil
	}
	switch {
	case err != nil:
		return errors.Join(why, err)
	case r != nil && (!l.holds(r) || u.notBeingMade(l.Username) != nil):
		return cmp.Or(why, v.why, u.notBeingMade(l.Username)) // of a later user, whose end nobody asked for
	case why == nil && r == nil && !unreadable && l.Registered && v.ending != endNotOurs:
		return nil // its record went when the user was known to be gone, or somebody dropped it
	case why == nil:
		why = v.why
	}
	if r == nil {
		r = recordOf(l, began)
	}
	return errors.Join(why, u.endLater(ctx, s, l.Username, r, v.at))
}

// holds reports whether a record is of the user that a lease was given: a template without
// a random part makes a name again once its user is gone.
func (l *Lease) holds(r *Record) bool {
	switch {
	case l.UserID != "" && r.UserID != "":
		return l.UserID == r.UserID
	case l.AccessKeyID != "" && r.AccessKeyID != "":
		return l.AccessKeyID == r.AccessKeyID
	}
	return true
}
