// SPDX-License-Identifier: MPL-2.0

package users

// What several leases of one IAM user share. Each has a handout in its record, and the user ends
// with the last.

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/engine"
)

// handout is one of the leases that have an IAM user.
type handout struct {
	ID   string    `json:"id"`
	Ends time.Time `json:"ends"` // as in the record
}

// leases is how many leases have the user, as far as its record knows.
func (r *Record) leases() int {
	if r.pending() {
		return 0
	}
	return max(1, len(r.Handouts))
}

// at is where a handout stands; -1 is nowhere.
func (r *Record) at(id string) int {
	return slices.IndexFunc(r.Handouts, func(h handout) bool { return h.ID == id })
}

// extend says that a lease may live until a moment, and never that it ends before it was said to.
// Where the first edition has written the record, it has dropped the list, and one lease is all.
func (r *Record) extend(id string, ends, now time.Time, term string) {
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

// HandOut gives a user one lease more, and returns until when that may live and how many leases there are now; none
// where it ends, has as many as it may, or give does not want it. Its record says so before Vault hears of it: one
// write of storage.
func (u *Users) HandOut(ctx context.Context, s logical.Storage, l *Lease, most int, give func(now time.Time) (ends time.Time, ok bool, err error)) (ends time.Time, leases int, err error) {
	ctx, unlock, err := u.Locks.Lock(ctx, engine.LockRecord(l.Username))
	if err != nil {
		return ends, 0, err
	}
	defer unlock()
	r, err := u.recordFor(ctx, s, l.Username)
	switch {
	case engine.IsUnreadable(err):
		return ends, 0, nil
	case err != nil:
		return ends, 0, err
	case r == nil || r.pending() || !l.holds(r) || len(r.Handouts) == 0 || len(r.Handouts) >= most:
		return ends, 0, nil
	}
	now := u.Now().UTC()
	last, ok, err := give(now)
	if err != nil || !ok {
		return ends, 0, err
	}
	if err := u.believe(ctx, s, r); err != nil {
		return ends, 0, err
	}
	r.extend(l.Handout, last, now, u.Term())
	if err := u.saveRecord(ctx, s, l.Username, r); err != nil {
		return ends, 0, err
	}
	if gone := ctx.Err(); gone != nil { // nobody is there to take it
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanUpTime)
		defer cancel()
		_, err := u.takeBack(ctx, s, l, r, nil)
		return ends, 0, errors.Join(gone, err)
	}
	return r.Handouts[r.at(l.Handout)].Ends, len(r.Handouts), nil
}

// takeBack ends one of several leases of a user, under the lock of its record; twice is once, and where the lease was
// somebody's, its moment tells. stays is false where no other may have the user, which is to go then.
func (u *Users) takeBack(ctx context.Context, s logical.Storage, l *Lease, r *Record, moment *engine.Moment) (stays bool, err error) {
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
	if err := engine.IgnoreReadOnly(u.saveRecord(ctx, s, l.Username, r)); err != nil {
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

// gaveBack reports whether a lease is none of those that have the user any more. A secondary may only be behind.
func (reg *register) gaveBack(l *Lease, r *Record) bool {
	return l.Handout != "" && len(r.Handouts) > 0 && r.at(l.Handout) < 0 && reg.Writable()
}

// recordAtEnd is the record at the end of a lease; nil where the lease tells enough without it. Where other
// leases may have the user, the record alone knows them: what cannot be read ends nobody's key. Of a
// mount that is being disabled all leases end.
func (reg *register) recordAtEnd(ctx context.Context, s logical.Storage, l *Lease) (*Record, error) {
	r, err := reg.recordFor(ctx, s, l.Username)
	switch {
	case !engine.IsUnreadable(err):
		return r, err
	case l.Handout == "" || reg.Vault.Tainted():
		return nil, nil
	}
	return nil, fmt.Errorf("%w; the role shares, so other leases may have the IAM user %s, and only its record knows them: "+
		"delete issued/%s to end the user for all of them, and Vault's next try ends this lease", err, l.Username, l.Username)
}

// believe prepares a record that has handouts for being written: the ends that it does not change
// count from then on as if they had been said now, though another engine may have renewed the leases.
func (reg *register) believe(ctx context.Context, s logical.Storage, r *Record) error {
	if len(r.Handouts) == 0 || !reg.Writable() {
		return nil
	}
	if err := reg.OpenTerm(ctx, s); err != nil { // else nobody knows which renewals are known
		return err
	}
	if r.Written.Before(reg.KnownSince()) {
		r.Ends = reg.latest(r)
		for i := range r.Handouts {
			r.Handouts[i].Ends = r.Ends
		}
	}
	return nil
}
