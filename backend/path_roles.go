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
	return &framework.Path{
		Pattern:      "roles/" + roleName,
		DisplayAttrs: operation("", "role"),
		Fields:       roleFields(),
		Operations: map[logical.Operation]framework.OperationHandler{
			logical.ReadOperation:   b.read("Read a role.", b.readRole),
			logical.UpdateOperation: b.write("Create or change a role.", b.writeRole),
			logical.DeleteOperation: b.write("Delete a role; its leases live on.", b.deleteRole),
		},
		HelpSynopsis: "What a credential of a role may do, and how long it lives.",
		HelpDescription: `
A role of the type iam_user makes an IAM user for each credential. The user gets
the managed policies in policy_arns, the inline policy in policy_document, and
joins the groups in iam_groups; permissions_boundary_arn, user_path and iam_tags
are set as the user is created. default_ttl and max_ttl bound the lease.

A write changes only the fields that it names. Deleting a role leaves the
credentials that were issued from it alone: they end with their leases.
`,
	}
}

func roleFields() map[string]*framework.FieldSchema {
	return map[string]*framework.FieldSchema{
		"name": {
			Type:         framework.TypeString,
			Description:  "Name of the role.",
			DisplayAttrs: &framework.DisplayAttributes{Name: "Role Name"},
		},
		"credential_type": {
			Type:          framework.TypeString,
			Default:       iamUser,
			AllowedValues: []any{iamUser},
			Description:   "What the role issues: iam_user, which is what a new role gets when the field is not given.",
		},
		"policy_arns": {
			Type:         framework.TypeCommaStringSlice,
			Description:  "ARNs of managed policies to attach to the IAM user.",
			DisplayAttrs: &framework.DisplayAttributes{Name: "Policy ARNs"},
		},
		"policy_document": {
			Type:        framework.TypeString,
			Description: "JSON text of an inline policy for the IAM user, 2048 characters at most without white space.",
		},
		"iam_groups": {
			Type:         framework.TypeCommaStringSlice,
			Description:  "Names of IAM groups that the IAM user joins, 10 at most.",
			DisplayAttrs: &framework.DisplayAttributes{Name: "IAM Groups", Value: "group1,group2"},
		},
		"iam_tags": {
			Type:         framework.TypeKVPairs,
			Description:  "Tags that the IAM user is created with, as a map or as key=value pairs, 50 at most.",
			DisplayAttrs: &framework.DisplayAttributes{Name: "IAM Tags", Value: "[key1=value1, key2=value2]"},
		},
		"user_path": {
			Type:         framework.TypeString,
			Default:      "/",
			Description:  "Path of the IAM user, such as /vault/.",
			DisplayAttrs: &framework.DisplayAttributes{Name: "User Path", Value: "/"},
		},
		"permissions_boundary_arn": {
			Type:         framework.TypeString,
			Description:  "ARN of a managed policy that bounds what the IAM user may be allowed.",
			DisplayAttrs: &framework.DisplayAttributes{Name: "Permissions Boundary ARN"},
		},
		"default_ttl": {
			Type:         framework.TypeDurationSecond,
			Description:  "Lease of an IAM user when the request names none. 0: what config/lease, else the mount, says.",
			DisplayAttrs: &framework.DisplayAttributes{Name: "Default TTL"},
		},
		"max_ttl": {
			Type:         framework.TypeDurationSecond,
			Description:  "Longest lease of an IAM user, renewals included. 0: what config/lease, else the mount, says.",
			DisplayAttrs: &framework.DisplayAttributes{Name: "Max TTL"},
		},
		"arn": {
			Type:        framework.TypeString,
			Deprecated:  true,
			Description: "Use policy_arns.",
		},
		"policy": {
			Type:        framework.TypeString,
			Deprecated:  true,
			Description: "Use policy_document.",
		},
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
