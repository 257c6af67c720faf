// SPDX-License-Identifier: MPL-2.0

package backend

import (
	"context"
	"strings"

	"github.com/hashicorp/vault/sdk/framework"
	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/awsrules"
	"vault-plugin-secrets-aws-dyn/backend/engine"
	"vault-plugin-secrets-aws-dyn/backend/roles"
)

func (i *issuer) pathSDKCreds() *framework.Path {
	read := i.ReadContainer("Make a session for an AWS SDK.", i.readForSDK)
	read.DisplayAttrs = &framework.DisplayAttributes{OperationSuffix: "credentials-for-sdk"}
	return &framework.Path{
		Pattern:      engine.ContainerPrefix + "creds/" + engine.RoleName,
		DisplayAttrs: engine.Operation("generate", ""),
		Fields:       engine.Without(i.pathCreds().Fields, "mfa_code"),
		Operations:   map[logical.Operation]framework.OperationHandler{logical.ReadOperation: read},
		HelpSynopsis: "Make a session of a role, as AWS SDKs read it.",
		HelpDescription: `
Answers in the format in which AWS SDKs and the AWS CLI read credentials, and refresh them
before they end. A program needs only

  AWS_CONTAINER_CREDENTIALS_FULL_URI=https://vault:8200/v1/<mount>/sdk/creds/<name>
  AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=<a file that holds "Bearer " and a Vault token>

and no token at all if a Vault Proxy on the same machine adds it. SDKs accept any https
address, and http on loopback.

Only for roles whose credentials are sessions. The answer has no lease, so an IAM user's
key could neither be renewed nor revoked: read creds/<name> for those.
`,
	}
}

// readForSDK makes what creds/ would, a session, in the form that AWS SDKs read.
func (i *issuer) readForSDK(ctx context.Context, req *logical.Request, d *framework.FieldData) (*logical.Response, error) {
	made, err := i.credential(ctx, req.Storage, orderOf(req, d))
	if err != nil {
		return nil, err
	}
	l, err := leaseOf(&logical.Request{Secret: made.Secret})
	if err != nil {
		return nil, err
	}
	text := func(key string) string { s, _ := made.Data[key].(string); return s }
	creds := engine.ContainerCredentials{
		AccessKeyID: text("access_key"), SecretAccessKey: text("secret_key"), Token: text("session_token"),
		Expiration: engine.Expiration(l.SessionEnds),
	}
	account := awsrules.ARNAccount(text("arn"))
	if account == "" { // a session_token has no ARN, and is of the engine's own account
		if client, err := i.AWS(ctx, req.Storage); err == nil {
			account = client.KnownAccount().Number
		}
	}
	if awsrules.IsAccount(account) {
		creds.AccountID = account
	}
	return creds.Response()
}

// forSDK refuses what an AWS SDK cannot have or say.
func (o order) forSDK(r *roles.Role, credentialType string) error {
	switch {
	case !o.sdk:
		return nil
	case credentialType == roles.IAMUser:
		return engine.UserErrorf("name: role %q makes IAM users, and this path has no lease by which one could be renewed and revoked; "+
			"use a role of credential_type assumed_role, federation_token or session_token, a static role at sdk/static-creds, or read creds/%s with Vault Agent", o.role, o.role)
	case credentialType == roles.SessionToken && r.SerialNumber != "":
		return engine.UserErrorf("name: role %q has an mfa_serial_number, and an AWS SDK cannot send the code that the device shows; "+
			"use a role without, or write mfa_code to creds/%s", o.role, o.role)
	}
	if idle := o.misplaced(r); len(idle) > 0 {
		return engine.UserErrorf("%s: is not used by roles of credential_type %s; omit it", strings.Join(idle, ", "), credentialType)
	}
	return nil
}

// misplaced are the fields of a request that its role has no use for.
func (o order) misplaced(r *roles.Role) (fields []string) {
	for _, field := range []struct {
		name      string
		misplaced bool
	}{
		{"role_arn", o.roleARN != "" && !r.Issues(roles.AssumedRole)},
		{"role_session_name", o.sessionName != "" && !r.Issues(roles.AssumedRole)},
		{"session_tags", len(o.tags) > 0 && r.Idle("session_tags")},
		{"mfa_code", o.mfaCode != "" && !r.Issues(roles.SessionToken)},
	} {
		if field.misplaced {
			fields = append(fields, field.name)
		}
	}
	return fields
}
