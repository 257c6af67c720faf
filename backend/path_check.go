// SPDX-License-Identifier: MPL-2.0

package backend

// Checks ask AWS whether the configuration works, and change nothing in AWS.

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/hashicorp/vault/sdk/framework"
	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/awsrules"
	"vault-plugin-secrets-aws-dyn/backend/engine"
	"vault-plugin-secrets-aws-dyn/backend/iampolicy"
	"vault-plugin-secrets-aws-dyn/backend/roles"
	"vault-plugin-secrets-aws-dyn/backend/status"
	"vault-plugin-secrets-aws-dyn/internal/awscreds"
)

func (b *backend) pathConfigCheck() *framework.Path {
	return &framework.Path{
		Pattern:      "config/check",
		DisplayAttrs: engine.Operation("check", "configuration"),
		Operations: map[logical.Operation]framework.OperationHandler{
			logical.UpdateOperation: engine.Gives(b.Write("Ask AWS whether config/root works.", b.checkConfig), status.CheckFields()),
		},
		HelpSynopsis: "Ask AWS whether config/root works.",
		HelpDescription: `
Asks AWS who the engine is, how far its clock is from this server's, how old its key is,
and whether its policies allow what does not belong to one role: to assume the roles in
assume_role_arn, and tidy and the rotation of its key if they have a schedule. Each line
is ok, bad with AWS's message and what to change, or unknown if AWS does not let the
engine check. It changes nothing, in Vault or in AWS.
`,
	}
}

func (b *backend) pathRoleCheck() *framework.Path {
	return &framework.Path{
		Pattern:      "roles/" + engine.RoleName + "/check",
		DisplayAttrs: engine.Operation("check", "role"),
		Fields:       map[string]*framework.FieldSchema{"name": roles.Fields()["name"]},
		Operations: map[logical.Operation]framework.OperationHandler{
			logical.UpdateOperation: engine.Gives(b.Write("Ask AWS whether a role works.", b.checkRole), status.CheckFields()),
		},
		HelpSynopsis: "Ask AWS whether a role works.",
		HelpDescription: `
Asks AWS whether the policies, groups and boundary of a role exist, and whether the engine
may do what the role needs. AWS roles of the type assumed_role are assumed for 15 minutes,
as by a request with the caller's identity in templates, and the session is discarded.
Each line is ok, bad with AWS's message and what to change, or unknown if AWS does not let
the engine check. It changes nothing, in Vault or in AWS.
`,
	}
}

func (b *backend) checkConfig(ctx context.Context, req *logical.Request, _ *framework.FieldData) (*logical.Response, error) {
	ctx = awscreds.About(ctx, status.Checking)
	cfg, err := engine.LoadOr(ctx, req.Storage, engine.KeyRootConfig, engine.NewRootConfig)
	if err != nil {
		return nil, err
	}
	c, answer := new(status.Checks), new(logical.Response)
	defer func() { answer.Data = c.Answer() }()
	client, err := b.AWS(ctx, req.Storage)
	if err != nil {
		c.Bad("configuration", "%v; write what it asks for to config/root", err)
		return answer, nil
	}
	c.OK("configuration", "the engine calls AWS as %s", cfg.Whom())
	who, err := client.WhoAmI(ctx)
	if err != nil {
		c.Failed("identity", err, "", "write credentials that work to config/root, and check region and sts_region")
		return answer, nil
	}
	c.OK("identity", "%s", who.ARN)
	c.Clock(who.Ahead)
	if at := b.Place(ctx, req.Storage); at.Partition() != "" && who.Partition != "" && at.Partition() != who.Partition {
		c.Bad("region", "%s is in the AWS partition %s, and the identity in %s; write a region of that to config/root", at.Region, at.Partition(), who.Partition)
	} else {
		c.OK("region", "%s, partition %s", at.Region, who.Partition)
	}
	if err := b.checkHome(ctx, req.Storage, c, client); err != nil {
		return nil, err
	}
	return answer, b.checkCalls(ctx, req.Storage, status.Look{Checks: c, Client: client, Who: who}, cfg)
}

