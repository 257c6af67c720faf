// SPDX-License-Identifier: MPL-2.0

package backend

// What Vault keeps on an issued credential, and what happens when it renews or
// revokes it.

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/vault/sdk/framework"
	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/engine"
	"vault-plugin-secrets-aws-dyn/internal/awscreds"
)

// secretType is what the built-in engine calls its leases; they are understood.
const secretType = "access_keys"

// lease is the internal data of a lease: all that its end will need, so that the
// role may change or go meanwhile. The first two fields are those that the
// built-in engine reads.
type lease struct {
	Username string `json:"username"`
	IsSTS    bool   `json:"is_sts"`

	Role         string    `json:"role,omitempty"`
	EntityID     string    `json:"entity_id,omitempty"` // of who asked
	AccessKeyID  string    `json:"access_key_id,omitempty"`
	PolicyARNs   []string  `json:"policy_arns,omitempty"`
	InlinePolicy string    `json:"inline_policy,omitempty"`
	Groups       []string  `json:"iam_groups,omitempty"`
	Created      time.Time `json:"created,omitzero"`
	// Registered says that the user, or the session, has a record for as long as it exists.
	Registered bool `json:"registered,omitempty"`

	// What tells the user from all others, where its record is lost: see [userRecord].
	UserID     string            `json:"user_id,omitempty"`
	Random     int               `json:"random,omitempty"`
	Account    awscreds.Account  `json:"account,omitzero"`
	AssumeRole engine.AssumeRole `json:"assume_role,omitzero"` // by which that is reached
	Edition    int               `json:"edition,omitempty"`
	// Complete says that the lease tells all that the end of its user needs to know, so that
	// its record need not be read: the name proves whose it is, and nothing of it may come late.
	Complete bool `json:"complete,omitempty"`

	// Handout is which of several leases of the credential this is; empty where it is the only
	// one. Late is how long after the user was made it was given.
	Handout string        `json:"handout,omitempty"`
	Late    time.Duration `json:"late,omitempty"`

	// How long the lease runs, as the request and the role said when it began.
	RequestTTL time.Duration `json:"request_ttl,omitempty"`
	DefaultTTL time.Duration `json:"default_ttl,omitempty"`
	MaxTTL     time.Duration `json:"max_ttl,omitempty"`

	// SessionEnds is when AWS ends a session, by AWS's clock.
	SessionEnds time.Time `json:"session_ends,omitzero"`
	revocation
}

// internal is the lease as Vault stores it.
func (l *lease) internal() (map[string]any, error) {
	raw, err := json.Marshal(l)
	if err != nil {
		return nil, fmt.Errorf("encoding the lease: %w", err)
	}
	data := map[string]any{}
	return data, json.Unmarshal(raw, &data)
}

// leaseOf reads a lease that we or the built-in engine wrote. The key of one that the
// built-in began is in what Vault handed out, which comes with the request.
func leaseOf(req *logical.Request) (*lease, error) {
	secret := req.Secret
	if secret == nil {
		return nil, errors.New("the request carries no lease")
	}
	raw, err := json.Marshal(secret.InternalData)
	if err != nil {
		return nil, fmt.Errorf("reading the lease: %w", err)
	}
	l := new(lease)
	if err := json.Unmarshal(raw, l); err != nil {
		return nil, fmt.Errorf("reading the lease: %w", err)
	}
	if l.Username == "" && !l.IsSTS {
		return nil, errors.New("reading the lease: it names no IAM user")
	}
	if key, ok := req.Data["access_key"].(string); ok && l.AccessKeyID == "" {
		l.AccessKeyID = key
	}
	return l, nil
}

