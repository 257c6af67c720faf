// SPDX-License-Identifier: MPL-2.0

package users

// The record of a user that a request is making, and what becomes of both when that fails.

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/engine"
	"vault-plugin-secrets-aws-dyn/internal/awscreds"
)

// cleanUpTime bounds the deletion of a user whose creation failed. It outlives the
// request, whose client may be gone.
const cleanUpTime = 60 * time.Second

// Making is an IAM user that a request is making.
type Making struct {
	Record *Record

	u        *Users
	storage  logical.Storage
	client   *awscreds.Client
	lease    *Lease
	recorded awscreds.Account // what the record said before AWS was asked
	held     bool             // storage may have the record as that of a lease
	look     time.Time        // when the sweep is to look at what this request has left
}

// Making returns what a request makes with a client: the user of a lease, for whom Vault calls displayName.
func (u *Users) Making(s logical.Storage, c *awscreds.Client, l *Lease, displayName string) *Making {
	l.Registered, l.Edition = true, secondEdition
	r := recordOf(l, l.Created)
	r.State = stateCreating
	r.DisplayName, r.EntityID = displayName, l.EntityID
	r.Term, r.MadeIn = u.Term(), u.Term()
	return &Making{Record: r, u: u, storage: s, client: c, lease: l}
}

// Begin takes the name and writes the record down, unless the name is taken or a cap is reached: of IAM
// users of the role, and of the account; 0 is none. No attempt to make the user may begin after latest, which
// is by the real time, as AWS goes by.
func (m *Making) Begin(ctx context.Context, ofRole, ofAccount int) (latest time.Time, err error) {
	if err := m.admit(ctx, ofRole, ofAccount); err != nil {
		return latest, err
	}
	begun := false
	defer func() {
		if !begun { // also where it panics
			m.u.index.release(m.lease.Username, m.u.Now())
		}
	}()
	if err := m.findAccount(ctx); err != nil {
		m.u.index.drop(m.lease.Username) // nobody has written anything
		return latest, err
	}
	latest = time.Now().Add(awscreds.CreateBegins) // counted from the record
	if err = m.u.storeRecord(ctx, m.storage, m.lease.Username, m.Record); err != nil {
		return latest, err // it may have been stored all the same
	}
	begun = true
	return latest, nil
}

// admit keeps to the caps on IAM users, and to one user of a name.
func (m *Making) admit(ctx context.Context, ofRole, ofAccount int) error {
	u, name, named := m.u, m.lease.Username, m.NameProves() // nobody has a name that proves its user
	if ofRole > 0 || ofAccount > 0 || !named {
		if err := u.Fill(ctx, m.storage); err != nil {
			return err
		}
	}
	if !named {
		taken, err := u.nameInWAL(ctx, m.storage, name)
		if err != nil {
			return err
		}
		if taken {
			return nameTaken(name, time.Time{})
		}
	}
	home := ""
	if ofAccount > 0 {
		home = u.homeAmong(ctx, m.storage, m.Record.AssumeRole)
	}
	now := u.Now().UTC() // after the wait for the records: from here on a heartbeat knows of the request
	m.lease.Created, m.Record.Issued = now, now
	return u.index.admit(name, entry{role: m.lease.Role, issued: m.lease.Created, by: m.Record.AssumeRole.Interned()}, ofRole, ofAccount, home)
}

// findAccount asks AWS which account this is, unless an answer has told: the first creation after
// a start does. A record without an account would later believe any to which config/root leads
// that it has no such user. Where AWS refuses to tell, there is no better.
func (m *Making) findAccount(ctx context.Context) error {
	account, err := m.client.FindAccount(ctx)
	var untold *awscreds.UntoldError
	if err != nil && (!errors.As(err, &untold) || !untold.Refused) {
		return fmt.Errorf("no IAM user was made, since AWS does not say in which account it would be: %w", err)
	}
	m.Record.Account, m.recorded = account, account
	return nil
}

// NameProves reports whether a user of the name can only be the one that is being made.
func (m *Making) NameProves() bool { return m.Record.provenByName() }

