// SPDX-License-Identifier: MPL-2.0

package tidy

import (
	"context"

	"github.com/hashicorp/vault/sdk/framework"
	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/engine"
)

func (t *Tidy) pathAutoTidy() *framework.Path {
	fields := scheduleFields()
	return &framework.Path{
		Pattern:      "config/auto-tidy",
		DisplayAttrs: engine.Operation("", "auto-tidy-configuration"),
		Fields:       fields,
		Operations: map[logical.Operation]framework.OperationHandler{
			logical.ReadOperation:   engine.Gives(t.Read("Read when tidy runs automatically.", t.readAutoTidy), fields),
			logical.UpdateOperation: t.ConfigureAlone(engine.KeyAutoTidy, "auto-tidy", "Configure when tidy runs automatically.", t.writeAutoTidy),
		},
		HelpSynopsis: "Whether and how often tidy runs automatically.",
		HelpDescription: `
With enabled, tidy runs every interval_duration. It reports orphaned IAM users, which
carry this mount's tags and have no record, and with delete it deletes those whose tags
prove that they are this mount's. For a day after a gap in the heartbeat it only reports.
tidy/status shows the last run. A write changes only the fields that it names.
`,
	}
}

func (t *Tidy) readAutoTidy(ctx context.Context, req *logical.Request, _ *framework.FieldData) (*logical.Response, error) {
	cfg, err := engine.LoadOr(ctx, req.Storage, engine.KeyAutoTidy, newSchedule)
	if err != nil {
		return nil, err
	}
	return &logical.Response{Data: cfg.response()}, nil
}

func (t *Tidy) writeAutoTidy(ctx context.Context, req *logical.Request, d *framework.FieldData) (*logical.Response, error) {
	cfg, lost, err := engine.LoadToWrite(ctx, req.Storage, engine.KeyAutoTidy, newSchedule)
	if err != nil {
		return nil, err
	}
	stood := cfg.validate()
	cfg.update(d)
	warnings, err := engine.Stood(req.Data, stood, cfg.validate())
	if err != nil {
		return nil, err
	}
	if cfg.Enabled {
		if err := t.check(); err != nil {
			return nil, err
		}
		untagged, err := t.records.Untagged(ctx, req.Storage)
		if err != nil {
			return nil, err
		}
		warnings = append(warnings, untagged...)
	}
	if err := engine.Save(ctx, req.Storage, engine.KeyAutoTidy, cfg); err != nil {
		return nil, err
	}
	return engine.Done(append(lost, warnings...)), nil
}
