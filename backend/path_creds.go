// SPDX-License-Identifier: MPL-2.0

package backend

import (
	"context"
	"strings"

	"github.com/hashicorp/vault/sdk/framework"
	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/engine"
	"vault-plugin-secrets-aws-dyn/internal/awscreds"
)

func (i *issuer) pathCreds() *framework.Path {
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
				Description: "Lifetime of the credential, shortened to the limits of the role and the mount. Not given: the role's default, else that of config/lease or the mount for an IAM user, and 1h for a session.",
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
			logical.ReadOperation:   i.generate("credentials|sts-credentials"),
			logical.UpdateOperation: i.generate("credentials-with-parameters|sts-credentials-with-parameters"),
		},
		HelpSynopsis: "Make AWS credentials of a role.",
		HelpDescription: `
Each read of creds/<name> makes a new credential of the role's type. If the role has
share_for, the same caller gets the same credential for that long. An IAM user is deleted
when its last lease ends or is revoked. A session of STS, of the types assumed_role,
federation_token and session_token, expires automatically. Its lease cannot be renewed,
and revoking the lease has no effect, unless it is a session of an assumed role and the
role has revoke_sessions. sts/<name> is the same path under the name that some clients
expect for sessions.

AWS takes some seconds until it accepts a new key of an IAM user everywhere. If the first
call gets InvalidClientTokenId, retry it; or set wait_until_usable on the role, and the
request waits for that.
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
		"arn":            {Type: framework.TypeString, Description: "ARN of a session."},
		"ttl":            {Type: framework.TypeInt64, Description: "Seconds until a session ends."},
	}
}

// leases is the type of the leases.
func (i *issuer) leases() *framework.Secret {
	return &framework.Secret{
		Type:   secretType,
		Fields: credsFields(),
		Renew:  i.AnswerLease(i.renew),
		Revoke: i.revoke,
	}
}

// generate is the operation that issues, by read and by update alike.
func (i *issuer) generate(what string) *framework.PathOperation {
	return i.madeHere("Make AWS credentials of a role.", what, i.createCreds, credsFields())
}

// madeHere is an operation that issues where it is asked to.
func (i *issuer) madeHere(summary, what string, h framework.OperationFunc, gives map[string]*framework.FieldSchema) *framework.PathOperation {
	op := engine.Gives(i.Write(summary, h), gives)
	// Only what writes storage is passed on to the server that may, and issueUser sees to that:
	// a session is made where it is asked for.
	op.ForwardPerformanceStandby, op.ForwardPerformanceSecondary = false, false
	op.DisplayAttrs = &framework.DisplayAttributes{OperationSuffix: what}
	return op
}

func (i *issuer) createCreds(ctx context.Context, req *logical.Request, d *framework.FieldData) (*logical.Response, error) {
	o := orderOf(req, d)
	engine.Set(d, "mfa_code", &o.mfaCode)
	o.mfaCode = strings.Join(strings.Fields(o.mfaCode), "") // devices show it with a gap
	return i.credential(ctx, req.Storage, o)
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
func (i *issuer) credential(ctx context.Context, s logical.Storage, o order) (*logical.Response, error) {
	if err := engine.CheckRoleName(o.role); err != nil {
		return nil, err
	}
	r, err := i.roles.Get(ctx, s, o.role)
	if err != nil {
		return nil, err
	}
	if r == nil {
		return nil, engine.UserErrorf("name: there is no role %q; write it to roles/%s first", o.role, o.role)
	}
	if err := r.Refusal("roles/" + o.role); err != nil {
		return nil, err
	}
	if r, err = r.For(i.Mount, o.ask()); err != nil {
		return nil, err
	}
	resp, err := i.issue(awscreds.About(ctx, "roles/"+o.role), s, r, o)
	if err != nil {
		return nil, r.Explained(err)
	}
	for _, field := range o.misplaced(r) {
		resp.AddWarning(field + ": is not used by roles of credential_type " + strings.Join(r.CredentialTypes, ","))
	}
	return resp, nil
}
