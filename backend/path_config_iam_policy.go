// SPDX-License-Identifier: MPL-2.0

package backend

// The IAM policies that the mount needs, generated from its configuration.

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/vault/sdk/framework"
	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/awsrules"
	"vault-plugin-secrets-aws-dyn/backend/engine"
	"vault-plugin-secrets-aws-dyn/backend/iampolicy"
	"vault-plugin-secrets-aws-dyn/backend/roles"
	"vault-plugin-secrets-aws-dyn/backend/staticrole"
	"vault-plugin-secrets-aws-dyn/backend/users"
	"vault-plugin-secrets-aws-dyn/internal/awscreds"
)

func (b *backend) pathConfigIAMPolicy() *framework.Path {
	return &framework.Path{
		Pattern:      "config/iam-policy",
		DisplayAttrs: engine.Operation("", "iam-policy"),
		Fields: map[string]*framework.FieldSchema{
			"format": {
				Type:          framework.TypeString,
				Default:       "json",
				AllowedValues: []any{"json", "terraform"},
				Query:         true,
				Description:   "Format of the answer: json, or terraform for local values of a Terraform configuration.",
			},
		},
		Operations: map[logical.Operation]framework.OperationHandler{
			// By way of write, since it may ask AWS which account this is, and the records are the active server's.
			logical.ReadOperation: engine.Gives(b.Write("Read the least-privilege IAM policies that this mount needs.", b.readIAMPolicy), iamPolicyAnswer()),
		},
		HelpSynopsis: "The least-privilege IAM policies for the engine's AWS identities.",
		HelpDescription: `
Generated from config/root, the roles, the static roles and config/users as they are now:
read it again when they change. policies has the policies of the identity of config/root,
of role_arn and of each assume_role_arn; trust_policies has those of the AWS roles that
the engine assumes. Nothing is changed in AWS. AWS is called only if the account of the
identity of config/root is not known yet.
`,
	}
}

func iamPolicyAnswer() map[string]*framework.FieldSchema {
	return map[string]*framework.FieldSchema{
		"account":        {Type: framework.TypeString, Description: "Number of the AWS account of the identity of config/root; empty if not known."},
		"policies":       {Type: framework.TypeString, Description: "JSON object of policies, by config/root or the ARN of a role, and a number if AWS's size limit requires several."},
		"trust_policies": {Type: framework.TypeString, Description: "JSON object of the trust policies of the roles that the engine assumes, by their ARNs."},
		"terraform":      {Type: framework.TypeString, Description: "Both as local values of a Terraform configuration, with format=terraform."},
		"sizes":          {Type: framework.TypeMap, Description: "Characters of each policy, as AWS counts them: 6144 at most in a managed policy."},
		"statements":     {Type: framework.TypeMap, Description: "What each statement is for, by its Sid without a number."},
	}
}

func (b *backend) readIAMPolicy(ctx context.Context, req *logical.Request, d *framework.FieldData) (*logical.Response, error) {
	format := d.Get("format").(string)
	if format != "json" && format != "terraform" {
		return nil, engine.UserErrorf("format: %q is not possible; use json or terraform", format)
	}
	cfg, warnings, err := b.needed(ctx, req.Storage)
	if err != nil {
		return nil, err
	}
	plan := iampolicy.Build(*cfg)
	policies, more := plan.Documents()
	trusts := plan.TrustDocuments()
	sizes, reasons := map[string]any{}, map[string]any{}
	for _, p := range policies {
		sizes[p.Name] = p.Size
	}
	for _, identity := range plan.Identities {
		for _, s := range identity.Statements {
			reasons[s.Sid] = iampolicy.Reasons[s.Sid]
		}
	}
	data := map[string]any{"account": cfg.Account, "sizes": sizes, "statements": reasons}
	if format == "terraform" {
		data["terraform"] = iampolicy.Terraform(policies, trusts)
	} else {
		data["policies"], data["trust_policies"] = iampolicy.Object(policies), iampolicy.Object(trusts)
	}
	return &logical.Response{Data: data, Warnings: slices.Concat(warnings, plan.Warnings, more)}, nil
}

