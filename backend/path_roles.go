// SPDX-License-Identifier: MPL-2.0

package backend

import (
	"context"
	"slices"

	"github.com/hashicorp/vault/sdk/framework"
	"github.com/hashicorp/vault/sdk/logical"
)

// roleName is what a path takes for the name of a role. It takes anything, so that
// a name that cannot be is told so, and not that there is no such path.
const roleName = "(?P<name>.+)"

func (b *backend) pathRoles() *framework.Path {
	return &framework.Path{
		Pattern:      "roles/?$",
		DisplayAttrs: operation("", "roles"),
		Operations: map[logical.Operation]framework.OperationHandler{
			logical.ListOperation: b.read("List the names of the roles.", b.listRoles),
		},
		HelpSynopsis:    "The names of all roles.",
		HelpDescription: "Lists the names of all roles of this mount.",
	}
}

func (b *backend) pathRole() *framework.Path {
	fields := roleFields()
	return &framework.Path{
		Pattern:      "roles/" + roleName,
		DisplayAttrs: operation("", "role"),
		Fields:       fields,
		Operations: map[logical.Operation]framework.OperationHandler{
			logical.ReadOperation:   gives(b.read("Read a role.", b.readRole), without(fields, "name", "arn", "policy")),
			logical.UpdateOperation: b.write("Create or change a role.", b.writeRole),
			logical.DeleteOperation: b.write("Delete a role; its leases live on.", b.deleteRole),
		},
		HelpSynopsis: "What a credential of a role may do, and how long it lives.",
		HelpDescription: `
A role of the type iam_user makes an IAM user for each credential. The user gets
the managed policies in policy_arns, the inline policy in policy_document, and
joins the groups in iam_groups; permissions_boundary_arn, user_path and iam_tags
are set as the user is created. default_ttl and max_ttl bound the lease.

The other types give temporary credentials of STS, which default_sts_ttl and
max_sts_ttl bound. assumed_role: a session of one of role_arns, with session_tags
and external_id. federation_token: a session of the engine's own identity under a
new name. Both may do what their identity may and policy_arns, policy_document and
the policies of iam_groups allow, taken together. session_token: a session of the
engine's own identity, with mfa_serial_number where that has an MFA device.

A write changes only the fields that it names. Deleting a role leaves the
credentials that were issued from it alone: they end with their leases.
`,
	}
}

func (b *backend) readRole(ctx context.Context, req *logical.Request, d *framework.FieldData) (*logical.Response, error) {
	name := d.Get("name").(string)
	if err := checkRoleName(name); err != nil {
		return nil, err
	}
	r, err := loadRole(ctx, req.Storage, name)
	if err != nil || r == nil {
		return nil, err
	}
	return &logical.Response{Data: r.response()}, nil
}

func (b *backend) writeRole(ctx context.Context, req *logical.Request, d *framework.FieldData) (*logical.Response, error) {
	name := d.Get("name").(string)
	if err := checkRoleName(name); err != nil {
		return nil, err
	}
	r, err := loadRole(ctx, req.Storage, name)
	if err != nil {
		return nil, err
	}
	if r == nil {
		r = newRole()
	}
	warnings, err := r.update(d)
	if err != nil {
		return nil, err
	}
	more, err := r.validate(name)
	if err != nil {
		return nil, err
	}
	if err := save(ctx, req.Storage, prefixRole+name, r); err != nil {
		return nil, err
	}
	if err := req.Storage.Delete(ctx, prefixLegacyRole+name); err != nil {
		return nil, err
	}
	return done(append(warnings, more...)), nil
}

func (b *backend) deleteRole(ctx context.Context, req *logical.Request, d *framework.FieldData) (*logical.Response, error) {
	name := d.Get("name").(string)
	if err := checkRoleName(name); err != nil {
		return nil, err
	}
	for _, prefix := range []string{prefixLegacyRole, prefixRole} {
		if err := req.Storage.Delete(ctx, prefix+name); err != nil {
			return nil, err
		}
	}
	return nil, nil
}

func (b *backend) listRoles(ctx context.Context, req *logical.Request, _ *framework.FieldData) (*logical.Response, error) {
	var names []string
	for _, prefix := range []string{prefixRole, prefixLegacyRole} {
		more, err := req.Storage.List(ctx, prefix)
		if err != nil {
			return nil, err
		}
		names = append(names, more...)
	}
	slices.Sort(names)
	return logical.ListResponse(slices.Compact(names)), nil
}
