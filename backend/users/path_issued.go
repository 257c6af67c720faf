// SPDX-License-Identifier: MPL-2.0

package users

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/vault/sdk/framework"
	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/awsrules"
	"vault-plugin-secrets-aws-dyn/backend/engine"
	"vault-plugin-secrets-aws-dyn/internal/awscreds"
)

func (u *Users) pathIssued() *framework.Path {
	return &framework.Path{
		Pattern:      "issued/(?P<username>[^/]+)",
		DisplayAttrs: engine.Operation("", "issued-user"),
		Fields:       map[string]*framework.FieldSchema{"username": issuedUserFields()["username"], "last_used": engine.LastUsedField()},
		Operations: map[logical.Operation]framework.OperationHandler{
			logical.ReadOperation:   engine.Gives(u.Read("Read who holds an issued IAM user or session, and until when.", u.readIssued), issuedAnswer()),
			logical.DeleteOperation: u.Write("Delete an issued IAM user from AWS, or revoke a session.", u.deleteIssuedUser),
		},
		HelpSynopsis: "One issued IAM user or session.",
		HelpDescription: `
A read shows who holds the IAM user, and how long at most. A delete removes the user from
AWS at once, with everything that it owns, even if it has a lease: use it when a key has
leaked, or when the lease was dropped by "vault lease revoke -force". From then on a lease
of the user cannot be renewed, even if AWS has not deleted the user yet. A user without a
record is not deleted: a warning says so.

If config/users registers sessions, the name of a session is the ID of its access key. A
delete revokes it, within minutes, if its role has revoke_sessions.
`,
	}
}

func (u *Users) pathForget() *framework.Path {
	return &framework.Path{
		Pattern:      "issued/(?P<username>[^/]+)/forget",
		DisplayAttrs: engine.Operation("forget", "issued-user"),
		Fields:       issuedUserFields(),
		Operations: map[logical.Operation]framework.OperationHandler{
			logical.UpdateOperation: u.Write("Drop the record of an IAM user without asking AWS.", u.forgetIssuedUser),
		},
		HelpSynopsis: "Drop the record of an IAM user whose account is closed.",
		HelpDescription: `
A record stays until AWS says that its IAM user is gone from the account that it was made
in. If that account is closed and cannot be asked any more, this drops the record without
calling AWS. If the user still exists, its access key keeps working: Vault's log names it.
A lease of the user can no longer be renewed; when it ends, the engine still tries to
delete the user. To delete a user now, delete issued/<username> instead.
`,
	}
}

func issuedUserFields() map[string]*framework.FieldSchema {
	return map[string]*framework.FieldSchema{
		"username": {
			Type:        framework.TypeString,
			Description: "Name of the IAM user.",
		},
	}
}

func (u *Users) readIssued(ctx context.Context, req *logical.Request, d *framework.FieldData) (*logical.Response, error) {
	user := d.Get("username").(string)
	r, err := load(ctx, req.Storage, user)
	if err != nil {
		return nil, err
	}
	var info map[string]any
	if r == nil {
		if info, err = u.o.Sessions.Read(ctx, req.Storage, user); err != nil || info == nil {
			return nil, err
		}
		return &logical.Response{Data: info}, nil
	}
	info = r.response(user, u.unconfirmed(r))
	return &logical.Response{Data: info}, u.addUse(ctx, req.Storage, d, r, info)
}

func (u *Users) deleteIssuedUser(ctx context.Context, req *logical.Request, d *framework.FieldData) (*logical.Response, error) {
	user := d.Get("username").(string)
	ctx, unlock, err := u.Locks.Lock(ctx, engine.LockRecord(user))
	if err != nil {
		return nil, err
	}
	defer unlock()
	r, err := u.recordFor(ctx, req.Storage, user)
	if engine.IsUnreadable(err) {
		r, err = u.unreadable(ctx, req.Storage, user)
	}
	if err != nil {
		return nil, err
	}
	if r == nil {
		if known, err := u.o.Sessions.Revoke(ctx, req.Storage, user); known || err != nil {
			return nil, err
		}
		return engine.Warned([]string{fmt.Sprintf("there is no record of an IAM user or a session %q, so nothing was deleted", awsrules.Abridged(user))}), nil
	}
	if err := u.endLater(ctx, req.Storage, user, r, time.Time{}); err != nil {
		return nil, err
	}
	ctx, moment := r.moment(ctx, u.Mount, user, engine.AskedBy(req))
	gone, err := u.settle(ctx, req.Storage, user, r)
	u.o.Ended(user, err)
	var elsewhere *engine.OtherAccountError
	var unproven *unprovenError
	switch {
	case gone:
		moment.Tell(engine.CredsDeleted, engine.Line{Level: hclog.Info, Text: "deleted an IAM user on request"})
		return nil, err
	case errors.As(err, &unproven): // it is of no use to ask again as things are
		return nil, engine.UserErrorf("%v", awscreds.Explained(err))
	case errors.As(err, &elsewhere):
		return nil, fmt.Errorf("%w; the lease of the user can no longer be renewed", err)
	case err != nil:
		return nil, fmt.Errorf("%w; the engine keeps trying to delete IAM user %s", err, user)
	}
	return engine.Warned([]string{"AWS has no IAM user " + user + " now; its record stays for some minutes, in case AWS does not show the user yet or makes it late: the engine checks again later"}), nil
}

