// SPDX-License-Identifier: MPL-2.0

package users

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"sync"

	"github.com/hashicorp/vault/sdk/framework"
	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/engine"
)

func (u *Users) pathIssuedList() *framework.Path {
	return u.issuedList("issued/?$", "issued-users", "", framework.FieldSchema{}, "List the IAM users and sessions that are issued.",
		"Who holds keys now: the IAM users and sessions that are issued.", `
Lists every IAM user that was issued and is not known to be gone, and those of failed
requests until they are deleted. "vault list -detailed" shows the state of each, its role,
its access key, who asked, and the latest moment that its lease can live to. If
config/users has register_sessions, sessions are listed too, by the ID of their access
key. issued/role/<role> lists those of one role, issued/entity/<id> those of one entity.

after and limit read a long list in parts, and details=false returns only the names.
`)
}

func (u *Users) pathIssuedOfRole() *framework.Path {
	return u.issuedList("issued/role/(?P<role>.+?)/?$", "issued-users-of-role", "role",
		framework.FieldSchema{Type: framework.TypeString, Description: "Name of the role; it may be deleted already."},
		"List the IAM users and sessions that are issued for a role.", "Who holds keys of a role now.",
		"Lists the IAM users and sessions that were issued for a role, as issued/ lists all.")
}

func (u *Users) pathIssuedOfEntity() *framework.Path {
	return u.issuedList("issued/entity/(?P<id>.+?)/?$", "issued-users-of-entity", "id",
		framework.FieldSchema{Type: framework.TypeString, Description: "ID of a Vault entity."},
		"List the IAM users and sessions that an entity holds.", "Which keys an entity holds now.",
		"Lists the IAM users and sessions that were issued to one entity, as issued/ lists all.")
}

// issuedList is the path of a list, of all that is issued or of what a field picks.
func (u *Users) issuedList(pattern, suffix, field string, schema framework.FieldSchema, summary, synopsis, description string) *framework.Path {
	fields := map[string]*framework.FieldSchema{
		"unused_for": unusedField(),
		"after": {
			Type:        framework.TypeString,
			Query:       true,
			Description: "List only names after this one: the last name of the previous part. Empty: from the start.",
		},
		"limit": {
			Type:        framework.TypeInt,
			Query:       true,
			Description: "Maximum number of names in the answer. 0: all.",
		},
		"details": {
			Type:        framework.TypeBool,
			Default:     true,
			Query:       true,
			Description: "Whether the answer has the details of each name. false: only the names; no record is read.",
		},
	}
	if field != "" {
		fields[field] = &schema
	}
	return &framework.Path{
		Pattern:         pattern,
		DisplayAttrs:    engine.Operation("", suffix),
		Fields:          fields,
		Operations:      map[logical.Operation]framework.OperationHandler{logical.ListOperation: u.Read(summary, u.listIssued)},
		HelpSynopsis:    synopsis,
		HelpDescription: description,
	}
}

// part is which part of a list a request asks for.
type part struct {
	role, entity, after string
	limit               int
	details             bool
}

func partOf(d *framework.FieldData) (part, error) {
	p := part{details: true}
	for field, value := range map[string]*string{"role": &p.role, "id": &p.entity, "after": &p.after} {
		if d.Schema[field] != nil {
			engine.Set(d, field, value)
		}
	}
	engine.Set(d, "details", &p.details)
	if engine.Set(d, "limit", &p.limit); p.limit < 0 {
		return p, engine.UserErrorf("limit: %d is not possible; use a number of names, or 0 for all", p.limit)
	}
	return p, nil
}

// behind is what comes after the part before, of a list of names in order.
func (p part) behind(names []string) []string {
	if p.after == "" {
		return names
	}
	at, found := slices.BinarySearch(names, p.after)
	if found {
		at++
	}
	return names[at:]
}

// of is the part of what is behind.
func (p part) of(names []string) []string {
	return names[:min(len(names), cmp.Or(p.limit, len(names)))]
}

func (u *Users) listIssued(ctx context.Context, req *logical.Request, d *framework.FieldData) (*logical.Response, error) {
	p, err := partOf(d)
	if err != nil {
		return nil, err
	}
	names, err := u.issuedNames(ctx, req.Storage, p)
	if err != nil {
		return nil, err
	}
	names, uses, warnings, err := u.unusedFor(ctx, req.Storage, d, p.behind(names))
	if err != nil {
		return nil, err
	}
	if names = p.of(names); !p.details {
		resp := logical.ListResponse(names)
		resp.Warnings = warnings
		return resp, nil
	}
	var mu sync.Mutex
	infos := map[string]any{}
	err = engine.Each(ctx, u.Mount, readsAtOnce, names, nil, func(ctx context.Context, name string) error {
		info, err := u.issuedInfo(ctx, req.Storage, name)
		if err != nil || info == nil {
			return err
		}
		maps.Copy(info, uses[name])
		mu.Lock()
		defer mu.Unlock()
		infos[name] = info
		return nil
	})
	if err != nil {
		return nil, err
	}
	resp := logical.ListResponseWithInfo(slices.Sorted(maps.Keys(infos)), infos)
	resp.Warnings = warnings
	return resp, nil
}

// issuedNames are the names of the users and sessions that a request asks for, in order.
func (u *Users) issuedNames(ctx context.Context, s logical.Storage, p part) ([]string, error) {
	if err := u.Fill(ctx, s); err != nil {
		return nil, err
	}
	ofSessions, err := u.o.Sessions.Holders(ctx, s, p.role, p.entity)
	if err != nil {
		return nil, err
	}
	names := append(u.index.holders(p.role, p.entity), ofSessions...)
	slices.Sort(names)
	return slices.Compact(names), nil
}

// issuedInfo is what is shown of a user or a session; nil when it has gone since. A record that
// cannot be read hides no user.
func (u *Users) issuedInfo(ctx context.Context, s logical.Storage, name string) (map[string]any, error) {
	r, err := load(ctx, s, name)
	switch {
	case engine.IsUnreadable(err):
		return map[string]any{"username": name, "error": err.Error()}, nil
	case err != nil:
		return nil, err
	case r == nil:
		return u.o.Sessions.Read(ctx, s, name)
	}
	return r.response(name, u.unconfirmed(r)), nil
}
