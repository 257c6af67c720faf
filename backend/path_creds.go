// SPDX-License-Identifier: MPL-2.0

package backend

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/vault/sdk/framework"
	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/awsrules"
	"vault-plugin-secrets-aws-dyn/backend/engine"
	"vault-plugin-secrets-aws-dyn/internal/awscreds"
)

func (b *backend) pathCreds() *framework.Path {
	return &framework.Path{
		Pattern:      "(creds|sts)/" + engine.RoleName,
		DisplayAttrs: engine.Operation("generate", ""),
		Fields: map[string]*framework.FieldSchema{
			"name": {
				Type:        framework.TypeString,
				Description: "Name of the role.",
			},
			"ttl": {
				Type:        framework.TypeDurationSecond,
				Query:       true,
				Description: "Lifetime of the credential, cut to the role's and the mount's bounds. Not given: the role's own, else config/lease's or the mount's for an IAM user, and 1h for a session.",
			},
			"role_arn": {
				Type:        framework.TypeString,
				Query:       true,
				Description: "ARN of the role to assume, for a role of the type assumed_role that has several.",
			},
			"role_session_name": {
				Type:        framework.TypeString,
				Query:       true,
				Description: "Name of the session, for a role of the type assumed_role with allow_session_name. Not given: the role's session_name, else made from username_template.",
			},
			"session_tags": {
				Type:        framework.TypeKVPairs,
				Query:       true,
				Description: "Tags of the session, in addition to those of the role, as a map or as key=value pairs. Only keys in the role's allowed_request_tags.",
			},
			"mfa_code": {
				Type:        framework.TypeString,
				Description: "Code that the MFA device shows, for a role of the type session_token with an mfa_serial_number.",
			},
		},
		Operations: map[logical.Operation]framework.OperationHandler{
			logical.ReadOperation:   b.generate("credentials|sts-credentials"),
			logical.UpdateOperation: b.generate("credentials-with-parameters|sts-credentials-with-parameters"),
		},
		HelpSynopsis: "Make AWS credentials of a role.",
		HelpDescription: `
Each read of creds/<name> makes a new credential of the role's type, unless the
role has share_for: then the same caller gets the same one for that long. An IAM
user is deleted when its last lease ends or is revoked. A session of STS, of the types
assumed_role, federation_token and session_token, ends by itself; its lease cannot
be renewed, and revoking it takes nothing back, unless it is one of an assumed role and
the role has revoke_sessions. sts/<name> is the same path under the name that some
clients expect for sessions.

AWS takes some seconds until a new key of an IAM user is accepted everywhere. If
the first call is answered InvalidClientTokenId, try it again; or set
wait_until_usable at the role, and the request waits for it.
`,
	}
}

// credsFields is what an answer may hold.
func credsFields() map[string]*framework.FieldSchema {
	return map[string]*framework.FieldSchema{
		"access_key":     {Type: framework.TypeString, Description: "ID of the AWS access key."},
		"secret_key":     {Type: framework.TypeString, Description: "Secret of the AWS access key.", DisplayAttrs: &framework.DisplayAttributes{Sensitive: true}},
		"session_token":  {Type: framework.TypeString, Description: "Token of a session; empty for an IAM user, which has none.", DisplayAttrs: &framework.DisplayAttributes{Sensitive: true}},
		"security_token": {Type: framework.TypeString, Description: "The older name of session_token.", DisplayAttrs: &framework.DisplayAttributes{Sensitive: true}},
		"arn":            {Type: framework.TypeString, Description: "ARN of a session, as AWS knows its holder."},
		"ttl":            {Type: framework.TypeInt64, Description: "Seconds until a session ends."},
	}
}

// secret is the type of the leases.
func (b *backend) secret() *framework.Secret {
	return &framework.Secret{
		Type:   secretType,
		Fields: credsFields(),
		Renew:  b.AnswerLease(b.renew),
		Revoke: b.revoke,
	}
}

// generate is the operation that issues, by read and by update alike.
func (b *backend) generate(what string) *framework.PathOperation {
	return b.madeHere("Make AWS credentials of a role.", what, b.createCreds, credsFields())
}

// madeHere is an operation that issues where it is asked to.
func (b *backend) madeHere(summary, what string, h framework.OperationFunc, gives map[string]*framework.FieldSchema) *framework.PathOperation {
	op := engine.Gives(b.Write(summary, h), gives)
	// Only what writes storage is passed on to the server that may, and issueUser sees to that:
	// a session is made where it is asked for.
	op.ForwardPerformanceStandby, op.ForwardPerformanceSecondary = false, false
	op.DisplayAttrs = &framework.DisplayAttributes{OperationSuffix: what}
	return op
}

func (b *backend) createCreds(ctx context.Context, req *logical.Request, d *framework.FieldData) (*logical.Response, error) {
	o := orderOf(req, d)
	engine.Set(d, "mfa_code", &o.mfaCode)
	o.mfaCode = strings.Join(strings.Fields(o.mfaCode), "") // devices show it with a gap
	return b.credential(ctx, req.Storage, o)
}

// orderOf is what a request asks for, and who asks.
func orderOf(req *logical.Request, d *framework.FieldData) order {
	o := order{
		role:        d.Get("name").(string),
		displayName: req.DisplayName,
		entityID:    req.EntityID,
		accessor:    req.ClientTokenAccessor,
		mountPoint:  req.MountPoint,
		asked:       engine.AskedBy(req),
		sdk:         strings.HasPrefix(req.Path, engine.ContainerPrefix),
		sts:         !strings.HasPrefix(req.Path, "creds/"),
	}
	o.path, _, _ = strings.Cut(req.Path, "/")
	engine.SetSeconds(d, "ttl", &o.ttl)
	engine.Set(d, "role_arn", &o.roleARN)
	engine.Set(d, "role_session_name", &o.sessionName)
	engine.Set(d, "session_tags", &o.tags)
	return o
}

