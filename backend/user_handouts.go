// SPDX-License-Identifier: MPL-2.0

package backend

// Sharing: the same caller who asks the same thing again gets the same credential, as the role's
// share_for says. Secrets are in memory (backend/sharing); an IAM user that several leases have
// has a handout for each in its record, and ends with the last.

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/hashicorp/vault/sdk/helper/consts"
	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/engine"
	"vault-plugin-secrets-aws-dyn/backend/sharing"
	"vault-plugin-secrets-aws-dyn/internal/awscreds"
)

// longestShare is how long a role may share a credential at most.
const longestShare = 24 * time.Hour

// sharedStore keeps the credentials that are shared.
type sharedStore = sharing.Store[*sharedCredential, *logical.Response]

// sharedCredential is a credential that was answered, with its secret. It is immutable.
type sharedCredential struct {
	client         *awscreds.Client // that of config/root when it was made
	credentialType string
	answer         map[string]any
	lease          *lease
	made           time.Time
	life           time.Duration // of a session
	warnings       []string
}

// shareKey is what an order stands for; shares is false where it is never shared. AWS takes the code
// of an MFA device once, and so do we; one person's console is not another's.
func (r *role) shareKey(o order) (key sharing.Key, shares bool) {
	if r.ShareFor <= 0 || o.mfaCode != "" || o.console != nil {
		return key, false
	}
	return sharing.Ask{
		Entity: o.entityID, Accessor: o.accessor, Path: o.path, Role: o.role,
		Says: r, Request: []any{o.ttl, o.roleARN, o.sessionName, o.tags},
	}.Key()
}

// issueShared gives the credential that is kept for an order, or makes one and keeps it. Secrets are
// kept by the active server alone, so others pass the request on.
func (b *backend) issueShared(ctx context.Context, s logical.Storage, r *role, o order, key sharing.Key) (*logical.Response, error) {
	standby := b.Vault.ReplicationState().HasState(consts.ReplicationPerformanceStandby)
	if standby || r.issues(iamUser) && !b.Writable() {
		return nil, logical.ErrReadOnly
	}
	hand := func(c *sharedCredential, id string) (*logical.Response, bool, error) {
		return b.handOut(ctx, s, c, id, o)
	}
	return b.shared.Get(ctx, key, o.role, hand, func(id string) (*logical.Response, *sharing.Credential[*sharedCredential], error) {
		client, err := b.AWS(ctx, s)
		if err != nil {
			return nil, nil, err
		}
		o, made := o, b.Now().UTC()
		o.handout = id
		resp, err := b.issueNew(ctx, s, r, o)
		if err != nil {
			return nil, nil, err
		}
		credentialType, err := r.typeFor(o)
		if err != nil {
			return nil, nil, err
		}
		resp.Secret.InternalData["handout"] = id
		l, err := leaseOf(&logical.Request{Secret: resp.Secret})
		if err != nil {
			return nil, nil, err
		}
		c := &sharing.Credential[*sharedCredential]{Made: made, For: min(r.ShareFor, longestShare), Value: &sharedCredential{
			client: client, credentialType: credentialType, answer: maps.Clone(resp.Data), lease: l, made: made, life: resp.Secret.TTL, warnings: slices.Clone(resp.Warnings),
		}}
		if !l.IsSTS {
			c.User = l.Username
		}
		return resp, c, nil
	})
}

// handOut gives a credential once more; ok is false where there has to be a new one. It calls nobody.
func (b *backend) handOut(ctx context.Context, s logical.Storage, c *sharedCredential, id string, o order) (resp *logical.Response, ok bool, err error) {
	client, err := b.AWS(ctx, s)
	if err != nil || client != c.client { // config/root or its key has changed
		return nil, false, err
	}
	if err := b.stillEnabled(ctx, s, o.role); err != nil {
		return nil, false, err
	}
	l := *c.lease
	l.Handout = id
	ctx, moment := b.CredsMoment(ctx, o.asked, o.role, c.credentialType)
	if l.IsSTS {
		resp, err = b.sessionAgain(c, &l, o, moment)
	} else {
		resp, err = b.userAgain(ctx, s, c, &l, o, moment)
	}
	if err == nil && resp != nil {
		resp.Warnings = append(resp.Warnings, c.warnings...)
	}
	return resp, resp != nil, err
}

