// SPDX-License-Identifier: MPL-2.0

package backend

// A role and a request become a credential with a lease. One function for each
// type of credential; none of them reads fields or chooses status codes.

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/engine"
	"vault-plugin-secrets-aws-dyn/internal/awscreds"
)

// cleanUpTime bounds the deletion of a user whose creation failed. It outlives the
// request, whose client may be gone.
const cleanUpTime = 60 * time.Second

// order is what a request asks for.
type order struct {
	role        string
	displayName string
	entityID    string
	mountPoint  string
	ttl         time.Duration
	sts         bool   // asked at sts/, not at creds/
	roleARN     string // which of the role's role_arns to assume
	sessionName string
	mfaCode     string
}

// issue makes the credential that an order asks of a role.
func (b *backend) issue(ctx context.Context, s logical.Storage, r *role, o order) (*logical.Response, error) {
	kind, err := r.kindFor(o)
	if err != nil {
		return nil, err
	}
	switch kind {
	case iamUser:
		return b.issueUser(ctx, s, r, o)
	case assumedRole:
		return b.issueRoleSession(ctx, s, r, o)
	case federationToken:
		return b.issueFederatedUser(ctx, s, r, o)
	case sessionToken:
		return b.issueOwnSession(ctx, s, r, o)
	}
	return nil, engine.UserErrorf("role %q has the credential_type %q, which cannot be issued; use %s", o.role, kind, strings.Join(credentialTypes, ", "))
}

// kindFor picks the credential type. A role that was written in the deprecated form
// issues users at creds/ and sessions at sts/, and nothing else; others issue their
// one type at both.
func (r *role) kindFor(o order) (string, error) {
	if r.InvalidData != "" || len(r.CredentialTypes) == 0 {
		return "", engine.UserErrorf("role %q holds data that cannot be read; write the role anew", o.role)
	}
	kind := r.CredentialTypes[0]
	if len(r.CredentialTypes) > 1 {
		kind = iamUser
		if o.sts {
			kind = federationToken
		}
	}
	if r.ProhibitFlexibleCredPath && o.sts == (kind == iamUser) {
		right := "sts"
		if kind == iamUser {
			right = "creds"
		}
		return "", engine.UserErrorf("role %q was written in a deprecated form and issues %s; read it at %s/%s, or write it anew with a credential_type", o.role, kind, right, o.role)
	}
	return kind, nil
}

// issueUser makes an IAM user. Everything that can fail without AWS is done first.
func (b *backend) issueUser(ctx context.Context, s logical.Storage, r *role, o order) (*logical.Response, error) {
	client, err := b.AWS(ctx, s)
	if err != nil {
		return nil, err
	}
	set, err := b.settings(ctx, s)
	if err != nil {
		return nil, err
	}
	name, err := set.usernames.User(o.displayName, o.role)
	if err != nil {
		return nil, engine.UserErrorf("%w", err)
	}
	if err := b.admit(ctx, s, set.users, r, name, o.role); err != nil {
		return nil, err
	}
	defer b.register.release(name)
	record, err := b.begin(ctx, s, name)
	if err != nil {
		return nil, err
	}
	defer record.end()

	began := b.Now().UTC()
	user := r.user(name, o.role)
	user.NameMayRepeat = set.usernames.Repeats
	user.OwnTags = b.ownTags(set.users, o, user, began)
	l := &lease{
		Username: name, Role: o.role, Created: began, Registered: true,
		PolicyARNs: user.PolicyARNs, InlinePolicy: user.InlinePolicy, Groups: user.Groups,
		RequestTTL: o.ttl, DefaultTTL: r.DefaultTTL, MaxTTL: r.MaxTTL,
	}
	user.KeyMade = func(ctx context.Context, key awscreds.Key) error {
		l.AccessKeyID = key.ID
		return b.enter(ctx, s, name, b.issuedTo(o, l, set.leases))
	}
	created, err := client.CreateUser(ctx, user)
	l.AccessKeyID = created.Key.ID
	if err == nil {
		err = ctx.Err() // nobody is there to take the key
	}
	var resp *logical.Response
	if err == nil {
		resp, err = b.hand(l, created.Key, set.leases)
	}
	if err == nil {
		err = record.forget(ctx) // else the rollback would end the user under its lease
	}
	if err != nil {
		return nil, b.abandon(ctx, client, record, l, set.usernames.Repeats, err)
	}
	b.tellUntagged(client, set)
	return resp, nil
}

