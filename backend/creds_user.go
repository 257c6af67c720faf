// SPDX-License-Identifier: MPL-2.0

package backend

// A role and a request become a credential with a lease. One function for each
// type of credential; none of them reads fields or chooses status codes.

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/engine"
	"vault-plugin-secrets-aws-dyn/backend/roles"
	"vault-plugin-secrets-aws-dyn/backend/users"
	"vault-plugin-secrets-aws-dyn/internal/awscreds"
)

// order is what a request asks for.
type order struct {
	role        string
	displayName string
	entityID    string
	accessor    string // of the caller's token
	mountPoint  string
	asked       engine.Asked
	moment      *engine.Moment // of its making; nil before that begins
	path        string         // where it is asked: creds, sts, sdk, console
	ttl         time.Duration
	sts         bool   // asked at sts/ or sdk/, not at creds/
	sdk         bool   // asked at sdk/: by an AWS SDK, which gets no lease
	roleARN     string // which of the role's role_arns to assume
	sessionName string
	tags        map[string]string // of the session, beside the role's
	mfaCode     string
	console     *link  // asked at console/: a link in place of the keys
	registered  bool   // a session gets a record
	handout     string // ID of the lease among those that share what is made; empty where nothing is shared
}

// ask is what of the order changes its role.
func (o order) ask() roles.Request {
	return roles.Request{Role: o.role, EntityID: o.entityID, SessionName: o.sessionName, Tags: o.tags}
}

// issue gives the credential that an order asks of a role: the one that this caller has been given
// before, where the role shares, or a new one.
func (i *issuer) issue(ctx context.Context, s logical.Storage, r *roles.Role, o order) (*logical.Response, error) {
	if key, shares := o.shareKey(r); shares {
		return i.issueShared(ctx, s, r, o, key)
	}
	return i.issueNew(ctx, s, r, o)
}

// issueNew makes a credential, and tells how that went.
func (i *issuer) issueNew(ctx context.Context, s logical.Storage, r *roles.Role, o order) (*logical.Response, error) {
	credentialType, err := o.typeOf(r)
	if err != nil {
		return nil, err
	}
	ctx, o.moment = i.CredsMoment(ctx, o.asked, o.role, credentialType)
	resp, err := i.issueType(ctx, s, r, o, credentialType)
	if err != nil {
		o.moment.NotIssued(err)
		return nil, err
	}
	o.moment.Issued(issuedText(credentialType), resp)
	return resp, nil
}

// issueType makes a credential of a type.
func (i *issuer) issueType(ctx context.Context, s logical.Storage, r *roles.Role, o order, credentialType string) (session *logical.Response, err error) {
	if o.console != nil {
		if err := opensConsole(credentialType, o.role); err != nil {
			return nil, err
		}
	}
	if err := o.forSDK(r, credentialType); err != nil {
		return nil, err
	}
	if r.AssumeRoleARN != "" && (credentialType == roles.FederationToken || credentialType == roles.SessionToken) {
		return nil, engine.UserErrorf("assume_role_arn: is not supported by credential_type %s, whose sessions come from the account of config/root; "+
			"write role %q again without it, or as %s or %s", credentialType, o.role, roles.IAMUser, roles.AssumedRole)
	}
	if credentialType == roles.IAMUser {
		return i.issueUser(ctx, s, r, o)
	}
	if o.registered, err = i.registers(ctx, s, r, o); err != nil {
		return nil, err
	}
	switch credentialType {
	case roles.AssumedRole:
		session, err = i.issueRoleSession(ctx, s, r, o)
	case roles.FederationToken:
		session, err = i.issueFederatedUser(ctx, s, r, o)
	case roles.SessionToken:
		session, err = i.issueOwnSession(ctx, s, r, o)
	default:
		err = engine.UserErrorf("role %q has the credential_type %q, which cannot be issued; use %s", o.role, credentialType, strings.Join(roles.Types, ", "))
	}
	if err == nil {
		o.moment.Made(session)
	}
	if err == nil && o.console != nil {
		session, err = i.linkTo(ctx, s, r, o, credentialType, session)
	}
	if err == nil {
		err = i.stillEnabled(ctx, s, o.role)
	}
	if err == nil && o.registered {
		err = i.register(ctx, s, o, credentialType, session)
	}
	if err != nil {
		return nil, err
	}
	return session, nil
}