// credential makes what an order asks for, if its role lets the caller have it.
func (b *backend) credential(ctx context.Context, s logical.Storage, o order) (*logical.Response, error) {
	if err := engine.CheckRoleName(o.role); err != nil {
		return nil, err
	}
	r, err := b.roleNow(ctx, s, o.role)
	if err != nil {
		return nil, err
	}
	if r == nil {
		return nil, engine.UserErrorf("name: there is no role %q; write it to roles/%s first", o.role, o.role)
	}
	if err := r.Refusal("roles/" + o.role); err != nil {
		return nil, err
	}
	if r, err = r.forRequest(b.Mount, o); err != nil {
		return nil, err
	}
	resp, err := b.issue(awscreds.About(ctx, "roles/"+o.role), s, r, o)
	if err != nil {
		return nil, r.explained(err)
	}
	for _, field := range r.misplaced(o) {
		resp.AddWarning(field + ": is not used by roles of credential_type " + strings.Join(r.CredentialTypes, ","))
	}
	return resp, nil
}

// forRequest is the role as a request gets it: with what Vault knows of the caller in place of its
// templates, and with the tags that the request brings.
func (r *role) forRequest(mount *engine.Mount, o order) (*role, error) {
	var m engine.Mistakes
	if r.RequireEntity && o.entityID == "" {
		m.Add("require_entity", "role %q issues to callers with an entity alone, and %s", o.role, noEntity)
	}
	switch {
	case o.sessionName == "":
	case r.RevokeSessions && !r.idle("revoke_sessions"):
		m.Add("role_session_name", "the role %q has revoke_sessions, which needs a name that no other session has, so the engine makes it; omit it", o.role)
	case bool(r.RefuseSessionName) && !r.idle("allow_session_name"):
		m.Add("role_session_name", "the role %q names its sessions itself (allow_session_name=false); omit it", o.role)
	}
	own := r.copied()
	if r.Templates && len(m) == 0 {
		if err := own.render(mount, o, &m); err != nil {
			return nil, err
		}
	}
	own.addTags(o, &m)
	return own, m.Err()
}

// noEntity says what to do about a token that has none.
const noEntity = "the token of this request has none: log in with an auth method; root tokens, and tokens that were made from them, have no entity"

// render puts the values of the caller's identity in place of a role's templates, and checks what
// AWS then gets. A policy that the role's groups add comes later, as it is.
func (r *role) render(mount *engine.Mount, o order, m *engine.Mistakes) error {
	entity, groups := r.readTemplates(m)
	hasPolicy := r.PolicyDocument != "" && !r.idle("policy_document")
	if hasPolicy {
		e, g, mistakes := awsrules.PolicyNeeds(r.PolicyDocument)
		m.AddAll("policy_document", mistakes)
		entity, groups = entity || e, groups || g
	}
	if !entity || len(*m) > 0 {
		return nil // another edition may have stored what cannot be read; it never goes to AWS as text
	}
	if o.entityID == "" {
		m.Add("templates", "role %q has templates that name the caller's entity, and %s", o.role, noEntity)
		return nil
	}
	id, err := mount.Identity(o.entityID, groups)
	if err != nil {
		return err
	}
	r.rendered = map[string]string{}
	r.eachText(func(t roleText) string {
		template, err := awsrules.ParseTemplate(t.text)
		text := ""
		if err == nil {
			text, err = template.Render(id, t.values)
		}
		switch {
		case err != nil:
			m.Add(t.field, "%s%w", t.where, err)
		case t.where == "" && text != t.text:
			r.rendered[t.field] = t.text
		}
		return text
	})
	if hasPolicy {
		text, mistakes := awsrules.RenderPolicy(r.PolicyDocument, id, awsrules.MostInline)
		m.AddAll("policy_document", mistakes)
		r.PolicyDocument = text
	}
	if len(*m) == 0 {
		r.checkRendered(m)
	}
	return nil
}

// checkRendered checks what could not be known when the role was written.
func (r *role) checkRendered(m *engine.Mistakes) {
	r.validatePath(m)
	r.validateUserTags(m)
	r.validateSessionTags(m)
	r.validateNames(m)
	r.validateLimits(m)
}

// addTags adds the tags that a request brings to those of the role, as far as the role allows.
func (r *role) addTags(o order, m *engine.Mistakes) {
	if r.idle("session_tags") {
		return
	}
	for _, key := range slices.Sorted(maps.Keys(o.tags)) {
		switch {
		case tagKey(r.SessionTags, key, strings.EqualFold) != "":
			m.Add("session_tags", "the role %q sets the tag %q itself; omit it", o.role, awsrules.Abridged(key))
		case !r.allowsTag(key):
			m.Add("session_tags", "the role %q does not let requests bring the tag %q; those in its allowed_request_tags are %q", o.role, awsrules.Abridged(key), r.AllowedRequestTags)
		}
	}
	if len(*m) > 0 || len(o.tags) == 0 {
		return
	}
	tags := maps.Clone(o.tags)
	maps.Copy(tags, r.SessionTags)
	m.AddAll("session_tags", awsrules.CheckTags(tags))
	r.SessionTags = tags
}
