// SPDX-License-Identifier: MPL-2.0

package backend

import (
	"context"

	"github.com/hashicorp/vault/sdk/framework"
	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/engine"
)

func (b *backend) pathTidy() *framework.Path {
	return &framework.Path{
		Pattern:      "tidy",
		DisplayAttrs: engine.Operation("start", "tidy"),
		Fields:       orderFields(),
		Operations: map[logical.Operation]framework.OperationHandler{
			logical.UpdateOperation: engine.Gives(b.Write("Look for IAM users of this mount that no record speaks for.", b.writeTidy), nil),
		},
		HelpSynopsis: "Find IAM users of this mount that no record speaks for.",
		HelpDescription: `
Goes through all IAM users of the account, in the background and slowly, so that nobody
who wants a credential waits for it. A user that carries this mount's tags, that is older
than safety_buffer and of which the engine has no record is reported at tidy/status; with
delete=true it is deleted with everything that it owns.

Run it without delete first. Needs iam:ListUsers, and iam:GetUser on all users.
`,
	}
}

func (b *backend) pathTidyStatus() *framework.Path {
	return &framework.Path{
		Pattern:      "tidy/status",
		DisplayAttrs: engine.Operation("", "tidy-status"),
		Operations: map[logical.Operation]framework.OperationHandler{
			// By way of write, since a standby does not know how far another server is.
			logical.ReadOperation: engine.Gives(b.Write("Read how far tidy is, or what the last run found.", b.readTidyStatus), tidyAnswer()),
		},
		HelpSynopsis: "How far tidy is, and what it found.",
		HelpDescription: `
Shows the run that is under way, or else the last one: what it was asked, how many users
it saw, which of them no record speaks for, and what went wrong. It survives restarts.
`,
	}
}

func (b *backend) pathTidyCancel() *framework.Path {
	return &framework.Path{
		Pattern:      "tidy/cancel",
		DisplayAttrs: engine.Operation("cancel", "tidy"),
		Operations: map[logical.Operation]framework.OperationHandler{
			logical.UpdateOperation: engine.Gives(b.Write("End the run of tidy that is under way.", b.writeTidyCancel), tidyAnswer()),
		},
		HelpSynopsis: "End the run of tidy that is under way.",
		HelpDescription: `
Ends the run and answers what it had found. What it has deleted stays deleted; the
schedule in config/auto-tidy goes on.
`,
	}
}

// tidyAnswer is what a read of tidy/status may hold.
func tidyAnswer() map[string]*framework.FieldSchema {
	count := func(text string) *framework.FieldSchema {
		return &framework.FieldSchema{Type: framework.TypeInt, Description: text}
	}
	return map[string]*framework.FieldSchema{
		"state":                  {Type: framework.TypeString, Description: "What the last run is: idle (there was none), running, finished, error or cancelled."},
		"error":                  {Type: framework.TypeString, Description: "Why the run ended before it was through; else empty."},
		"scheduled":              {Type: framework.TypeBool, Description: "Whether config/auto-tidy began the run."},
		"delete":                 {Type: framework.TypeBool, Description: "Whether the run was asked to delete what it finds."},
		"safety_buffer":          {Type: framework.TypeInt64, Description: "Seconds that a user had to be old, by AWS's clock, to be looked at."},
		"time_started":           {Type: framework.TypeString, Description: "When the run began (RFC 3339); null if there was none."},
		"time_finished":          {Type: framework.TypeString, Description: "When it ended (RFC 3339); null while it runs."},
		"pages":                  count("Pages of the account's list of users that were read."),
		"users_seen":             count("Users on them."),
		"users_recorded":         count("Users of these that a record of this mount speaks for; AWS is not asked about them."),
		"users_too_young":        count("Users of these that are younger than safety_buffer."),
		"users_examined":         count("Users whose tags were looked at: no record speaks for them, and they are old enough."),
		"users_of_other_mounts":  count("Users of these that carry another mount's tags. They are left alone."),
		"users_without_our_tags": count("Users of these that carry no mount's tags. They are left alone."),
		"users_gone":             count("Users that were listed and had gone when they were looked at."),
		"users_refused":          count("Users that AWS did not let the engine look at. They are left alone."),
		"found":                  {Type: framework.TypeSlice, Description: "Users of this mount that no record speaks for, the first 500: username, role, created, and whether it was deleted."},
		"found_count":            count("How many there are."),
		"deleted_count":          count("How many of them were deleted."),
		"errors":                 {Type: framework.TypeStringSlice, Description: "What went wrong with single users, in AWS's words, the first ten."},
		"errors_count":           count("How often something went wrong with single users."),
	}
}

func (b *backend) writeTidy(ctx context.Context, req *logical.Request, d *framework.FieldData) (*logical.Response, error) {
	order := newTidyOrder()
	order.update(d)
	var m engine.Mistakes
	if order.validate(&m); m.Err() != nil {
		return nil, m.Err()
	}
	if err := b.checkTidy(); err != nil {
		return nil, err
	}
	warnings, err := b.tidyWarnings(ctx, req.Storage)
	if err != nil {
		return nil, err
	}
	if err := b.startTidy(ctx, req.Storage, order, false); err != nil {
		return nil, err
	}
	return engine.Warned(append([]string{"tidy has begun and goes on in the background; read tidy/status for how far it is and what it found"}, warnings...)), nil
}

func (b *backend) readTidyStatus(ctx context.Context, req *logical.Request, _ *framework.FieldData) (*logical.Response, error) {
	report, err := b.lastTidy(ctx, req.Storage)
	if err != nil {
		return nil, err
	}
	warnings, err := b.tidyWarnings(ctx, req.Storage)
	if err != nil {
		return nil, err
	}
	return &logical.Response{Data: report.response(), Warnings: warnings}, nil
}

func (b *backend) writeTidyCancel(ctx context.Context, req *logical.Request, _ *framework.FieldData) (*logical.Response, error) {
	ended := b.tidying.stop(errTidyCancelled)
	if ended == nil {
		last, err := b.lastTidy(ctx, req.Storage)
		if err != nil {
			return nil, err
		}
		return nil, engine.UserErrorf("tidy is not running; its state is %s", last.State)
	}
	select {
	case <-ended:
		return &logical.Response{Data: b.tidying.last().response()}, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// tidyWarnings say what tidy cannot see.
func (b *backend) tidyWarnings(ctx context.Context, s logical.Storage) ([]string, error) {
	users, err := engine.LoadOr(ctx, s, engine.KeyUsersConfig, newUsersConfig)
	switch {
	case err != nil:
		return nil, err
	case !users.OwnershipTags:
		return []string{"ownership_tags is off at config/users: tidy knows users by these tags, and does not find those that are made without"}, nil
	case b.untagged():
		return []string{"AWS refuses the tags that say whose an IAM user is, so users are being made without, and tidy does not find those; allow iam:TagUser"}, nil
	}
	return nil, nil
}