// checkCalls asks what the engine may do that no role is about: reach other accounts, and what it does by schedule, rotating its own
// key and tidy.
func (b *backend) checkCalls(ctx context.Context, s logical.Storage, look status.Look, cfg *engine.RootConfig) error {
	needed, _, err := b.needed(ctx, s)
	if err != nil {
		return err
	}
	tidies, err := b.tidy.Scheduled(ctx, s)
	if err != nil {
		return err
	}
	plan := iampolicy.Build(*needed)
	look.Allowed(ctx, asked(plan, needed.Worker(), func(of iampolicy.Statement) []string {
		if of.Sid == "ReachAccounts" || tidies && strings.HasSuffix(of.Sid, "ForTidy") {
			return of.Resources
		}
		return nil
	})...)
	look.Key(ctx, cfg, func(user string) []awscreds.Ask {
		return asked(plan, iampolicy.Root, func(of iampolicy.Statement) []string {
			if of.Sid == "RotateOwnKey" && cfg.Plan() != "" {
				return []string{user}
			}
			return nil
		})
	})
	return nil
}

// checkHome compares the account with that of the records.
func (b *backend) checkHome(ctx context.Context, s logical.Storage, c *status.Checks, client *awscreds.Client) error {
	here, err := client.FindAccount(ctx)
	if err != nil || !here.Known() {
		c.Unknown("account", "AWS does not tell which it is")
		return nil //nolint:nilerr // it is told
	}
	home, err := engine.HomeAccount(ctx, s)
	if err != nil {
		return err
	}
	if err := b.users.Fill(ctx, s); err != nil {
		return err
	}
	if n, one := b.users.Elsewhere(here, home); n > 0 {
		c.Bad("account", "%s, and %s of this mount were made in %s: they cannot be ended from here; write credentials of that account to config/root", here, engine.Counted(n, "IAM user"), one)
		return nil
	}
	c.OK("account", "%s", here)
	return nil
}

func (b *backend) checkRole(ctx context.Context, req *logical.Request, d *framework.FieldData) (*logical.Response, error) {
	ctx = awscreds.About(ctx, status.Checking)
	o := order{role: d.Get("name").(string), displayName: req.DisplayName, entityID: req.EntityID, mountPoint: req.MountPoint}
	if err := engine.CheckRoleName(o.role); err != nil {
		return nil, err
	}
	stored, err := b.roles.Get(ctx, req.Storage, o.role)
	if err != nil {
		return nil, err
	}
	if stored == nil {
		return nil, engine.UserErrorf("name: there is no role %q; write it to roles/%s first", o.role, o.role)
	}
	check := &roleCheck{Look: status.Look{Checks: new(status.Checks)}, b: b, storage: req.Storage, order: o}
	if err := stored.Refusal("roles/" + o.role); err != nil {
		check.Bad("role", "%v; write disabled=false to switch it on", err)
	}
	rendered, err := stored.For(b.Mount, o.ask())
	var mistake *engine.UserError
	switch {
	case errors.As(err, &mistake) && o.entityID == "":
		check.Unknown("templates", "%v", err)
	case errors.As(err, &mistake):
		check.Bad("templates", "%v", err)
	case err != nil:
		return nil, err
	default:
		check.role = rendered
		check.run(ctx)
	}
	return &logical.Response{Data: check.Answer()}, nil
}

// roleCheck is a check of one role, as its caller would get it.
type roleCheck struct {
	status.Look
	b       *backend
	storage logical.Storage
	role    *roles.Role
	order   order
	groups  []string // ARNs of those that exist
}

// shortest is how long a session lasts that is thrown away: AWS gives none for less (STS API Reference,
// AssumeRole).
const shortest = 15 * time.Minute