// renew prolongs a lease as its role says now, or as it said when the role is gone.
func (b *backend) renew(ctx context.Context, req *logical.Request, _ *framework.FieldData) (*logical.Response, error) {
	l, err := leaseOf(req)
	if err != nil {
		return nil, err
	}
	if l.IsSTS {
		return nil, engine.UserErrorf("the credentials of this lease end when AWS said they would; they cannot be renewed")
	}
	if engine.CheckRoleName(l.Role) == nil { // no role has another name
		r, err := b.roleNow(ctx, req.Storage, l.Role)
		if err != nil {
			return nil, err
		}
		if r != nil {
			if err := r.RenewalRefusal("roles/" + l.Role); err != nil {
				return nil, err
			}
			l.DefaultTTL, l.MaxTTL = r.DefaultTTL, r.MaxTTL
		}
	}
	cfg, err := engine.LoadOr(ctx, req.Storage, engine.KeyLeaseConfig, newLeaseConfig)
	if err != nil {
		return nil, err
	}
	ctx, moment := l.moment(ctx, b.Mount, req)
	if err := b.prolong(ctx, req, l, cfg); err != nil {
		return nil, err
	}
	resp := &logical.Response{Secret: req.Secret}
	resp.Secret.TTL, resp.Secret.MaxTTL = b.leaseTTLs(l, cfg)
	moment.Renewed(resp)
	return resp, nil
}

// prolong writes the lease's new last moment before Vault hears of it. A lease that the
// built-in engine began gets its record here. A secondary's records are the primary's to
// write: there the lease is renewed without.
func (u *users) prolong(ctx context.Context, req *logical.Request, l *lease, cfg *leaseConfig) error {
	ctx, unlock, err := u.Locks.Lock(ctx, engine.LockRecord(l.Username))
	if err != nil {
		return err
	}
	defer unlock()
	r, err := u.recordFor(ctx, req.Storage, l.Username)
	switch {
	case err != nil:
		return err
	case r != nil && !l.holds(r):
		return engine.UserErrorf("the IAM user %s of this lease was deleted, and another lease has the name; read creds/%s again", l.Username, l.Role)
	case r == nil && l.Registered:
		return engine.UserErrorf("the IAM user %s of this lease has no record any more: it was deleted, or its record was dropped; read creds/%s again", l.Username, l.Role)
	case r == nil:
		r = recordOf(l, l.began(req.Secret))
	case !r.Ending.IsZero():
		return engine.UserErrorf("the IAM user %s of this lease is being deleted; read creds/%s again", l.Username, l.Role)
	case u.gaveBack(l, r):
		return engine.UserErrorf("this lease of the IAM user %s was revoked; read creds/%s again", l.Username, l.Role)
	}
	if err := u.believe(ctx, req.Storage, r); err != nil {
		return err
	}
	now := u.Now().UTC()
	r.extend(l.Handout, l.lastMoment(u.askBounds(), cfg, l.began(req.Secret), now, req.Secret.Increment), now, u.Term())
	r.Confirmed = true // somebody has the lease
	if err := u.saveRecord(ctx, req.Storage, l.Username, r); err != nil && !errors.Is(err, logical.ErrReadOnly) {
		return err
	}
	return nil
}

// revokeTime bounds what is written down after a revocation that failed, perhaps for
// want of time.
const revokeTime = 10 * time.Second

// revoke ends a credential. Its errors go to Vault as they are: Vault tries again,
// and writes them to its log. Should Vault give the lease up, the sweep ends the user.
func (b *backend) revoke(ctx context.Context, req *logical.Request, _ *framework.FieldData) (resp *logical.Response, err error) {
	defer b.Recover(&err)
	l, err := leaseOf(req)
	if err == nil && l.Handout != "" {
		b.shared.Return(l.Handout)
	}
	if err != nil {
		return nil, err
	}
	ctx, moment := l.moment(ctx, b.Mount, req)
	if l.IsSTS {
		err = b.revokeSession(ctx, req, l, moment)
	} else {
		err = b.revokeUser(ctx, req, l, moment)
		b.memory.Ended(l.Username, err)
	}
	if err != nil {
		moment.NotRevoked(err)
	}
	if err != nil && b.Vault.Tainted() {
		err = fmt.Errorf("%w; the mount is being disabled or moved, so config/root and issued/ cannot be written any more: "+
			"if AWS cannot be made to agree, drop the lease with vault lease revoke -force -prefix, and delete the IAM user in AWS", err)
	}
	return nil, awscreds.Explained(err)
}

