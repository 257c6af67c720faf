// SPDX-License-Identifier: MPL-2.0

package staticrole

import (
	"context"
	"maps"
	"slices"

	"github.com/hashicorp/vault/sdk/framework"
	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/engine"
)

func (k *Keeper) pathRoles() *framework.Path {
	return &framework.Path{
		Pattern:      "static-roles/?$",
		DisplayAttrs: engine.Operation("", "static-roles"),
		Operations: map[logical.Operation]framework.OperationHandler{
			logical.ListOperation: k.Read("List the names of the static roles.", k.listRoles),
		},
		HelpSynopsis:    "The names of all static roles.",
		HelpDescription: "Lists the names of all static roles of this mount.",
	}
}

func (k *Keeper) pathRole() *framework.Path {
	write := engine.Gives(k.Write("Adopt an IAM user, or change how its key is rotated.", k.writeRole), roleAnswer())
	fields := roleFields()
	fields["last_used"] = engine.LastUsedField()
	return &framework.Path{
		Pattern:      "static-roles/" + engine.RoleName,
		DisplayAttrs: engine.Operation("", "static-roles-name"),
		Fields:       fields,
		Operations: map[logical.Operation]framework.OperationHandler{
			logical.ReadOperation:   engine.Gives(k.Read("Read a static role, and when its key was and will be rotated.", k.readRole), readAnswer()),
			logical.UpdateOperation: write,
			logical.DeleteOperation: k.Write("Delete a static role and the keys that it made.", k.deleteRole),
		},
		HelpSynopsis: "An existing IAM user whose access key the engine makes and rotates.",
		HelpDescription: `
Writing a static role adopts an IAM user that exists already: the engine makes an access
key for it, which static-creds/<name> returns, and makes a new one every rotation_period
or at the times of rotation_schedule. The previous key works until the next rotation, or
for previous_key_ttl, if AWS's limit of two keys leaves room for it.

Keys of the user that the engine did not make are never deleted, except the one that
replace_access_key names. An IAM user can have one static role. With assume_role_arn the
user is in another account.

disabled switches a role off: static-creds answers 403 with disabled_reason. The key keeps
working and is rotated as before; write to static-roles/<name>/rotate twice to end it.
`,
	}
}

func (k *Keeper) pathRotate() *framework.Path {
	return &framework.Path{
		Pattern:      "static-roles/" + engine.RoleName + "/rotate",
		DisplayAttrs: engine.Operation("rotate", "static-role"),
		Fields:       map[string]*framework.FieldSchema{"name": roleFields()["name"]},
		Operations: map[logical.Operation]framework.OperationHandler{
			logical.UpdateOperation: engine.Gives(k.Write("Rotate the key of a static role now.", k.writeRotate), roleAnswer()),
		},
		HelpSynopsis: "Rotate the key of a static role now.",
		HelpDescription: `
Makes a new key for the IAM user of the static role, whether or not it is due. The period
to the next rotation starts again. A scheduled rotation that waits because this storage
may be a copy is done at once.
`,
	}
}

func (k *Keeper) readRole(ctx context.Context, req *logical.Request, d *framework.FieldData) (*logical.Response, error) {
	name := d.Get("name").(string)
	if err := engine.CheckRoleName(name); err != nil {
		return nil, err
	}
	r, c, err := load(ctx, req.Storage, name)
	if err != nil || r == nil {
		return nil, err
	}
	k.Observe(req, "aws/static-role/read", r.observed())
	data := k.describe(r, c)
	var asked bool
	if engine.Set(d, "last_used", &asked); asked && c != nil {
		client, err := k.accounts.clientOf(ctx, req.Storage, r.AssumeRole)
		if err != nil {
			return nil, err
		}
		use, err := client.KeyUse(ctx, c.AccessKey)
		if err != nil {
			return nil, err
		}
		maps.Copy(data, k.LastUse(use))
	}
	return &logical.Response{Data: data}, nil
}

// observed is what an observation of a static role tells.
func (r *role) observed() map[string]any {
	return map[string]any{"role_name": r.Name, "rotation_period": r.RotationPeriod.String()}
}

// describe is a static role and how its rotation goes.
func (k *Keeper) describe(r *role, c *creds) map[string]any {
	data := map[string]any{
		"last_vault_rotation": "", "next_vault_rotation": "", "other_access_keys": []string{},
		"last_rotation_error": k.queue.get(r.Name).failure,
	}
	if c != nil {
		data["last_vault_rotation"] = timestamp(c.rotated(r))
		data["next_vault_rotation"] = timestamp(k.nextRotation(r, c))
		data["other_access_keys"] = append([]string{}, c.OtherKeys...)
	}
	maps.Copy(data, r.response())
	return data
}

