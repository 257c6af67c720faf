// SPDX-License-Identifier: MPL-2.0

package tidy

import (
	"context"
	"fmt"
	"time"

	"github.com/hashicorp/vault/sdk/framework"
	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/engine"
)

func (t *Tidy) pathStart() *framework.Path {
	return &framework.Path{
		Pattern:      "tidy",
		DisplayAttrs: engine.Operation("start", "tidy"),
		Fields:       startFields(),
		Operations: map[logical.Operation]framework.OperationHandler{
			logical.UpdateOperation: engine.Gives(t.Write("Look for orphaned IAM users of this mount.", t.writeStart), nil),
		},
		HelpSynopsis: "Find orphaned IAM users: they are this mount's and have no record.",
		HelpDescription: `
Goes through all IAM users of the account, in the background and slowly, so that requests
for credentials do not wait for it. A user that carries this mount's tags, is older than
safety_buffer and has no record is reported at tidy/status. With delete=true it is deleted
with everything that it owns, if its tags prove that it is this mount's. Others have
proven=false and stay.

Run it without delete first. Needs iam:ListUsers, and iam:GetUser on all users.
`,
	}
}

func (t *Tidy) pathStatus() *framework.Path {
	return &framework.Path{
		Pattern:      "tidy/status",
		DisplayAttrs: engine.Operation("", "tidy-status"),
		Operations: map[logical.Operation]framework.OperationHandler{
			// By way of write, since a standby does not know how far another server is.
			logical.ReadOperation: engine.Gives(t.Write("Read the progress of tidy, or what the last run found.", t.readStatus), answer()),
		},
		HelpSynopsis: "The progress of tidy, and what it found.",
		HelpDescription: `
Shows the run in progress, or else the last one: its parameters, how many users it saw,
which of them have no record, and what went wrong. It survives restarts.
`,
	}
}

func (t *Tidy) pathCancel() *framework.Path {
	return &framework.Path{
		Pattern:      "tidy/cancel",
		DisplayAttrs: engine.Operation("cancel", "tidy"),
		Operations: map[logical.Operation]framework.OperationHandler{
			logical.UpdateOperation: engine.Gives(t.Write("Stop the run of tidy that is in progress.", t.writeCancel), answer()),
		},
		HelpSynopsis: "Stop the run of tidy that is in progress.",
		HelpDescription: `
Stops the run in progress and returns what it has found. What it has deleted stays
deleted; the schedule in config/auto-tidy continues.
`,
	}
}

// answer is what a read of tidy/status may hold.
func answer() map[string]*framework.FieldSchema {
	count := func(text string) *framework.FieldSchema {
		return &framework.FieldSchema{Type: framework.TypeInt, Description: text}
	}
	return map[string]*framework.FieldSchema{
		"state":                  {Type: framework.TypeString, Description: "State of the last run: idle (there was none), running, finished, error or cancelled."},
		"error":                  {Type: framework.TypeString, Description: "Why the run ended early; else empty."},
		"scheduled":              {Type: framework.TypeBool, Description: "Whether config/auto-tidy started the run."},
		"delete":                 {Type: framework.TypeBool, Description: "Whether the run was asked to delete what it finds."},
		"safety_buffer":          {Type: framework.TypeInt64, Description: "Minimum age of users, in seconds by AWS's clock, to be looked at."},
		"time_started":           {Type: framework.TypeString, Description: "When the run began (RFC 3339); null if there was none."},
		"time_finished":          {Type: framework.TypeString, Description: "When it ended (RFC 3339); null while it runs."},
		"pages":                  count("Pages of the account's list of users that were read."),
		"users_seen":             count("Users on them."),
		"users_recorded":         count("Users of these that have a record; AWS is not asked about them."),
		"users_too_young":        count("Users of these that are younger than safety_buffer."),
		"users_examined":         count("Users whose tags were looked at: they have no record, and are old enough."),
		"users_of_other_mounts":  count("Users of these with another mount's tags. They are left alone."),
		"users_without_our_tags": count("Users of these without any mount's tags. They are left alone."),
		"users_gone":             count("Users that were listed but no longer existed when they were looked at."),
		"users_refused":          count("Users that AWS did not let the engine look at. They are left alone."),
		"found":                  {Type: framework.TypeSlice, Description: "Orphaned users of this mount, the first 500: username, role, created, and whether it was deleted."},
		"found_count":            count("Number of users in found, those beyond 500 included."),
		"deleted_count":          count("How many of them were deleted."),
		"unproven_count":         count("Users of found whose tags name this mount without proving it: anybody may have written the tags, or version 0.1 made the user, or another engine with a copy of this storage did. They are left alone."),
		"records_absent":         count("Records of users with leases that are not on AWS's list. AWS is asked about each by name, the oldest 200 in a run."),
		"records_ended":          count("Records of these that were dropped: AWS has no such user in the account that it was made in."),
		"errors":                 {Type: framework.TypeStringSlice, Description: "AWS's errors about single users, the first ten."},
		"errors_count":           count("Number of errors about single users."),
	}
}

func (t *Tidy) writeStart(ctx context.Context, req *logical.Request, d *framework.FieldData) (*logical.Response, error) {
	order := newOrder()
	order.update(d)
	var m engine.Mistakes
	if order.validate(&m); m.Err() != nil {
		return nil, m.Err()
	}
	if err := t.check(); err != nil {
		return nil, err
	}
	warnings, err := t.records.Untagged(ctx, req.Storage)
	if err != nil {
		return nil, err
	}
	if err := t.start(ctx, req.Storage, order, false); err != nil {
		return nil, err
	}
	return engine.Warned(append([]string{"tidy started in the background; tidy/status shows its progress and what it found"}, warnings...)), nil
}

func (t *Tidy) readStatus(ctx context.Context, req *logical.Request, _ *framework.FieldData) (*logical.Response, error) {
	report, err := t.last(ctx, req.Storage)
	if err != nil {
		return nil, err
	}
	warnings, err := t.records.Untagged(ctx, req.Storage)
	if err != nil {
		return nil, err
	}
	if gap := t.GapAfter(time.Time{}); report.Scheduled && report.Delete && gap.Cautious(t.Now()) {
		warnings = append(warnings, fmt.Sprintf("runs of config/auto-tidy only report until %v, because the engine's heartbeat had a gap; config/gap says how to resume", engine.Stamp(gap.Until)))
	}
	return &logical.Response{Data: report.response(), Warnings: warnings}, nil
}

func (t *Tidy) writeCancel(ctx context.Context, req *logical.Request, _ *framework.FieldData) (*logical.Response, error) {
	ended := t.current.stop(errCancelled)
	if ended == nil {
		last, err := t.last(ctx, req.Storage)
		if err != nil {
			return nil, err
		}
		return nil, engine.UserErrorf("tidy is not running; its state is %s", last.State)
	}
	select {
	case <-ended:
		return &logical.Response{Data: t.current.last().response()}, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