// enoughLeft reports whether enough is left of a life for who gets it: what was asked for, or else half.
// A tenth may be missing of what was asked for, since whatever exists already is a little shorter.
func enoughLeft(left, life, asked time.Duration) bool {
	if asked > 0 {
		return left >= min(asked, life)*9/10
	}
	return left >= life/2
}

// sessionAgain answers a session once more; nil where too little is left of it.
func (b *backend) sessionAgain(c *sharedCredential, l *lease, o order, moment *engine.Moment) (*logical.Response, error) {
	left := c.life - b.Age(c.made)
	if !enoughLeft(left, c.life, o.ttl) {
		return nil, nil
	}
	internal, err := l.internal()
	if err != nil {
		return nil, err
	}
	data := maps.Clone(c.answer)
	data["ttl"] = engine.Seconds(left)
	resp := b.Secret(secretType).Response(data, internal)
	resp.Secret.TTL, resp.Secret.Renewable = left, false
	moment.Made(resp)
	moment.Issued("returned a session once more", resp, "shared", true)
	return resp, nil
}

// userAgain gives an IAM user one lease more; nil where it ends, or has too many or too little time.
// Its record says so before Vault hears of it: one write of storage.
func (b *backend) userAgain(ctx context.Context, s logical.Storage, c *sharedCredential, l *lease, o order, moment *engine.Moment) (*logical.Response, error) {
	ctx, unlock, err := b.Locks.Lock(ctx, engine.LockRecord(l.Username))
	if err != nil {
		return nil, err
	}
	defer unlock()
	set, err := b.anySettings(ctx, s)
	if err != nil {
		return nil, err
	}
	r, err := b.recordFor(ctx, s, l.Username)
	switch {
	case engine.IsUnreadable(err):
		return nil, nil
	case err != nil:
		return nil, err
	case r == nil || r.pending() || !l.holds(r) || len(r.Handouts) == 0 || len(r.Handouts) >= sharing.MostHandouts:
		return nil, nil
	}
	now, of := b.Now().UTC(), b.askBounds()
	l.Late = now.Sub(l.Created)
	longest := l.longest(of, set.leases)
	if !enoughLeft(longest-l.Late, longest, o.ttl) {
		return nil, nil
	}
	resp, err := b.keyResponse(l, awscreds.Key{ID: l.AccessKeyID, Secret: c.answer["secret_key"].(string)}, set.leases)
	if err != nil {
		return nil, err
	}
	if err := b.believe(ctx, s, r); err != nil {
		return nil, err
	}
	r.extend(l.Handout, l.lastMoment(of, set.leases, l.Created, now, 0), now, b.Term())
	if err := b.saveRecord(ctx, s, l.Username, r); err != nil {
		return nil, err
	}
	if gone := ctx.Err(); gone != nil { // nobody is there to take it
		_, err := b.takeBack(context.WithoutCancel(ctx), s, l, r, nil)
		return nil, errors.Join(gone, err)
	}
	moment.User, moment.AccessKey, moment.Account, moment.Ends = l.Username, l.AccessKeyID, l.Account.Number, r.Handouts[r.at(l.Handout)].Ends
	moment.Issued("issued an IAM user once more", resp, "shared", true, "leases", len(r.Handouts))
	return resp, nil
}

// handout is one of the leases that have an IAM user.
type handout struct {
	ID   string    `json:"id"`
	Ends time.Time `json:"ends"` // as in the record
}

// leases is how many leases have the user, as far as its record knows.
func (r *userRecord) leases() int {
	if r.pending() {
		return 0
	}
	return max(1, len(r.Handouts))
}

// at is where a handout stands; -1 is nowhere.
func (r *userRecord) at(id string) int {
	return slices.IndexFunc(r.Handouts, func(h handout) bool { return h.ID == id })
}

