// SPDX-License-Identifier: MPL-2.0

package staticrole

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/hashicorp/vault/sdk/framework"
	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/engine"
)

// awaitKey is for how long a read waits for a key that is being made.
const awaitKey = 15 * time.Second

func (k *Keeper) pathCreds() *framework.Path {
	return &framework.Path{
		Pattern:      "static-creds/" + engine.RoleName,
		DisplayAttrs: engine.Operation("", "static-creds-name"),
		Fields: map[string]*framework.FieldSchema{
			"name": {
				Type:        framework.TypeString,
				Description: "Name of the static role.",
			},
		},
		Operations: map[logical.Operation]framework.OperationHandler{
			logical.ReadOperation: engine.Gives(k.Read("Read the access key of a static role.", k.readCreds), credsAnswer()),
		},
		HelpSynopsis: "The access key of a static role.",
		HelpDescription: `
Returns the access key of the IAM user of a static role, the same one to everybody until
it is rotated. It has no lease: ttl is the number of seconds until the next rotation.
After a rotation it returns the previous key until AWS accepts the new one; if there is no
previous key, it returns the new one with a warning. If a rotation has to delete the key
before it can make the next one, a read waits for that for up to 15 seconds, and then
fails with an error that says so.
`,
	}
}

func credsAnswer() map[string]*framework.FieldSchema {
	return map[string]*framework.FieldSchema{
		"access_key":          {Type: framework.TypeString, Description: "ID of the access key."},
		"secret_key":          {Type: framework.TypeString, Description: "Secret of the access key."},
		"expiration":          {Type: framework.TypeString, Description: "When the key is due for rotation."},
		"last_vault_rotation": {Type: framework.TypeString, Description: "When the key was made."},
		"rotation_period":     {Type: framework.TypeInt, Description: "Seconds between two rotations. 0: by rotation_schedule."},
		"rotation_schedule":   {Type: framework.TypeString, Description: "Cron line of the rotations, if the role has one."},
		"ttl":                 {Type: framework.TypeInt, Description: "Seconds until the next rotation; never 0."},
	}
}

func (k *Keeper) readCreds(ctx context.Context, req *logical.Request, d *framework.FieldData) (*logical.Response, error) {
	r, c, err := k.current(ctx, req.Storage, d.Get("name").(string))
	switch {
	case err != nil || c == nil:
		return nil, err
	case c.Ending:
		return nil, k.noKey(r, http.StatusBadGateway)
	}
	next := k.nextRotation(r, c)
	now := k.Now() // after it, so that the difference is not more than whole seconds
	if look := c.look(r, now); c.Unproven && look.Before(next) {
		next = look // the answer may be another one then
	}
	k.Observe(req, "aws/static-credential/read", map[string]any{"role_name": r.Name})
	return &logical.Response{Data: c.response(r, next, now), Warnings: c.youngWarnings(r, now)}, nil
}

// current reads a static role and its key, once a change of that has ended; nil where there is none.
func (k *Keeper) current(ctx context.Context, s logical.Storage, name string) (*role, *creds, error) {
	if err := engine.CheckRoleName(name); err != nil {
		return nil, nil, err
	}
	r, c, err := load(ctx, s, name)
	if err != nil || c == nil {
		return nil, nil, err
	}
	if err := r.Refusal("static-roles/" + name); err != nil {
		return nil, nil, err
	}
	if c.Ending {
		return k.nextKey(ctx, s, name)
	}
	return r, c, nil
}

// nextKey waits until the change of a key that is under way has ended, and reads what came of it.
func (k *Keeper) nextKey(ctx context.Context, s logical.Storage, name string) (*role, *creds, error) {
	wait, cancel := context.WithTimeout(ctx, awaitKey)
	defer cancel()
	k.Locks.Await(wait, engine.LockStaticRole(name))
	return load(ctx, s, name)
}

// nextRotation is when a key will be rotated: when it is due or, where that is past, when it is
// looked at next.
func (k *Keeper) nextRotation(r *role, c *creds) time.Time {
	now := k.Now()
	next, l := c.due(r, now), k.queue.get(r.Name)
	switch {
	case l.failure != "" && l.at.After(next), !next.After(now) && l.at.After(now):
		return l.at
	case !next.After(now): // the rotation is under way, here or on the active server
		return now.Add(engine.TimerPause)
	}
	return next
}

// noKey is the answer while there is no key: the last one had to make room for the next one.
func (k *Keeper) noKey(r *role, status int) error {
	again, why := engine.TimerPause, ""
	l := k.queue.get(r.Name)
	if l.failure != "" { // else the next one is being made, and l.at is when the deleted one was due
		why = ": " + l.failure
		again = max(again, l.at.Sub(k.Now()))
	}
	return logical.CodedError(status, fmt.Sprintf(
		"the access key of static role %s was deleted to make room for its next one, which AWS has not made so far; read again in %d seconds%s",
		r.Name, seconds(again), why))
}