// stillEnabled reports that a role was switched off while a request was under way. One that
// was deleted meanwhile had allowed the request.
func (i *issuer) stillEnabled(ctx context.Context, s logical.Storage, name string) error {
	r, err := i.roles.Get(ctx, s, name)
	if err != nil || r == nil {
		return err
	}
	return r.Refusal("roles/" + name)
}

// typeOf picks the credential type. A role that was written in the deprecated form
// issues users at creds/ and sessions at sts/, and nothing else; others issue their
// one type at both.
func (o order) typeOf(r *roles.Role) (string, error) {
	if r.InvalidData != "" || len(r.CredentialTypes) == 0 {
		return "", engine.UserErrorf("role %q holds data that cannot be read; write the role again", o.role)
	}
	credentialType := r.CredentialTypes[0]
	if len(r.CredentialTypes) > 1 {
		credentialType = roles.IAMUser
		if o.sts {
			credentialType = roles.FederationToken
		}
	}
	if r.ProhibitFlexibleCredPath && o.sts == (credentialType == roles.IAMUser) {
		right := "sts"
		if credentialType == roles.IAMUser {
			right = "creds"
		}
		return "", engine.UserErrorf("role %q was written in a deprecated form and issues %s; read it at %s/%s, or write it again with a credential_type", o.role, credentialType, right, o.role)
	}
	return credentialType, nil
}

// nameDraws is how many names a request draws from a template with a random part, as long as those before are taken.
const nameDraws = 4

// issueUser makes an IAM user. A name that somebody has already is nobody's mistake where the template can make another.
func (i *issuer) issueUser(ctx context.Context, s logical.Storage, r *roles.Role, o order) (*logical.Response, error) {
	if !i.WritableNow() {
		return nil, logical.ErrReadOnly // Vault passes the request on to the server that may
	}
	client, err := i.AWSAs(ctx, s, r.Way())
	if err != nil {
		return nil, err
	}
	set, err := i.settings(ctx, s)
	if err != nil {
		return nil, err
	}
	for draw := 1; ; draw++ {
		resp, err := i.issueNamed(ctx, r, &creation{issuer: i, storage: s, client: client, settings: set, order: o})
		switch {
		case err == nil || !users.IsTaken(err) || set.usernames.Repeats || ctx.Err() != nil:
			return resp, err
		case draw == nameDraws:
			return nil, fmt.Errorf("%w; username_template made %d names that are taken, so give it more random characters, such as {{random 20}}", err, draw)
		}
	}
}

// issueNamed makes an IAM user of a new name. Everything that can fail without AWS is done first. Storage
// has the record of the user before AWS hears of its name, and who holds it before Vault
// does; no write waits for AWS's last answer.
func (i *issuer) issueNamed(ctx context.Context, r *roles.Role, c *creation) (*logical.Response, error) {
	name, random, err := c.settings.usernames.User(c.order.displayName, c.order.role)
	if err != nil {
		return nil, engine.UserErrorf("%w", err)
	}
	c.name, c.began = name, i.Now().UTC()
	c.describe(r, random)
	defer c.asking.Wait()
	c.askBounds()
	if c.latest, err = c.Begin(ctx, r.MaxUsers, c.settings.users.MaxUsers); err != nil {
		return nil, err
	}
	return c.finish(ctx, r)
}

// keyResponse makes the response that gives a key and its lease to Vault.
func (i *issuer) keyResponse(l *lease, key awscreds.Key, bounds *leaseConfig) (*logical.Response, error) {
	internal, err := l.internal()
	if err != nil {
		return nil, err
	}
	resp := i.secret.Response(map[string]any{
		"access_key": key.ID,
		"secret_key": key.Secret,
		// Empty, so that one script serves users and sessions: vault read -field fails on null, and
		// some clients write the word "null". AWS's SDKs take an empty token for none.
		"session_token":  "",
		"security_token": "",
	}, internal)
	resp.Secret.TTL, resp.Secret.MaxTTL = i.leaseTTLs(l, bounds)
	return resp, nil
}