// gaveBack reports whether a lease is none of those that have the user any more. A secondary may only be behind.
func (u *users) gaveBack(l *lease, r *userRecord) bool {
	return l.Handout != "" && len(r.Handouts) > 0 && r.at(l.Handout) < 0 && u.Writable()
}

// recordAtEnd is the record at the end of a lease; nil where the lease tells enough without it. Where other
// leases may have the user, the record alone knows them: what cannot be read ends nobody's key. Of a
// mount that is being disabled all leases end.
func (u *users) recordAtEnd(ctx context.Context, s logical.Storage, l *lease) (*userRecord, error) {
	r, err := u.recordFor(ctx, s, l.Username)
	switch {
	case !engine.IsUnreadable(err):
		return r, err
	case l.Handout == "" || u.Vault.Tainted():
		return nil, nil
	}
	return nil, fmt.Errorf("%w; the role shares, so other leases may have the IAM user %s, and only its record knows them: "+
		"delete issued/%s to end the user for all of them, and Vault's next try ends this lease", err, l.Username, l.Username)
}

// extend says that a lease may live until a moment, and never that it ends before it was said to.
// Where the first edition has written the record, it has dropped the list, and one lease is all.
func (r *userRecord) extend(id string, ends, now time.Time, term string) {
	switch i := r.at(id); {
	case i >= 0 && ends.After(r.Handouts[i].Ends):
		r.Handouts[i].Ends = ends
	case i < 0 && len(r.Handouts) > 0:
		r.Handouts = append(r.Handouts, handout{id, ends})
	}
	if ends.Before(r.Ends) {
		ends = r.Ends
	}
	r.prolong(ends, now, term)
}

// believe prepares a record that has handouts for being written: the ends that it does not change
// count from then on as if they had been said now, though another engine may have renewed the leases.
func (u *users) believe(ctx context.Context, s logical.Storage, r *userRecord) error {
	if len(r.Handouts) == 0 || !u.Writable() {
		return nil
	}
	if err := u.OpenTerm(ctx, s); err != nil { // else nobody knows which renewals are known
		return err
	}
	if r.Written.Before(u.KnownSince()) {
		r.Ends = u.latest(r)
		for i := range r.Handouts {
			r.Handouts[i].Ends = r.Ends
		}
	}
	return nil
}

// takeBack ends one of several leases of a user, under the lock of its record; twice is once, and where the lease was
// somebody's, its moment tells. stays
// is false where no other may have the user, which is to go then.
func (u *users) takeBack(ctx context.Context, s logical.Storage, l *lease, r *userRecord, moment *engine.Moment) (stays bool, err error) {
	if r == nil || l.Handout == "" || r.pending() || len(r.Handouts) == 0 {
		return false, nil
	}
	i := r.at(l.Handout)
	switch {
	case i < 0:
		return true, nil
	case len(r.Handouts) == 1:
		return false, nil
	}
	if err := u.believe(ctx, s, r); err != nil {
		return true, err
	}
	r.Handouts = slices.Delete(r.Handouts, i, i+1)
	last := slices.MaxFunc(r.Handouts, func(a, c handout) int { return a.Ends.Compare(c.Ends) })
	r.prolong(last.Ends, u.Now().UTC(), u.Term())
	if err := ignoreReadOnly(u.saveRecord(ctx, s, l.Username, r)); err != nil {
		return true, err
	}
	if moment != nil {
		moment.Revoked("ended one of several leases of an IAM user", "leases", len(r.Handouts))
	}
	if u.Now().Before(u.dueBy(r)) || !u.Writable() {
		return true, nil
	}
	// Nobody has told of the end of those that are left, and all is past: the user goes if AWS's clock says so too.
	if _, err := u.settle(ctx, s, l.Username, r); err != nil {
		u.Log.Warn("the last leases of an IAM user are past; the sweep goes on deleting it", "iam_user", l.Username, "error", err)
	}
	return true, nil
}