// revokeUser ends the user of a lease, under the lock of its record: a renewal must not take
// back what is being written down.
func (u *users) revokeUser(ctx context.Context, req *logical.Request, l *lease, moment *engine.Moment) error {
	ctx, unlock, err := u.Locks.Lock(ctx, engine.LockRecord(l.Username))
	if err != nil {
		return err
	}
	defer unlock()
	if l.Complete {
		v, err := u.endLeased(ctx, req.Storage, l, recordOf(l, l.Created))
		if err == nil && v.ending == endGone {
			moment.Revoked(endedText)
			return ignoreReadOnly(u.dropRecord(ctx, req.Storage, l.Username, u.mayBeMirrored(l.Username)))
		}
		return u.keepEnding(ctx, req, l, v, err)
	}
	r, err := u.recordAtEnd(ctx, req.Storage, l)
	switch {
	case err != nil:
		return err
	case r != nil && !l.holds(r):
		return nil // the record is of a later user: this lease's is gone
	}
	if stays, err := u.takeBack(ctx, req.Storage, l, r, moment); stays || err != nil {
		return err
	}
	of := r
	if r == nil {
		of = recordOf(l, l.began(req.Secret))
	}
	v, err := u.endLeased(ctx, req.Storage, l, of)
	gone := err == nil && v.ending == endGone
	if gone {
		moment.Revoked(endedText)
	}
	switch {
	case gone && r == nil:
		return u.dropNoted(ctx, req.Storage, l)
	case gone:
		return ignoreReadOnly(u.dropRecord(ctx, req.Storage, l.Username, u.mayBeMirrored(l.Username)))
	}
	return u.keepEnding(ctx, req, l, v, err)
}

// endLeased ends the user of a lease as that of a record.
func (u *users) endLeased(ctx context.Context, s logical.Storage, l *lease, of *userRecord) (verdict, error) {
	asked := *of
	asked.Ending = u.Now().UTC()
	asked.AccessKeyID = cmp.Or(asked.AccessKeyID, l.AccessKeyID)
	return u.end(awscreds.Enduring(ctx), s, l.Username, &asked)
}

// keepEnding writes down that a user is to go, which did not go now, and returns why.
func (u *users) keepEnding(ctx context.Context, req *logical.Request, l *lease, v verdict, why error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), revokeTime)
	defer cancel()
	r, err := loadRecord(ctx, req.Storage, l.Username)
	if engine.IsUnreadable(err) {
		r, err = nil, nil
	}
	switch {
	case err != nil:
		return errors.Join(why, err)
	case r != nil && (!l.holds(r) || u.notBeingMade(l.Username) != nil):
		return cmp.Or(why, v.why, u.notBeingMade(l.Username)) // of a later user, whose end nobody asked for
	case why == nil && r == nil && l.Registered && v.ending != endNotOurs:
		return nil // its record went when the user was known to be gone, or somebody dropped it
	case why == nil:
		why = v.why
	}
	if r == nil {
		r = recordOf(l, l.began(req.Secret))
	}
	return errors.Join(why, u.endLater(ctx, req.Storage, l.Username, r, v.at))
}

// holds reports whether a record is of the user that a lease was given: a template without
// a random part makes a name again once its user is gone.
func (l *lease) holds(r *userRecord) bool {
	switch {
	case l.UserID != "" && r.UserID != "":
		return l.UserID == r.UserID
	case l.AccessKeyID != "" && r.AccessKeyID != "":
		return l.AccessKeyID == r.AccessKeyID
	}
	return true
}
