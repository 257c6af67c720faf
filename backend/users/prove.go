// SPDX-License-Identifier: MPL-2.0

package users

// What proves that an IAM user which AWS shows is the one of a record.

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/engine"
	"vault-plugin-secrets-aws-dyn/internal/awscreds"
)

// look asks AWS about the user where its name alone does not prove that it is the record's,
// or where its lease may live: then AWS's clock has to say that it is over.
func (u *Users) look(ctx context.Context, s logical.Storage, c *awscreds.Client, user string, r *Record, f *facts) error {
	mayLive := r.Ending.IsZero() && r.State == stateIssued
	if r.provenByName() && !mayLive {
		return nil
	}
	found, err := c.LookUp(ctx, user)
	switch {
	case awscreds.IsNotFound(err):
		f.absent = true
		return nil
	case err != nil && !awscreds.IsRefused(err):
		return fmt.Errorf("deleting IAM user %s: %w", user, err)
	case err != nil && r.provenByName():
		return nil // without iam:GetUser our own clock has to do
	case err != nil:
		return u.proveByKey(ctx, s, c, user, r, "", f, &unprovenError{user, "its name does not prove that it is the engine's, and AWS does not let the engine look (iam:GetUser)", err})
	case r.UserID != "" && found.ID != r.UserID:
		f.replaced = true
		return nil
	}
	if mayLive && found.Age < r.life() {
		f.young = &awscreds.TooYoungError{Name: user, Age: found.Age, Least: r.life()}
	}
	return u.prove(ctx, s, c, user, r, found, f)
}

// prove looks for a proof that a user which AWS shows is the record's.
func (u *Users) prove(ctx context.Context, s logical.Storage, c *awscreds.Client, user string, r *Record, found *awscreds.FoundUser, f *facts) error {
	if r.provenByName() || r.UserID != "" { // the same, as look has seen
		return nil
	}
	ours, err := u.own.proven(ctx, s, user, found.Tags)
	if err != nil || ours && r.wrote(found.Tags) {
		return err
	}
	if r.firstEdition() && r.AccessKeyID == "" && !u.own.taggedByAnother(found.Tags) && r.asOldAs(found, u.Age(r.Issued), u.o.LateWindow) {
		return nil // all that the record lets anybody tell
	}
	if f.young == nil {
		err = u.proveByKey(ctx, s, c, user, r, found.ID, f, &unprovenError{user, "nothing proves that it is the one that the engine made, and somebody else may have made it", nil})
	}
	return err
}

// asOldAs reports whether a user that AWS shows is as old as the record.
func (r *Record) asOldAs(found *awscreds.FoundUser, age, late time.Duration) bool {
	return found.Age-clockSlack <= age && !isMadeAnew(found, age, late)
}

// isMadeAnew reports whether a user that AWS shows is younger than the one of that age that the engine made.
func isMadeAnew(found *awscreds.FoundUser, age, late time.Duration) bool {
	return found.Age+clockSlack+late < age
}

// proveByKey asks AWS whose the access key of the record is. Where it does not tell, the key is
// taken away: AWS does that only where the user has it, who then is the record's. That proves it
// once; so id, which is AWS's of the user, is written down before the deletion, which may fail.
func (u *Users) proveByKey(ctx context.Context, s logical.Storage, c *awscreds.Client, user string, r *Record, id string, f *facts, otherwise error) error {
	if r.AccessKeyID == "" {
		f.unproven = otherwise
		return nil
	}
	ours, err := keyIsOf(ctx, c, user, r.AccessKeyID)
	switch {
	case err != nil && !awscreds.IsRefused(err):
		return err
	case err != nil:
		f.unproven = errors.Join(otherwise, err)
		return nil
	case !ours:
		f.unproven = otherwise
		return nil
	case id == "":
		return nil
	}
	proven := *r
	proven.UserID = id
	if proven.Ending.IsZero() {
		proven.Ending = u.Now().UTC()
	}
	return engine.IgnoreReadOnly(u.saveRecord(ctx, s, user, &proven))
}

// unprovenError says that a user stays because it may be somebody else's.
type unprovenError struct {
	user, why string
	err       error
}

func (e *unprovenError) Error() string {
	text := fmt.Sprintf("IAM user %s is left alone: %s; delete it in AWS if it is the engine's, or else write issued/%s/forget to drop the record", e.user, e.why, e.user)
	if e.err != nil {
		text += ": " + e.err.Error()
	}
	return text
}

func (e *unprovenError) Unwrap() error { return e.err }