// needed is what is configured, as far as AWS has to allow it, and warnings of what is not known.
func (b *backend) needed(ctx context.Context, s logical.Storage) (*iampolicy.Config, []string, error) {
	root, err := engine.LoadOr(ctx, s, engine.KeyRootConfig, engine.NewRootConfig)
	if err != nil {
		return nil, nil, err
	}
	ofUsers, err := engine.LoadOr(ctx, s, engine.KeyUsersConfig, newUsersConfig)
	if err != nil {
		return nil, nil, err
	}
	cfg := &iampolicy.Config{RoleARN: root.RoleARN, Token: root.IdentityTokenAudience != "" || root.TokenFile != "", OwnKey: root.AccessKey != ""}
	account, warnings := b.rootAccount(ctx, s, root)
	cfg.Account, cfg.Partition = account.Number, account.Partition
	if cfg.Partition == "" {
		cfg.Partition = "aws"
		if here := b.Place(ctx, s).Partition(); here != "" {
			cfg.Partition = here
		}
	}
	if ofUsers.OwnershipTags {
		cfg.Tags = engine.OwnTags
	}
	names, err := roles.Names(ctx, s)
	if err != nil {
		return nil, nil, err
	}
	for _, name := range names {
		r, err := roles.Load(ctx, s, name)
		switch {
		case engine.IsUnreadable(err) || err == nil && r != nil && r.InvalidData != "":
			warnings = append(warnings, fmt.Sprintf("role %q cannot be read, so it is left out", name))
		case err != nil:
			return nil, nil, err
		case r != nil:
			warnings = append(warnings, need(cfg, r, name, root.UsernameTemplate)...)
		}
	}
	statics, unreadable, err := staticrole.Users(ctx, s)
	if err != nil {
		return nil, nil, err
	}
	for _, name := range unreadable {
		warnings = append(warnings, fmt.Sprintf("static role %q cannot be read, so it is left out", name))
	}
	for _, u := range statics {
		cfg.Static = append(cfg.Static, iampolicy.StaticUser{Name: u.Name, By: hubOf(u.AssumeRole)})
	}
	left, err := b.uncovered(ctx, s, cfg)
	if err != nil {
		return nil, nil, err
	}
	denied, err := b.unrevoked(ctx, s, cfg)
	return cfg, slices.Compact(slices.Concat(warnings, left, denied)), err
}

// rootAccount is the account of the identity of config/root itself. That of role_arn is in its ARN,
// and a token is of no account.
func (b *backend) rootAccount(ctx context.Context, s logical.Storage, root *engine.RootConfig) (awscreds.Account, []string) {
	ctx, cancel := context.WithTimeout(ctx, engine.AccountLook)
	defer cancel()
	var client *awscreds.Client
	var err error
	switch {
	case root.RoleARN == "":
		client, err = b.AWS(ctx, s)
	case root.AccessKey == "" && (root.IdentityTokenAudience != "" || root.TokenFile != ""):
		return awscreds.Account{}, nil
	default:
		client, err = engine.OwnClient(ctx, root)
	}
	var account awscreds.Account
	if err == nil {
		account, err = client.FindAccount(ctx)
	}
	if err == nil && !account.Known() {
		err = errors.New("AWS does not tell")
	}
	if err != nil {
		return account, []string{fmt.Sprintf("account: is not known, so the policies have * in its place; write credentials that work to config/root, and read this again (%v)", awscreds.Explained(err))}
	}
	return account, nil
}

