// SPDX-License-Identifier: MPL-2.0

package backend

// A session of a role, returned as a link that opens the AWS console. The keys are not returned: a token that may
// read console/ but not creds/ can only use the console.

import (
	"context"
	"maps"

	"github.com/hashicorp/vault/sdk/framework"
	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/awsrules"
	"vault-plugin-secrets-aws-dyn/backend/engine"
	"vault-plugin-secrets-aws-dyn/backend/roles"
	"vault-plugin-secrets-aws-dyn/internal/awscreds"
)

func (i *issuer) pathConsole() *framework.Path {
	fields := engine.Without(i.pathCreds().Fields, "mfa_code")
	maps.Copy(fields, map[string]*framework.FieldSchema{
		"ttl": {
			Type:        framework.TypeDurationSecond,
			Query:       true,
			Description: "How long the console stays open, shortened to the limits of the role and the mount for sessions. Not given: the role's default, else 1h. Always 1h with role chaining.",
		},
		"destination": {
			Type:        framework.TypeString,
			Query:       true,
			Description: "Page that the link leads to: an https URL of the AWS console. Not given: the console's home.",
		},
		"issuer": {
			Type:        framework.TypeString,
			Query:       true,
			Description: "URL of the page where people get the next link; the console shows it when the session has ended.",
		},
	})
	return &framework.Path{
		Pattern:      "console/" + engine.RoleName,
		DisplayAttrs: engine.Operation("generate", ""),
		Fields:       fields,
		Operations: map[logical.Operation]framework.OperationHandler{
			logical.ReadOperation:   i.generateLink("console-link"),
			logical.UpdateOperation: i.generateLink("console-link-with-parameters"),
		},
		HelpSynopsis: "Make a link that opens the AWS console as a role.",
		HelpDescription: `
Each read makes a new session of a role of the type assumed_role or federation_token, and
returns a link that signs in to the AWS console with it. The link is a secret: for 15
minutes it opens the console for anybody who has it. The session's keys are sent only to
AWS's sign-in.

If the engine's own identity is a session, as with role_arn in config/root, AWS decides
how long the session of an assumed_role runs, 1h, and ttl has no effect.

The lease ends with the session. Revoking it has no effect, unless the role has
revoke_sessions: an open console stays open until the session ends.
`,
	}
}

// consoleFields is what an answer holds.
func consoleFields() map[string]*framework.FieldSchema {
	return map[string]*framework.FieldSchema{
		"login_url": {Type: framework.TypeString, Description: "Link that opens the console, within 15 minutes.", DisplayAttrs: &framework.DisplayAttributes{Sensitive: true}},
		"expires":   {Type: framework.TypeString, Description: "When the session in the console ends, in UTC."},
	}
}

// generateLink is the operation that makes a link, by read and by update alike.
func (i *issuer) generateLink(what string) *framework.PathOperation {
	return i.madeHere("Make a link that opens the AWS console as a role.", what, i.createLink, consoleFields())
}

// link is what an order for the console asks for beside the session.
type link struct{ destination, issuer string }

func (i *issuer) createLink(ctx context.Context, req *logical.Request, d *framework.FieldData) (*logical.Response, error) {
	o := orderOf(req, d)
	o.sts = true // a role in the deprecated form issues its sessions there
	o.console = new(link)
	engine.Set(d, "destination", &o.console.destination)
	engine.Set(d, "issuer", &o.console.issuer)
	if err := o.console.validate(); err != nil {
		return nil, err
	}
	return i.credential(ctx, req.Storage, o)
}

// validate refuses what is wrong whatever session there will be.
func (l *link) validate() error {
	var m engine.Mistakes
	if l.destination != "" {
		if _, err := awsrules.CheckDestination(l.destination); err != nil {
			m.Add("destination", "%v", err)
		}
	}
	if err := awsrules.CheckIssuer(l.issuer); err != nil {
		m.Add("issuer", "%v", err)
	}
	return m.Err()
}

// opensConsole refuses types of credentials that AWS's sign-in does not take (IAM User Guide, "Enable
// custom identity broker access to the AWS console").
func opensConsole(credentialType, role string) error {
	switch credentialType {
	case roles.AssumedRole, roles.FederationToken:
		return nil
	case roles.IAMUser:
		return engine.UserErrorf("name: role %q issues IAM users, whose keys do not open the console; use a role of credential_type %s or %s", role, roles.AssumedRole, roles.FederationToken)
	}
	return engine.UserErrorf("name: role %q has the credential_type %s, whose sessions AWS's sign-in does not take; use a role of credential_type %s or %s",
		role, credentialType, roles.AssumedRole, roles.FederationToken)
}

// linkTo turns an answer with a session into one with a link. The lease is the session's, and the
// console is to be open for no longer: that is said where AWS lets it be said.
func (i *issuer) linkTo(ctx context.Context, s logical.Storage, r *roles.Role, o order, credentialType string, resp *logical.Response) (*logical.Response, error) {
	client, err := i.AWSAs(ctx, s, r.Way())
	if err != nil {
		return nil, err
	}
	text := func(key string) string { value, _ := resp.Data[key].(string); return value }
	arn := text("arn")
	ask := awscreds.ConsoleLink{
		Session: awscreds.Session{AccessKeyID: text("access_key"), SecretKey: text("secret_key"), Token: text("session_token"), ARN: arn},
		Issuer:  o.console.issuer,
	}
	partition := awsrules.ARNPartition(arn)
	if ask.Destination, err = o.console.in(partition); err != nil {
		return nil, err
	}
	if client.SigninURL(partition) == "" {
		return nil, engine.UserErrorf("signin_endpoint: is not set at config/root, and STS is called at an endpoint that is not AWS's, " +
			"whose sessions AWS's own sign-in does not know; write the URL of the sign-in that does")
	}
	ttl := resp.Secret.TTL
	if credentialType == roles.AssumedRole && !client.IsSession(ctx) {
		ask.Lasts = ttl
	}
	login, err := client.SignInToConsole(ctx, ask)
	if err != nil {
		return nil, err
	}
	resp.Data = map[string]any{"login_url": login, "expires": engine.Stamp(i.Now().Add(ttl))}
	return resp, nil
}

// in is the page that the link leads to, in the console of a partition.
func (l *link) in(partition string) (string, error) {
	home := awsrules.ConsoleHome(partition)
	switch {
	case partition == "":
		return "", engine.UserErrorf("name: STS did not say whose session it gave, as AWS does, so there is no console to open; is sts_endpoint of config/root AWS's?")
	case home == "":
		return "", engine.UserErrorf("name: the session is of the AWS partition %s, whose console this engine does not know; use creds/", partition)
	case l.destination == "":
		return home, nil
	}
	if of, err := awsrules.CheckDestination(l.destination); err != nil || of != partition {
		return "", engine.UserErrorf("destination: is on the console of the AWS partition %s, and the session is of %s; use a page of %s", of, partition, home)
	}
	return l.destination, nil
}