func (k *Keeper) writeRole(ctx context.Context, req *logical.Request, d *framework.FieldData) (*logical.Response, error) {
	name := d.Get("name").(string)
	if err := engine.CheckRoleName(name); err != nil {
		return nil, err
	}
	var user, replace string
	engine.Set(d, "username", &user)
	engine.Set(d, "replace_access_key", &replace)
	changed := []engine.LockKey{engine.LockStaticRole(name)}
	if user != "" {
		changed = append(changed, engine.LockIAMUser(user))
	}
	ctx, unlock, err := k.Locks.Lock(ctx, changed...)
	if err != nil {
		return nil, err
	}
	defer unlock()
	before, c, err := load(ctx, req.Storage, name)
	if err != nil {
		return nil, err
	}
	r := newRole(name)
	var stood error
	at := k.Place(ctx, req.Storage)
	if before != nil {
		*r = *before
		_, stood = before.validate(at)
	}
	if err := r.update(d); err != nil {
		return nil, err
	}
	r.NoteDisabled(k.Now())
	elsewhere, err := r.validate(at)
	old, err := engine.Stood(req.Data, stood, err)
	if err != nil {
		return nil, err
	}
	if err := spareEngineKey(ctx, req.Storage, "replace_access_key", replace); err != nil {
		return nil, err
	}
	if before == nil {
		err = k.identify(ctx, req.Storage, r)
	}
	switch {
	case err != nil:
	case before == nil || c == nil:
		c, err = k.adopt(ctx, req.Storage, r, replace)
	default:
		err = k.change(ctx, req.Storage, roleChange{before: before, role: r, creds: c, replace: replace})
	}
	if err != nil {
		return nil, err
	}
	k.Observe(req, "aws/static-role/write", r.observed())
	return &logical.Response{Data: k.describe(r, c), Warnings: slices.Concat(elsewhere, old, r.Idle("external_id"), warnings(ctx, req.Storage, r, c))}, nil
}

func (k *Keeper) writeRotate(ctx context.Context, req *logical.Request, d *framework.FieldData) (*logical.Response, error) {
	name := d.Get("name").(string)
	if err := engine.CheckRoleName(name); err != nil {
		return nil, err
	}
	ctx, unlock, err := k.Locks.Lock(ctx, engine.LockStaticRole(name))
	if err != nil {
		return nil, err
	}
	defer unlock()
	r, c, err := load(ctx, req.Storage, name)
	if err != nil {
		return nil, err
	}
	if r == nil {
		return nil, engine.UserErrorf("name: there is no static role %q; write it to static-roles/%s first", name, name)
	}
	before := c.keys()
	ctx, moment := k.moment(ctx, name, engine.AskedBy(req))
	if c, err = k.rotate(ctx, req.Storage, r, c, false); err != nil {
		moment.User, moment.Account = r.Username, r.In.Number
		moment.RotationFailed(engine.StaticRotateFailed, "rotating a static role failed", true, err)
		return nil, err
	}
	k.prover.prove(ctx, req.Storage, r, c, askedPatience)
	return &logical.Response{Data: k.describe(r, c), Warnings: slices.Concat(warnings(ctx, req.Storage, r, c), k.promises.broken(before, c))}, nil
}

func (k *Keeper) deleteRole(ctx context.Context, req *logical.Request, d *framework.FieldData) (*logical.Response, error) {
	name := d.Get("name").(string)
	if err := engine.CheckRoleName(name); err != nil {
		return nil, err
	}
	ctx, unlock, err := k.Locks.Lock(ctx, engine.LockStaticRole(name))
	if err != nil {
		return nil, err
	}
	defer unlock()
	var force bool
	engine.Set(d, "force", &force)
	warnings, err := k.abolish(ctx, req.Storage, name, force)
	if err != nil {
		return nil, err
	}
	k.Observe(req, "aws/static-role/delete", map[string]any{"role_name": name})
	return engine.Done(warnings), nil
}

func (k *Keeper) listRoles(ctx context.Context, req *logical.Request, _ *framework.FieldData) (*logical.Response, error) {
	names, err := req.Storage.List(ctx, engine.PrefixStaticRole)
	if err != nil {
		return nil, err
	}
	return logical.ListResponse(names), nil
}