// need adds what a role needs.
func need(cfg *iampolicy.Config, r *roles.Role, name, usernames string) (warnings []string) {
	by := hubOf(r.Way())
	pattern := func(of func(text, role string) (string, error)) string {
		made, err := of(usernames, name)
		switch {
		case err != nil:
			warnings, made = append(warnings, err.Error()), awsrules.Any
		case made == awsrules.Any:
			warnings = append(warnings, "username_template: makes names without a fixed prefix, so the policy covers all users of a path, whoever made them; begin it with a text such as vault-")
		}
		return made
	}
	tags := slices.Concat(slices.Sorted(maps.Keys(r.SessionTags)), r.AllowedRequestTags)
	if r.Issues(roles.IAMUser) {
		cfg.Users = append(cfg.Users, iampolicy.Users{
			Role: name, By: by, Path: r.UserPath, Templates: r.Templates, Name: pattern(awsrules.UserPattern),
			Policies: r.PolicyARNs, Inline: r.PolicyDocument != "", Groups: r.IAMGroups, TagKeys: slices.Sorted(maps.Keys(r.IAMTags)), Boundary: r.PermissionsBoundaryARN,
		})
	}
	if r.Issues(roles.AssumedRole) {
		cfg.Sessions = append(cfg.Sessions, iampolicy.Sessions{
			Role: name, By: by, ARNs: r.RoleARNs, Patterns: r.Patterns, ExternalID: r.ExternalID, TagKeys: tags, Source: r.SourceIdentity != "", Groups: r.IAMGroups,
			Revocable: r.RevokeSessions,
		})
	}
	if r.Issues(roles.FederationToken) {
		session := r.SessionName
		if r.Templates {
			session = strings.Join(awsrules.Pieces(session), awsrules.Any)
		}
		if session == "" {
			session = pattern(awsrules.FederatedPattern)
		}
		cfg.Federated = append(cfg.Federated, iampolicy.Federated{Role: name, Name: session, TagKeys: tags, Groups: r.IAMGroups})
	}
	return warnings
}

func hubOf(a engine.AssumeRole) iampolicy.Hub {
	return iampolicy.Hub{ARN: a.AssumeRoleARN, ExternalID: a.ExternalID}
}

// uncovered warns of users that exist and that no role would make now: their ARNs, groups and
// policies may be others.
func (b *backend) uncovered(ctx context.Context, s logical.Storage, cfg *iampolicy.Config) (warnings []string, err error) {
	all, err := b.users.All(ctx, s)
	if err != nil {
		return nil, err
	}
	left := slices.DeleteFunc(all, func(user users.User) bool {
		return slices.ContainsFunc(cfg.Users, func(u iampolicy.Users) bool {
			return u.By.ARN == user.Way.AssumeRoleARN && (user.Role == u.Role || user.Role == "") && covers(u.Name, user.Name)
		})
	})
	if len(left) > 0 {
		warnings = []string{fmt.Sprintf("%s, such as %s: of roles, or of a username_template, that are gone or have changed since; the policy may not allow their deletion, so keep the one before until their leases have ended", engine.Counted(len(left), "IAM user"), left[0].Name)}
	}
	return warnings, nil
}

// unrevoked warns of AWS roles of which sessions are denied, and which no role with revoke_sessions leads to now: nothing else has the
// policy that denies them allowed.
func (b *backend) unrevoked(ctx context.Context, s logical.Storage, cfg *iampolicy.Config) (warnings []string, err error) {
	standing, err := b.sessions.Standing(ctx, s)
	if err != nil && !engine.IsUnreadable(err) {
		return nil, err
	}
	for _, of := range standing {
		if !slices.ContainsFunc(cfg.Sessions, func(r iampolicy.Sessions) bool {
			return r.Revocable && r.By.ARN == of.AssumeRole.AssumeRoleARN && slices.ContainsFunc(r.ARNs, func(arn string) bool {
				path := arn[:strings.LastIndexByte(arn, '/')+1]
				return awsrules.ARNAccount(arn) == of.Account.Number && awsrules.Matches(strings.ToLower(arn), strings.ToLower(path+of.Name))
			})
		}) {
			warnings = append(warnings, fmt.Sprintf("AWS role %s of account %s: sessions of it are denied, and no role with revoke_sessions leads to it now; keep iam:GetRolePolicy, iam:PutRolePolicy and iam:DeleteRolePolicy on it until %s, so that the engine can remove its policy",
				of.Name, of.Account, engine.Stamp(of.Until)))
		}
	}
	return warnings, nil
}

// covers reports whether a pattern of names has a name.
func covers(pattern, name string) bool {
	begin, any := strings.CutSuffix(pattern, awsrules.Any)
	return name == begin || any && strings.HasPrefix(name, begin)
}

// asked are the calls of an identity's policy, as AWS is asked about them.
func asked(plan *iampolicy.Plan, identity string, on func(iampolicy.Statement) []string) (asks []awscreds.Ask) {
	for _, ask := range plan.Asks(identity, on) {
		asks = append(asks, awscreds.Ask(ask))
	}
	return asks
}
