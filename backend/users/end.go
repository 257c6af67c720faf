// SPDX-License-Identifier: MPL-2.0

package users

// How an IAM user ends. A failed creation, a revocation, the sweep, a cleanup and a delete of
// its record all come here: it is looked at, it is deleted, and decide says what the record
// becomes. Nothing else believes AWS's word that a user is gone.

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/internal/awscreds"
)

const (
	// clockSlack is how much older than its record AWS may say that a user of the first edition
	// is. Times come in whole seconds, and the record may be another server's, by its clock.
	clockSlack = 2 * time.Minute

	// youngLook is when to look again at a user that AWS's clock calls too young, and strangeLook
	// at one of which nothing proves that it is the record's.
	youngLook   = 10 * time.Minute
	strangeLook = time.Hour

	// DefaultLateWindow is how late AWS may perform a request that it never answered. It
	// refuses one that was signed more than 15 minutes ago (IAM User Guide, "Signature Version
	// 4: request signing"); the last attempt may begin a minute after the record was written,
	// and its clock and ours may differ.
	DefaultLateWindow = 20 * time.Minute
)

// facts are what a look at AWS, and a deletion, told about the user of a record.
type facts struct {
	deleted  bool             // AWS deleted the user just now
	absent   bool             // AWS says that there is no such user
	replaced bool             // AWS shows another user of that name: the record's is gone
	unproven error            // why a user of that name may be somebody else's
	young    error            // why its lease may live, by AWS's clock
	here     awscreds.Account // the account that AWS's words are about; zero where that is not known
	made     awscreds.Account // the account that the user was made in; zero where that is not known
}

// ending is what becomes of a record.
type ending int

const (
	endGone         ending = iota // the user is gone, and so is the record
	endAgain                      // look again at a time
	endNotOurs                    // the user stays, since nothing proves that it is the record's
	endOtherAccount               // nothing is known about the account that the user was made in
)

// verdict is what decide says.
type verdict struct {
	ending ending
	at     time.Time // when to look again, unless the user is gone
	why    error     // for who asked; nil where it is only too early to tell
}

// windows are how long what AWS says proves nothing.
type windows struct {
	lag  time.Duration // AWS may not show what it has made
	late time.Duration // AWS may perform what it has not answered
}

// decide says what becomes of a record: each line is a reason why it cannot go yet.
func decide(user string, r *Record, f facts, w windows, now time.Time) verdict {
	late := r.Issued.Add(w.late)
	switch {
	case !f.deleted && f.made.Known() && f.here.Known() && !f.made.Same(f.here):
		return verdict{endOtherAccount, now.Add(strangeLook), otherAccount(user, f.made, f.here)}
	case f.unproven != nil:
		return verdict{endNotOurs, now.Add(strangeLook), f.unproven}
	case f.young != nil:
		return verdict{endAgain, now.Add(youngLook), f.young}
	case f.absent && now.Sub(r.Issued) < w.lag:
		return verdict{endAgain, time.Time{}, nil}
	case r.mayComeLate() && now.Before(late):
		return verdict{endAgain, late, nil}
	}
	return verdict{ending: endGone}
}

// mayComeLate reports whether AWS may perform an attempt of CreateUser after the user was
// deleted. Of a process that died nobody knows.
func (r *Record) mayComeLate() bool { return r.Unanswered || r.State == stateCreating }

