// SPDX-License-Identifier: MPL-2.0

package roles

import (
	"context"
	"slices"

	"github.com/hashicorp/vault/sdk/framework"
	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/engine"
)

func (rs *Roles) pathRoles() *framework.Path {
	return &framework.Path{
		Pattern:      "roles/?$",
		DisplayAttrs: engine.Operation("", "roles"),
		Operations: map[logical.Operation]framework.OperationHandler{
			logical.ListOperation: rs.Read("List the names of the roles.", rs.listRoles),
		},
		HelpSynopsis:    "The names of all roles.",
		HelpDescription: "Lists the names of all roles of this mount.",
	}
}

func (rs *Roles) pathRole() *framework.Path {
	fields := Fields()
	shown := engine.Without(fields, "name", "arn", "policy")
	shown["disabled_since"] = engine.DisablingFields()["disabled_since"]
	return &framework.Path{
		Pattern:      "roles/" + engine.RoleName,
		DisplayAttrs: engine.Operation("", "role"),
		Fields:       fields,
		Operations: map[logical.Operation]framework.OperationHandler{
			logical.ReadOperation:   engine.Gives(rs.Read("Read a role.", rs.readRole), shown),
			logical.UpdateOperation: rs.Write("Create or change a role.", rs.Alone(lockOfRole, rs.writeRole)),
			logical.DeleteOperation: rs.Write("Delete a role; its leases live on.", rs.Alone(lockOfRole, rs.deleteRole)),
		},
		HelpSynopsis: "What a credential of a role may do, and how long it lives.",
		HelpDescription: `
A role of the type iam_user makes an IAM user for each credential. The user gets the
managed policies in policy_arns, the inline policy in policy_document, and joins the
groups in iam_groups. It is created with permissions_boundary_arn, user_path and iam_tags.
default_ttl and max_ttl bound the lease.

The other types make temporary credentials of STS, which default_sts_ttl and max_sts_ttl
bound. assumed_role: a session of one of role_arns, with session_tags and external_id.
federation_token: a session of the engine's own identity under a new name. Both may do
what their identity may do and what policy_arns, policy_document and the policies of
iam_groups together allow. session_token: a session of the engine's own identity, with
mfa_serial_number if that has an MFA device.

Sessions expire automatically. With revoke_sessions, revoking the lease of a session of an
assumed role ends the session, within minutes. roles/<name>/revoke-sessions ends all
sessions of the AWS role.

AWS takes some seconds until it accepts a new key of an IAM user everywhere. With
wait_until_usable a request waits for that, wait_timeout at most.

disabled switches a role off: requests get 403 with disabled_reason. Leases live on; with
disabled_renewals they are not renewed either.

With templates=true, {{identity.entity.name}} and the other names of Vault's templated
policies are replaced with what Vault knows about the caller: in the policy, the tags, the
path, and in session_name and source_identity, by which CloudTrail shows whose a session
is. A request may add the session tags in allowed_request_tags. require_entity refuses
root tokens.

With share_for, a caller who repeats a request within that time gets the same credential:
one session, or one IAM user with several leases.

A write changes only the fields that it names. Deleting a role does not affect its
credentials: they end with their leases.
`,
	}
}

// lockOfRole is the lock of the role that a request names.
func lockOfRole(d *framework.FieldData) engine.LockKey {
	return engine.LockRole(d.Get("name").(string))
}

func (rs *Roles) readRole(ctx context.Context, req *logical.Request, d *framework.FieldData) (*logical.Response, error) {
	name := d.Get("name").(string)
	if err := engine.CheckRoleName(name); err != nil {
		return nil, err
	}
	r, err := Load(ctx, req.Storage, name)
	if err != nil || r == nil {
		return nil, err
	}
	rs.Observe(req, "aws/role/read", r.observed(name))
	return &logical.Response{Data: r.response()}, nil
}

func (rs *Roles) writeRole(ctx context.Context, req *logical.Request, d *framework.FieldData) (*logical.Response, error) {
	name := d.Get("name").(string)
	if err := engine.CheckRoleName(name); err != nil {
		return nil, err
	}
	r, err := Load(ctx, req.Storage, name)
	if err != nil { // also where it cannot be read: to begin with the defaults could allow what the role did not
		return nil, err
	}
	if r == nil {
		r = newRole()
	}
	before := *r
	warnings, err := r.update(d)
	if err != nil {
		return nil, err
	}
	at := rs.Place(ctx, req.Storage)
	_, stood := before.validate(name, at)
	r.NoteDisabled(rs.Now())
	more, err := r.validate(name, at)
	old, err := engine.Stood(req.Data, stood, err)
	if err != nil {
		return nil, err
	}
	unsure, err := rs.checkRevocable(ctx, req.Storage, r)
	_, stood = rs.checkRevocable(ctx, req.Storage, &before)
	foreign, err := engine.Stood(req.Data, stood, err)
	if err != nil {
		return nil, err
	}
	cfg, err := engine.LoadOr(ctx, req.Storage, engine.KeyRootConfig, engine.NewRootConfig)
	more = append(more, unsure...)
	more = append(more, rs.unregistered(ctx, req.Storage, &before, r)...)
	more = append(more, r.warnOfBounds(err == nil && cfg.RoleARN != "")...) // whatever config/root holds, the role is written
	defer rs.Invalidate(name)                                               // after a failed write as well: it may have been stored all the same
	if err := engine.Save(ctx, req.Storage, engine.PrefixRole+name, r); err != nil {
		return nil, err
	}
	if err := req.Storage.Delete(ctx, engine.PrefixLegacyRole+name); err != nil {
		return nil, err
	}
	rs.o.Forget("roles/" + name)
	rs.Observe(req, "aws/role/write", r.observed(name))
	return engine.Done(slices.Concat(warnings, more, old, foreign)), nil
}

func (rs *Roles) deleteRole(ctx context.Context, req *logical.Request, d *framework.FieldData) (*logical.Response, error) {
	name := d.Get("name").(string)
	if err := engine.CheckRoleName(name); err != nil {
		return nil, err
	}
	r, err := Load(ctx, req.Storage, name)
	if err != nil && !engine.IsUnreadable(err) {
		return nil, err
	}
	defer rs.Invalidate(name)
	defer rs.o.Forget("roles/" + name)
	for _, prefix := range []string{engine.PrefixLegacyRole, engine.PrefixRole} {
		if err := req.Storage.Delete(ctx, prefix+name); err != nil {
			return nil, err
		}
	}
	rs.Observe(req, "aws/role/delete", map[string]any{"role_name": name})
	if r != nil && r.Disabled && r.DisabledRenewals {
		return engine.Warned([]string{"disabled_renewals: went with the role, so its leases can be renewed again; vault lease revoke -prefix ends them"}), nil
	}
	return nil, nil
}

// observed is what an observation of a role tells.
func (r *Role) observed(name string) map[string]any {
	return map[string]any{"role_name": name, "credentials_type": r.CredentialTypes}
}

func (rs *Roles) listRoles(ctx context.Context, req *logical.Request, _ *framework.FieldData) (*logical.Response, error) {
	names, err := Names(ctx, req.Storage)
	if err != nil {
		return nil, err
	}
	return logical.ListResponse(names), nil
}
