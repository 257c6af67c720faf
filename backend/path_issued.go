// SPDX-License-Identifier: MPL-2.0

package backend

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/hashicorp/vault/sdk/framework"
	"github.com/hashicorp/vault/sdk/logical"
	"golang.org/x/sync/errgroup"

	"vault-plugin-secrets-aws-dyn/backend/engine"
)

func (b *backend) pathIssuedList() *framework.Path {
	return &framework.Path{
		Pattern:      "issued/?$",
		DisplayAttrs: engine.Operation("", "issued-users"),
		Operations: map[logical.Operation]framework.OperationHandler{
			logical.ListOperation: b.Read("List the IAM users that are issued.", b.listIssued),
		},
		HelpSynopsis: "Who holds keys now: the IAM users that are issued.",
		HelpDescription: `
Lists every IAM user that was handed out and is not known to be gone, each with its
role, its access key, who asked, and the latest moment that its lease can live to;
"vault list -detailed" shows these. issued/role/<role> lists those of one role.
`,
	}
}

func (b *backend) pathIssuedOfRole() *framework.Path {
	return &framework.Path{
		Pattern:      "issued/role/(?P<role>.+?)/?$",
		DisplayAttrs: engine.Operation("", "issued-users-of-role"),
		Fields: map[string]*framework.FieldSchema{
			"role": {
				Type:        framework.TypeString,
				Description: "Name of the role, which may be deleted by now.",
			},
		},
		Operations: map[logical.Operation]framework.OperationHandler{
			logical.ListOperation: b.Read("List the IAM users that are issued for a role.", b.listIssued),
		},
		HelpSynopsis:    "Who holds keys of a role now.",
		HelpDescription: "Lists the IAM users that were issued for a role, as issued/ lists all.",
	}
}

func (b *backend) pathIssued() *framework.Path {
	return &framework.Path{
		Pattern:      "issued/(?P<username>[^/]+)",
		DisplayAttrs: engine.Operation("", "issued-user"),
		Fields: map[string]*framework.FieldSchema{
			"username": {
				Type:        framework.TypeString,
				Description: "Name of the IAM user.",
			},
		},
		Operations: map[logical.Operation]framework.OperationHandler{
			logical.ReadOperation:   engine.Gives(b.Read("Read who holds an issued IAM user, and until when.", b.readIssued), issuedAnswer()),
			logical.DeleteOperation: b.Write("Delete an issued IAM user from AWS.", b.deleteIssuedUser),
		},
		HelpSynopsis: "One IAM user that is issued.",
		HelpDescription: `
A read tells who holds the IAM user, and until when at most. A delete takes it away
from AWS at once, with everything that it owns: for a user that has no lease any more,
such as one whose lease was dropped by "vault lease revoke -force". Where there still
is a lease, "vault lease revoke" is the better way: it ends both.
`,
	}
}

func (b *backend) listIssued(ctx context.Context, req *logical.Request, d *framework.FieldData) (*logical.Response, error) {
	var role string
	if d.Schema["role"] != nil {
		engine.Set(d, "role", &role)
	}
	if err := b.known(ctx, req.Storage); err != nil {
		return nil, err
	}
	names := slices.Sorted(maps.Keys(b.register.holders(role)))
	infos := make([]map[string]any, len(names))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(readsAtOnce)
	for i, name := range names {
		group.Go(func() (err error) {
			infos[i], err = issuedInfo(ctx, req.Storage, name)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	var held []string
	details := map[string]any{}
	for i, name := range names {
		if infos[i] != nil {
			held, details[name] = append(held, name), infos[i]
		}
	}
	return logical.ListResponseWithInfo(held, details), nil
}

// issuedInfo is what a list shows of a user; nil when it has gone since. A record that
// cannot be read hides no user.
func issuedInfo(ctx context.Context, s logical.Storage, user string) (map[string]any, error) {
	r, err := engine.Load[issued](ctx, s, issuedKey(user))
	var garbled *engine.UnreadableError
	if errors.As(err, &garbled) {
		return map[string]any{"username": user, "error": err.Error()}, nil
	}
	if err != nil || r == nil {
		return nil, err
	}
	return r.response(user), nil
}

func (b *backend) readIssued(ctx context.Context, req *logical.Request, d *framework.FieldData) (*logical.Response, error) {
	user := d.Get("username").(string)
	r, err := engine.Load[issued](ctx, req.Storage, issuedKey(user))
	if err != nil || r == nil {
		return nil, err
	}
	return &logical.Response{Data: r.response(user)}, nil
}

func (b *backend) deleteIssuedUser(ctx context.Context, req *logical.Request, d *framework.FieldData) (*logical.Response, error) {
	user := d.Get("username").(string)
	r, err := engine.Load[issued](ctx, req.Storage, issuedKey(user))
	var garbled *engine.UnreadableError
	if errors.As(err, &garbled) {
		r, err = new(issued), nil // of any age
	}
	if err != nil || r == nil {
		return nil, err
	}
	if r.Ending.IsZero() {
		r.Ending = b.Now().UTC()
		if err := b.enter(ctx, req.Storage, user, r); err != nil {
			return nil, err
		}
	}
	existed, err := b.deleteIssued(ctx, req.Storage, user, r)
	if err != nil {
		return nil, fmt.Errorf("%w; the engine will go on deleting IAM user %s when AWS allows it", err, user)
	}
	if !existed && b.Now().Sub(r.Issued) < b.LagWindow {
		return engine.Warned([]string{"AWS does not show the IAM user " + user + " yet; the engine looks again in some minutes"}), nil
	}
	return nil, b.strike(ctx, req.Storage, user)
}