func (c *roleCheck) run(ctx context.Context) {
	var err error
	way := c.role.Way()
	if c.Client, err = c.b.AWSAs(ctx, c.storage, way); err != nil {
		c.Failed("assume_role_arn", err, "", "without it nothing else of the role can be checked")
		return
	}
	if way.IsSet() {
		c.OK("assume_role_arn", "%s is assumed", way.AssumeRoleARN)
	}
	if c.Who, err = c.Client.WhoAmI(ctx); err != nil {
		c.Failed("identity", err, "", "config/check says more")
		return
	}
	for _, arn := range c.role.PolicyARNs {
		c.Exists("policy_arns: "+arn, c.Client.LookAtPolicy(ctx, arn), "iam:GetPolicy on "+arn)
	}
	if arn := c.role.PermissionsBoundaryARN; arn != "" && c.role.Issues(roles.IAMUser) {
		c.Exists("permissions_boundary_arn: "+arn, c.Client.LookAtPolicy(ctx, arn), "iam:GetPolicy on "+arn)
	}
	for _, group := range c.role.IAMGroups {
		arn, err := c.Client.LookAtGroup(ctx, group)
		c.Exists("iam_groups: "+group, err, "iam:GetGroup on the group")
		if arn != "" {
			c.groups = append(c.groups, arn)
		}
	}
	c.calls(ctx)
	if c.role.Issues(roles.AssumedRole) {
		for _, arn := range c.role.RoleARNs {
			c.session(ctx, arn)
		}
	}
	if c.role.Issues(roles.SessionToken) && c.role.SerialNumber != "" {
		c.Unknown("mfa_serial_number", "AWS tells only who sends a code of the device; read creds/%s with mfa_code", c.order.role)
	}
}

// session assumes one of role_arns as a request would, for the shortest time, and throws the session away.
func (c *roleCheck) session(ctx context.Context, arn string) {
	about := "role_arns: " + arn
	if c.role.Patterns && awsrules.IsPattern(arn) {
		c.Unknown(about, "is a pattern, and which roles there are is not looked up")
		return
	}
	name, err := c.b.sessionName(ctx, c.storage, c.role, c.order)
	if err != nil {
		c.Bad(about, "%v", err)
		return
	}
	limits, err := c.role.Limits(ctx, c.Client)
	if err == nil {
		_, err = c.Client.AssumeRole(ctx, c.role.Session(arn, name, shortest, limits))
	}
	if err != nil {
		c.Failed(about, c.role.Denied(err, "the policy of the engine's own identity and in the trust policy of "+arn), "",
			"check that the role exists, that its trust policy allows "+c.Who.ARN+" and asks for no other external ID, and that this identity may call sts:AssumeRole on it")
		return
	}
	c.OK(about, "is assumed")
	c.Longest(ctx, arn, max(c.role.DefaultSTSTTL, c.role.MaxSTSTTL))
}

// calls asks what the engine's identity may do with what a request makes, which does not exist, and with what the role names.
func (c *roleCheck) calls(ctx context.Context) {
	set, err := c.b.anySettings(ctx, c.storage)
	if err != nil {
		c.Bad("configuration of the mount", "%v", err)
		return
	}
	if set.unusable != nil {
		c.Bad("username_template", "%v", set.unusable)
		return
	}
	needed := iampolicy.Config{Partition: c.Who.Partition, Account: c.Who.Account}
	if set.users.OwnershipTags {
		needed.Tags = engine.OwnTags
	}
	need(&needed, c.role, c.order.role, "") // whose names are patterns
	for i := range needed.Users {
		u := &needed.Users[i]
		u.By, u.Templates = iampolicy.Hub{}, false // as the client that asks, and as the caller has it
		if u.Name, _, err = set.usernames.User(c.order.displayName, c.order.role); err != nil {
			c.Bad("username_template", "%v", err)
			return
		}
	}
	for i := range needed.Sessions {
		needed.Sessions[i].By = iampolicy.Hub{}
	}
	for i := range needed.Federated {
		if needed.Federated[i].Name, err = c.b.ownName(ctx, c.storage, c.role, c.order, (*awsrules.NameTemplate).Federated); err != nil {
			c.Bad("username_template", "%v", err)
			return
		}
	}
	c.Allowed(ctx, asked(iampolicy.Build(needed), iampolicy.Root, c.resources)...)
}

// resources are what a statement is asked about. Roles are assumed in session, tidy is no role's, and only AWS knows the path of a
// group.
func (c *roleCheck) resources(of iampolicy.Statement) []string {
	switch of.Sid {
	case "AssumeRoles", "TagSessions", "SetSourceIdentities", "ListUsersForTidy", "ReadUsersForTidy":
		return nil
	case "JoinAndLeaveGroups", "ReadGroups":
		return c.groups
	}
	return of.Resources
}