// admit keeps to the caps on IAM users.
func (b *backend) admit(ctx context.Context, s logical.Storage, cfg *usersConfig, r *role, user, role string) error {
	if r.MaxUsers > 0 || cfg.MaxUsers > 0 {
		if err := b.known(ctx, s); err != nil {
			return err
		}
	}
	return b.register.admit(user, role, r.MaxUsers, cfg.MaxUsers)
}

// issuedTo is the record of a lease that begins now.
func (b *backend) issuedTo(o order, l *lease, bounds *leaseConfig) *issued {
	r := newIssued(l, l.Created)
	r.DisplayName, r.EntityID = o.displayName, o.entityID
	now := b.Now().UTC()
	r.prolong(lastMoment(b.Vault, l, bounds, now, now, 0), now)
	return r
}

// hand makes the response that gives a key and its lease to Vault.
func (b *backend) hand(l *lease, key awscreds.Key, bounds *leaseConfig) (*logical.Response, error) {
	internal, err := l.internal()
	if err != nil {
		return nil, err
	}
	resp := b.Secret(secretType).Response(map[string]any{
		"access_key":    key.ID,
		"secret_key":    key.Secret,
		"session_token": nil,
	}, internal)
	resp.Secret.TTL, resp.Secret.MaxTTL = l.ttls(bounds)
	return resp, nil
}

// abandon cleans up after a creation that failed, and returns why it failed. The
// record goes only when the user is known not to exist.
func (b *backend) abandon(ctx context.Context, client *awscreds.Client, record *record, l *lease, repeat bool, cause error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanUpTime)
	defer cancel()
	b.Log.Warn("creating an IAM user failed", "role", l.Role, "iam_user", l.Username, "error", cause)
	var never *awscreds.NotCreatedError
	if !errors.As(cause, &never) {
		existed, err := b.undo(ctx, client, l, repeat)
		if err != nil {
			b.Log.Error("cleaning up after a failed creation; the rollback will go on", "iam_user", l.Username, "error", err)
			return fmt.Errorf("%w; the IAM user %s may exist and will be deleted when AWS allows it", cause, l.Username)
		}
		if !existed {
			return cause // AWS may not show it yet: the record stays
		}
		if err := b.strike(ctx, record.storage, l.Username); err != nil {
			b.Log.Warn("an IAM user is gone and still stands in the register; the rollback will strike it off", "iam_user", l.Username, "error", err)
			return cause
		}
	}
	if err := record.forget(ctx); err != nil {
		b.Log.Warn("a record outlives its IAM user; the rollback will remove it", "iam_user", l.Username, "error", err)
	}
	return cause
}

// undo deletes the user of a creation that failed. A name that may be somebody
// else's is not enough for that: AWS has to say that the user is new.
func (b *backend) undo(ctx context.Context, client *awscreds.Client, l *lease, repeat bool) (existed bool, err error) {
	if repeat {
		return client.DeleteUserByName(ctx, l.Username, awscreds.Age{Most: b.Now().Sub(l.Created)}, true)
	}
	return client.DeleteUser(ctx, l.Username, l.owned())
}

// user is the IAM user that a role describes.
func (r *role) user(name, roleName string) awscreds.User {
	user := awscreds.User{
		Name:                name,
		Path:                r.UserPath,
		PermissionsBoundary: r.PermissionsBoundaryARN,
		Tags:                r.IAMTags,
		PolicyARNs:          r.PolicyARNs,
		Groups:              r.IAMGroups,
	}
	if r.PolicyDocument != "" {
		user.InlinePolicy, user.PolicyDocument = roleName, r.PolicyDocument
	}
	return user
}

// owned is what the user of a lease was given.
func (l *lease) owned() awscreds.Owned {
	return awscreds.Owned{
		AccessKeyID: l.AccessKeyID, PolicyARNs: l.PolicyARNs, InlinePolicy: l.InlinePolicy, Groups: l.Groups,
	}
}
