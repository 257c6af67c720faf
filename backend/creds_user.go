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

	"vault-plugin-secrets-aws-dyn/backend/awsrules"
	"vault-plugin-secrets-aws-dyn/backend/engine"
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

// issue gives the credential that an order asks of a role: the one that this caller has been given
// before, where the role shares, or a new one.
func (b *backend) issue(ctx context.Context, s logical.Storage, r *role, o order) (*logical.Response, error) {
	if key, shares := r.shareKey(o); shares {
		return b.issueShared(ctx, s, r, o, key)
	}
	return b.issueNew(ctx, s, r, o)
}

// issueNew makes a credential, and tells how that went.
func (b *backend) issueNew(ctx context.Context, s logical.Storage, r *role, o order) (*logical.Response, error) {
	credentialType, err := r.typeFor(o)
	if err != nil {
		return nil, err
	}
	ctx, o.moment = b.CredsMoment(ctx, o.asked, o.role, credentialType)
	resp, err := b.issueType(ctx, s, r, o, credentialType)
	if err != nil {
		o.moment.NotIssued(err)
		return nil, err
	}
	o.moment.Issued(issuedText(credentialType), resp)
	return resp, nil
}

// issueType makes a credential of a type.
func (b *backend) issueType(ctx context.Context, s logical.Storage, r *role, o order, credentialType string) (session *logical.Response, err error) {
	if o.console != nil {
		if err := opensConsole(credentialType, o.role); err != nil {
			return nil, err
		}
	}
	if err := r.forSDK(credentialType, o); err != nil {
		return nil, err
	}
	if r.AssumeRoleARN != "" && (credentialType == federationToken || credentialType == sessionToken) {
		return nil, engine.UserErrorf("assume_role_arn: is not supported by credential_type %s, whose sessions come from the account of config/root; "+
			"write role %q again without it, or as %s or %s", credentialType, o.role, iamUser, assumedRole)
	}
	if credentialType == iamUser {
		return b.issueUser(ctx, s, r, o)
	}
	if o.registered, err = b.registers(ctx, s, r, o); err != nil {
		return nil, err
	}
	switch credentialType {
	case assumedRole:
		session, err = b.issueRoleSession(ctx, s, r, o)
	case federationToken:
		session, err = b.issueFederatedUser(ctx, s, r, o)
	case sessionToken:
		session, err = b.issueOwnSession(ctx, s, r, o)
	default:
		err = engine.UserErrorf("role %q has the credential_type %q, which cannot be issued; use %s", o.role, credentialType, strings.Join(credentialTypes, ", "))
	}
	if err == nil {
		o.moment.Made(session)
	}
	if err == nil && o.console != nil {
		session, err = b.linkTo(ctx, s, r, o, credentialType, session)
	}
	if err == nil {
		err = b.stillEnabled(ctx, s, o.role)
	}
	if err == nil && o.registered {
		err = b.register(ctx, s, o, credentialType, session)
	}
	if err != nil {
		return nil, err
	}
	return session, nil
}

// stillEnabled reports that a role was switched off while a request was under way. One that
// was deleted meanwhile had allowed the request.
func (b *backend) stillEnabled(ctx context.Context, s logical.Storage, name string) error {
	r, err := b.roleNow(ctx, s, name)
	if err != nil || r == nil {
		return err
	}
	return r.Refusal("roles/" + name)
}

// explained adds to AWS's refusal of a policy what is wrong with the role's own: AWS says
// little more than that. A role that the built-in engine stored may hold such a policy.
func (r *role) explained(err error) error {
	if !awscreds.IsMalformedPolicy(err) || r.PolicyDocument == "" {
		return err
	}
	if _, mistake := awsrules.ParsePolicy(r.PolicyDocument); mistake != nil {
		return fmt.Errorf("%w; policy_document of the role: %s", err, mistake.Error())
	}
	return err
}