// Made takes what AWS has told of the user.
func (m *Making) Made(made awscreds.Created) {
	r, l := m.Record, m.lease
	r.AccessKeyID, l.AccessKeyID = made.Key.ID, made.Key.ID
	r.UserID, l.UserID = made.UserID, made.UserID
	r.Unanswered = made.Unanswered
	if known := m.client.KnownAccount(); known.Known() {
		r.Account, l.Account = known, known
	}
}

// Hold writes down that a lease has the user, and until when at most. waited is how long the engine itself
// may use the key.
func (m *Making) Hold(ctx context.Context, ends, now time.Time, waited time.Duration) error {
	m.Record.prolong(ends, now, m.u.Term())
	m.Record.Waited = waited
	if id := m.lease.Handout; id != "" {
		m.Record.Handouts = []handout{{id, ends}}
	}
	m.held = true
	held := *m.Record
	held.State = stateIssued
	return m.u.storeRecord(ctx, m.storage, m.lease.Username, &held)
}

// Issued has memory know that a lease has the user.
func (m *Making) Issued() {
	r := m.Record
	m.lease.Complete = len(r.Handouts) == 0 && r.provenByName() && !r.Unanswered && r.Account.Known()
	r.State = stateIssued
	m.u.index.put(m.lease.Username, m.u.entryOf(r))
}

// End says that no request stands behind the record any more. If it is still there, it is
// the sweep's now.
func (m *Making) End() { m.u.index.release(m.lease.Username, m.look) }

// Abandon cleans up after a creation that failed. The record goes only when the user is known
// not to exist.
func (m *Making) Abandon(ctx context.Context, cause error) (err error) {
	u, name := m.u, m.lease.Username
	defer u.Recover(&err)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanUpTime)
	defer cancel()
	var never *awscreds.NotCreatedError
	if errors.As(cause, &never) {
		if err := u.dropRecord(ctx, m.storage, name, false); err != nil {
			u.index.neverMade(name)
			u.Log.Warn("a record outlives its IAM user; the sweep will remove it", "iam_user", name, "error", err)
		}
		return nil
	}
	r := *m.Record
	if r.UserID != "" {
		r.State = stateIssued // CreateUser was answered: only Unanswered tells of late attempts
	}
	r.Ending = u.Now().UTC()
	v, err := u.end(ctx, m.storage, name, &r)
	switch {
	case err == nil && v.ending == endGone:
		err = u.dropRecord(ctx, m.storage, name, false) // the WAL has nothing of a request under way
	case m.held: // storage must not go on saying that a lease has it
		err = errors.Join(err, u.storeRecord(ctx, m.storage, name, &r))
	case m.Record.Account != m.recorded, !m.Record.provenByName() && m.Record.UserID != "": // AWS has told since where the user is, or who
		err = errors.Join(err, u.storeRecord(ctx, m.storage, name, m.Record))
	}
	m.look = v.at // AWS may not show the user yet, or make it late
	if err != nil {
		u.Log.Error("cleaning up after a failed creation; the sweep will go on", "iam_user", name, "error", err)
	}
	return err
}

// nameTaken refuses a second user of a name.
func nameTaken(name string, until time.Time) error {
	text := "until its deletion is certain"
	if !until.IsZero() {
		text = "until " + until.UTC().Format(time.RFC3339) + " at the latest"
	}
	return &takenError{engine.UserErrorf("username_template: the IAM user %q has a record already, %s (issued/%s): "+
		"revoke its lease, or add a random part such as {{random 20}} to username_template at config/root", name, text, name)}
}

// takenError says that there is a record of a name.
type takenError struct{ error }

// Unwrap returns what the caller is told.
func (e *takenError) Unwrap() error { return e.error }

// IsTaken reports whether a user was not made because its name is taken, here or in AWS.
func IsTaken(err error) bool {
	var here *takenError
	var never *awscreds.NotCreatedError
	return errors.As(err, &here) || errors.As(err, &never) && never.NameTaken()
}