// unreadable stands for a record that nobody can read: of any age, and in the account that has such a user. What the record
// knew of it is lost, so the user's own name or tags have to prove whose it is.
func (u *Users) unreadable(ctx context.Context, s logical.Storage, user string) (*Record, error) {
	r := &Record{Random: enoughRandom}
	named := awsrules.RandomIn(user) >= enoughRandom
	ways, err := u.ways(ctx, s)
	if err != nil || named && len(ways) == 0 {
		return r, err
	}
	var namesakes []engine.AssumeRole // of whom no tag tells
	asked := map[string]bool{}
	for _, way := range append(ways, engine.AssumeRole{}) {
		if asked[way.Account()] {
			continue
		}
		asked[way.Account()] = true
		found, by, err := u.found(ctx, s, user, way)
		if named && !way.IsSet() && awscreds.IsRefused(err) {
			continue // without iam:GetUser, go by the name
		}
		if err != nil {
			return nil, fmt.Errorf("looking for IAM user %s%s, since its record cannot be read: %w", user, inAccount(way), err)
		}
		if found == nil {
			continue
		}
		ours, err := u.own.proven(ctx, s, user, found.Tags)
		if err != nil {
			return nil, err
		}
		if ours {
			r.AssumeRole = by
			return r, nil
		}
		namesakes = append(namesakes, by)
	}
	switch {
	case len(namesakes) > 0 && !named:
		return nil, engine.UserErrorf("%w", &unprovenError{user, "its record cannot be read, and neither its name nor its tags prove that the engine made it", nil})
	case len(namesakes) > 0:
		r.AssumeRole = namesakes[0]
	}
	return r, nil
}

// found is a user as AWS shows it, in the account to which a way leads; nil where that has none.
func (u *Users) found(ctx context.Context, s logical.Storage, user string, way engine.AssumeRole) (found *awscreds.FoundUser, by engine.AssumeRole, err error) {
	client, by, err := u.reach(ctx, s, way, "")
	if err != nil {
		return nil, by, err
	}
	if found, err = client.ReadUser(ctx, user); awscreds.IsNotFound(err) {
		return nil, by, nil
	}
	return found, by, err
}

// inAccount names the account of a way; empty for the one of config/root.
func inAccount(way engine.AssumeRole) string {
	if !way.IsSet() {
		return ""
	}
	return " in AWS account " + way.Account()
}

func (u *Users) forgetIssuedUser(ctx context.Context, req *logical.Request, d *framework.FieldData) (*logical.Response, error) {
	user := d.Get("username").(string)
	ctx, unlock, err := u.Locks.Lock(ctx, engine.LockRecord(user))
	if err != nil {
		return nil, err
	}
	defer unlock()
	r, err := u.recordFor(ctx, req.Storage, user)
	if engine.IsUnreadable(err) {
		r, err = &Record{State: stateCreating}, nil
	}
	if err != nil {
		return nil, err
	}
	if r == nil {
		return nil, engine.UserErrorf("username: there is no record of an IAM user %q", user)
	}
	if err := u.dropRecord(ctx, req.Storage, user, r.pending()); err != nil {
		return nil, err
	}
	u.o.Ended(user, nil)
	u.Log.Warn("the record of an IAM user was dropped on request; if the user exists, nothing deletes it", "iam_user", user,
		"access_key", r.AccessKeyID, "account", r.Account.String(), "role", r.Role)
	key := cmp.Or(r.AccessKeyID, "(not known)")
	return engine.Warned([]string{"the record is gone; if the IAM user " + user + " exists in AWS, its access key " + key +
		" keeps working: delete the user in AWS. If it has a lease, that cannot be renewed, and its revocation still tries to delete the user"}), nil
}

// response is what a read shows.
func (r *Record) response(user string, unconfirmed bool) map[string]any {
	return map[string]any{
		"username":        user,
		"state":           r.stateName(),
		"leases":          r.leases(),
		"unconfirmed":     unconfirmed,
		"account":         r.Account.Number,
		"assume_role_arn": r.AssumeRole.AssumeRoleARN,
		"role":            r.Role,
		"access_key_id":   r.AccessKeyID,
		"display_name":    r.DisplayName,
		"entity_id":       r.EntityID,
		"issued":          engine.Stamp(r.Issued),
		"ends":            engine.Stamp(r.Ends),
		"ending_since":    engine.Stamp(r.Ending),
	}
}
