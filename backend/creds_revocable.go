// SPDX-License-Identifier: MPL-2.0

package backend

// Sessions that the mount registers, and those that can be revoked: what they need when they are
// made, and how they are revoked. backend/sessions does the work.

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/awsrules"
	"vault-plugin-secrets-aws-dyn/backend/engine"
	"vault-plugin-secrets-aws-dyn/backend/roles"
	"vault-plugin-secrets-aws-dyn/backend/sessions"
	"vault-plugin-secrets-aws-dyn/internal/awscreds"
)

// revocation is what revokes the session of a lease; it is empty where nothing does.
type revocation struct {
	Over          time.Time `json:"over,omitzero"` // when the session ends, by our clock
	ARN           string    `json:"arn,omitempty"`
	SessionUserID string    `json:"session_user_id,omitempty"` // what aws:userid is for it
	AWSRole       string    `json:"aws_role,omitempty"`        // that it is of
}

// registers reports whether the session of an order is to be registered. Where this server may not
// write, nothing has been done yet, and the request goes to the one that may.
func (i *issuer) registers(ctx context.Context, s logical.Storage, r *roles.Role, o order) (bool, error) {
	set, err := i.anySettings(ctx, s)
	switch {
	case err != nil:
		return false, err
	case set.users.RegisterSessions && !i.WritableNow():
		return false, logical.ErrReadOnly
	case o.sdk && r.RevokeSessions && !set.users.RegisterSessions:
		return false, engine.UserErrorf("name: role %q has revoke_sessions, and a session from this path has no lease by which it could be revoked; "+
			"set register_sessions at config/users, so that a delete of issued/<access key ID> revokes it, or read creds/%s", o.role, o.role)
	}
	return set.users.RegisterSessions, nil
}

// registersAny reports whether the mount registers sessions, for who only warns.
func (i *issuer) registersAny(ctx context.Context, s logical.Storage) bool {
	set, err := i.anySettings(ctx, s)
	return err != nil || set.users.RegisterSessions // whatever cannot be read is no reason for a warning
}

// register writes down who gets a session.
func (i *issuer) register(ctx context.Context, s logical.Storage, o order, credentialType string, resp *logical.Response) error {
	l, err := leaseOf(&logical.Request{Secret: resp.Secret})
	if err != nil {
		return err
	}
	return i.sessions.Register(ctx, s, l.AccessKeyID, &sessions.Session{
		Role: o.role, CredentialType: credentialType, Name: l.Username, ARN: l.ARN, DisplayName: o.displayName, EntityID: o.entityID,
		Issued: i.Now().UTC(), Ends: l.SessionEnds, Over: l.Over, UserID: l.SessionUserID, AWSRole: l.awsRole(),
	})
}

// uniqueName names a session that can be revoked: what denies a session by its name denies all that
// have the name.
func (i *issuer) uniqueName(ctx context.Context, s logical.Storage, r *roles.Role, o order) (string, error) {
	name, err := i.ownName(ctx, s, r, o, (*awsrules.NameTemplate).Session)
	if err != nil {
		return "", err
	}
	return awsrules.UniqueSessionName(name)
}

// keepRevocable has the lease of a session know what revokes it.
func (l *lease) keepRevocable(session awscreds.Session, client *awscreds.Client, r *roles.Role) error {
	if !r.RevokeSessions {
		return nil
	}
	l.SessionUserID, l.AWSRole = session.RoleSessionID, sessions.RoleOfSession(session.ARN)
	l.Account, l.AssumeRole = client.KnownAccount(), r.Way()
	if !sessions.CanDeny(l.SessionUserID) || l.AWSRole == "" || !l.Account.Known() {
		return engine.UserErrorf("revoke_sessions: AWS did not tell whose session it gave, as it does by AssumedRoleUser, so that nothing could revoke it; set revoke_sessions=false")
	}
	return nil
}

// awsRole is the AWS role that the session of a lease is of; the zero value where it cannot be
// revoked.
func (l *lease) awsRole() sessions.Role {
	return sessions.Role{Name: l.AWSRole, Account: l.Account, AssumeRole: l.AssumeRole}
}

// revokeSession ends the session of a lease before its time, if it can be revoked. A lease that ends by time calls nobody.
func (i *issuer) revokeSession(ctx context.Context, req *logical.Request, l *lease, moment *engine.Moment) error {
	if l.SessionUserID == "" || !i.Now().Before(l.Over) {
		moment.Lapsed()
		return nil
	}
	if err := i.sessions.Deny(awscreds.Enduring(ctx), req.Storage, l.awsRole(), l.SessionUserID, l.SessionEnds); err != nil {
		return fmt.Errorf("revoking the session %s: %w", l.Username, err)
	}
	moment.Revoked("revoked a session at the end of its lease", "session", l.Username, "aws_role", l.AWSRole)
	if !l.Registered {
		return nil
	}
	return engine.IgnoreReadOnly(i.sessions.Forget(ctx, req.Storage, l.AccessKeyID))
}

// awsRolesOf are the AWS roles whose sessions a role of the mount gives, or the one that a request names.
func (i *issuer) awsRolesOf(ctx context.Context, s logical.Storage, name, arn string) ([]sessions.Role, error) {
	if err := engine.CheckRoleName(name); err != nil {
		return nil, err
	}
	r, err := i.roles.Get(ctx, s, name)
	switch {
	case err != nil:
		return nil, err
	case r == nil:
		return nil, engine.UserErrorf("name: there is no role %q", name)
	case !r.Issues(roles.AssumedRole):
		return nil, engine.UserErrorf("name: role %q is of credential_type %s; only sessions of %s can be revoked", name, strings.Join(r.CredentialTypes, ","), roles.AssumedRole)
	}
	arns := r.RoleARNs
	if arn != "" || len(arns) == 0 || r.Patterns {
		asked := order{role: name, roleARN: arn}
		if arn, err = asked.pickARN(r, i.Place(ctx, s)); err != nil {
			return nil, err
		}
		arns = []string{arn}
	}
	client, err := i.AWSAs(ctx, s, r.Way())
	if err != nil {
		return nil, err
	}
	here, err := client.FindAccount(ctx)
	if err != nil {
		return nil, err
	}
	if arn, of := roles.Foreign(here, arns...); arn != "" {
		return nil, engine.UserErrorf("role_arn: %s is in AWS account %s, and the calls for role %q are made in %s, from where nobody can write the policy that ends its sessions; "+
			"write it to roles/<name>/revoke-sessions of a role whose assume_role_arn is of account %s, or revoke its sessions in the IAM console of that account", arn, of, name, here.Number, of)
	}
	roles := make([]sessions.Role, len(arns))
	for n, arn := range arns {
		roles[n] = sessions.Role{Name: arn[strings.LastIndex(arn, "/")+1:], Account: here, AssumeRole: r.Way()}
	}
	return roles, nil
}
