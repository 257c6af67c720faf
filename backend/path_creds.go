// SPDX-License-Identifier: MPL-2.0

package backend

import (
	"context"

	"github.com/hashicorp/vault/sdk/framework"
	"github.com/hashicorp/vault/sdk/logical"
)

func (b *backend) pathCreds() *framework.Path {
	return &framework.Path{
		Pattern:      "creds/" + roleName,
		DisplayAttrs: operation("generate", ""),
		Fields: map[string]*framework.FieldSchema{
			"name": {
				Type:        framework.TypeString,
				Description: "Name of the role.",
			},
			"ttl": {
				Type:        framework.TypeDurationSecond,
				Query:       true,
				Description: "Lease of the credential, within the role's and the mount's bounds. Not given: what the role, else config/lease, else the mount, says.",
			},
		},
		Operations: map[logical.Operation]framework.OperationHandler{
			logical.ReadOperation:   b.generate("credentials"),
			logical.UpdateOperation: b.generate("credentials-with-parameters"),
		},
		HelpSynopsis: "Make AWS credentials of a role.",
		HelpDescription: `
Each read of creds/<name> makes a new credential: an IAM user with a key and what
the role gives it. The user is deleted when the lease ends or is revoked.

AWS takes some seconds until a new key is accepted everywhere. If the first call
is answered InvalidClientTokenId, try it again.
`,
	}
}

// generate is the operation that issues, by read and by update alike.
func (b *backend) generate(what string) *framework.PathOperation {
	op := b.write("Make AWS credentials of a role.", b.createCreds)
	op.DisplayAttrs = &framework.DisplayAttributes{OperationSuffix: what}
	return op
}

func (b *backend) createCreds(ctx context.Context, req *logical.Request, d *framework.FieldData) (*logical.Response, error) {
	o := order{role: d.Get("name").(string), displayName: req.DisplayName}
	setSeconds(d, "ttl", &o.ttl)
	if err := checkRoleName(o.role); err != nil {
		return nil, err
	}
	r, err := loadRole(ctx, req.Storage, o.role)
	if err != nil {
		return nil, err
	}
	if r == nil {
		return nil, userErrorf("name: there is no role %q; write it to roles/%s first", o.role, o.role)
	}
	return b.issue(ctx, req.Storage, r, o)
}