// end ends the user of a record, as far as AWS lets it, and says what the record becomes. An
// error says that nothing is known: the record stays.
func (u *Users) end(ctx context.Context, s logical.Storage, user string, r *Record) (verdict, error) {
	u.gone(user)
	if err := u.ProveLeader(ctx, s); err != nil && !u.Vault.Tainted() { // nobody else has a mount that is being disabled
		return verdict{}, err
	}
	client, by, err := u.reach(ctx, s, r.AssumeRole, r.Role)
	if err != nil {
		return verdict{}, fmt.Errorf("deleting IAM user %s: %w", user, err)
	}
	if by != r.AssumeRole {
		reached := *r
		reached.AssumeRole, r = by, &reached
	}
	f := facts{here: client.KnownAccount()}
	if !r.provenByName() && !f.here.Known() { // in another account, another user may have the name
		if f.here, err = client.FindAccount(ctx); err != nil {
			return verdict{}, fmt.Errorf("deleting IAM user %s: %w", user, err)
		}
	}
	if f.made, err = u.madeIn(ctx, s, r, f.here); err != nil {
		return verdict{}, err
	}
	if f.made.Known() && f.here.Known() && !f.made.SameNumber(f.here) {
		return decide(user, r, f, windows{u.LagWindow, u.o.LateWindow}, u.Now()), nil // that account's users are none of ours
	}
	if err := u.look(ctx, s, client, user, r, &f); err != nil {
		return verdict{}, err
	}
	if f.unproven == nil && f.young == nil && !f.absent && !f.replaced {
		existed, err := u.deleteUser(ctx, s, client, user, r)
		if err != nil {
			return verdict{}, err
		}
		f.deleted, f.absent = existed, !existed
	}
	if f.absent || f.replaced {
		if err := u.confirmAbsence(ctx, s, client, user, r, &f); err != nil {
			return verdict{}, err
		}
	}
	return decide(user, r, f, windows{u.LagWindow, u.o.LateWindow}, u.Now()), nil
}

// confirmAbsence asks before AWS's word is believed that there is no such user: whether its
// holder has given it another name, and whose account these words are about.
func (u *Users) confirmAbsence(ctx context.Context, s logical.Storage, c *awscreds.Client, user string, r *Record, f *facts) error {
	name, err := nameNow(ctx, c, user, r)
	if err != nil {
		return err
	}
	if name != "" {
		u.Log.Warn("an IAM user was renamed by its holder; it is deleted anyway", "iam_user", user, "name_now", name)
		existed, err := u.deleteUser(ctx, s, c, name, r)
		f.deleted, f.absent = existed, !existed
		return err
	}
	return u.whoseWord(ctx, s, c, user, r, f)
}

// nameNow is the name that the holder of a user has given it; empty where it has not. An access
// key is one user's for ever.
func nameNow(ctx context.Context, c *awscreds.Client, user string, r *Record) (string, error) {
	if r.AccessKeyID == "" {
		return "", nil
	}
	name, _, _, err := c.KeyUser(ctx, r.AccessKeyID)
	switch {
	case err != nil && !awscreds.IsUnanswerable(err):
		return "", fmt.Errorf("asking whose %s is, since AWS knows no IAM user %s: %w", r.AccessKeyID, user, err)
	case err == nil && !strings.EqualFold(name, user):
		return name, nil
	}
	return "", nil // it has not, or AWS does not tell
}

// settle ends the user of a record and does with the record what follows. gone is false
// where the record stays, and why says the reason to who asked for the end.
func (u *Users) settle(ctx context.Context, s logical.Storage, user string, r *Record) (gone bool, why error) {
	v, err := u.end(ctx, s, user, r)
	if err != nil {
		return false, err
	}
	if v.ending != endGone {
		u.index.lookAt(user, v.at)
		return false, v.why
	}
	return true, u.dropRecord(ctx, s, user, r.pending())
}

// endLater writes down that a user is to go: somebody asked for its end, and AWS did not do
// it, or did not show the user. It is never taken back.
func (u *Users) endLater(ctx context.Context, s logical.Storage, user string, r *Record, look time.Time) error {
	if r.Ending.IsZero() {
		now := u.Now().UTC()
		r.Ending = now
		if r.Written.IsZero() {
			r.prolong(now, now, u.Term())
		}
		if err := u.saveRecord(ctx, s, user, r); err != nil && !errors.Is(err, logical.ErrReadOnly) {
			return err // a secondary's records are the primary's to write
		}
	}
	if !look.IsZero() {
		u.index.lookAt(user, look)
	}
	return nil
}