// typeFor picks the credential type. A role that was written in the deprecated form
// issues users at creds/ and sessions at sts/, and nothing else; others issue their
// one type at both.
func (r *role) typeFor(o order) (string, error) {
	if r.InvalidData != "" || len(r.CredentialTypes) == 0 {
		return "", engine.UserErrorf("role %q holds data that cannot be read; write the role again", o.role)
	}
	credentialType := r.CredentialTypes[0]
	if len(r.CredentialTypes) > 1 {
		credentialType = iamUser
		if o.sts {
			credentialType = federationToken
		}
	}
	if r.ProhibitFlexibleCredPath && o.sts == (credentialType == iamUser) {
		right := "sts"
		if credentialType == iamUser {
			right = "creds"
		}
		return "", engine.UserErrorf("role %q was written in a deprecated form and issues %s; read it at %s/%s, or write it again with a credential_type", o.role, credentialType, right, o.role)
	}
	return credentialType, nil
}

// nameDraws is how many names a request draws from a template with a random part, as long as those before are taken.
const nameDraws = 4

// issueUser makes an IAM user. A name that somebody has already is nobody's mistake where the template can make another.
func (b *backend) issueUser(ctx context.Context, s logical.Storage, r *role, o order) (*logical.Response, error) {
	if !b.WritableNow() {
		return nil, logical.ErrReadOnly // Vault passes the request on to the server that may
	}
	client, err := b.AWSAs(ctx, s, r.assumeRole())
	if err != nil {
		return nil, err
	}
	set, err := b.settings(ctx, s)
	if err != nil {
		return nil, err
	}
	for draw := 1; ; draw++ {
		resp, err := b.issueNamed(ctx, r, &creation{b: b, storage: s, client: client, settings: set, order: o})
		switch {
		case err == nil || !isTaken(err) || set.usernames.Repeats || ctx.Err() != nil:
			return resp, err
		case draw == nameDraws:
			return nil, fmt.Errorf("%w; username_template made %d names that are taken, so give it more random characters, such as {{random 20}}", err, draw)
		}
	}
}

// issueNamed makes an IAM user of a new name. Everything that can fail without AWS is done first. Storage
// has the record of the user before AWS hears of its name, and who holds it before Vault
// does; no write waits for AWS's last answer.
func (b *backend) issueNamed(ctx context.Context, r *role, c *creation) (*logical.Response, error) {
	name, random, err := c.settings.usernames.User(c.order.displayName, c.order.role)
	if err != nil {
		return nil, engine.UserErrorf("%w", err)
	}
	c.name, c.began = name, b.Now().UTC()
	c.describe(r, random)
	defer c.asking.Wait()
	c.askBounds()
	if err := c.begin(ctx, r); err != nil {
		return nil, err
	}
	return c.finish(ctx, r)
}

// admit keeps to the caps on IAM users, and to one user of a name.
func (b *backend) admit(ctx context.Context, s logical.Storage, c *creation, r *role) error {
	most := c.settings.users.MaxUsers
	named := c.record.provenByName() // nobody has the name
	if r.MaxUsers > 0 || most > 0 || !named {
		if err := b.known(ctx, s); err != nil {
			return err
		}
	}
	if !named {
		taken, err := b.nameInWAL(ctx, s, c.name)
		if err != nil {
			return err
		}
		if taken {
			return nameTaken(c.name, time.Time{})
		}
	}
	home := ""
	if most > 0 {
		home = b.homeAmong(ctx, s, c.record.AssumeRole)
	}
	return b.index.admit(c.name, indexEntry{role: c.order.role, issued: c.began, by: c.record.AssumeRole.Interned()}, r.MaxUsers, most, home)
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

// isTaken reports whether a user was not made because its name is taken, here or in AWS.
func isTaken(err error) bool {
	var here *takenError
	var never *awscreds.NotCreatedError
	return errors.As(err, &here) || errors.As(err, &never) && never.NameTaken()
}

// keyResponse makes the response that gives a key and its lease to Vault.
func (b *backend) keyResponse(l *lease, key awscreds.Key, bounds *leaseConfig) (*logical.Response, error) {
	internal, err := l.internal()
	if err != nil {
		return nil, err
	}
	resp := b.Secret(secretType).Response(map[string]any{
		"access_key": key.ID,
		"secret_key": key.Secret,
		// Empty, so that one script serves users and sessions: vault read -field fails on null, and
		// some clients write the word "null". AWS's SDKs take an empty token for none.
		"session_token":  "",
		"security_token": "",
	}, internal)
	resp.Secret.TTL, resp.Secret.MaxTTL = b.leaseTTLs(l, bounds)
	return resp, nil
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
