// SPDX-License-Identifier: MPL-2.0

package backend

import (
	"context"

	"github.com/hashicorp/vault/sdk/framework"
	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/engine"
)

func (b *backend) pathConfigAutoTidy() *framework.Path {
	fields := autoTidyFields()
	return &framework.Path{
		Pattern:      "config/auto-tidy",
		DisplayAttrs: engine.Operation("", "auto-tidy-configuration"),
		Fields:       fields,
		Operations: map[logical.Operation]framework.OperationHandler{
			logical.ReadOperation:   engine.Gives(b.Read("Read when tidy runs by itself.", b.readAutoTidy), fields),
			logical.UpdateOperation: b.Configure("auto-tidy", "Configure when tidy runs by itself.", b.writeAutoTidy),
		},
		HelpSynopsis: "Whether and how often tidy runs by itself.",
		HelpDescription: `
With enabled, tidy runs every interval_duration: it reports IAM users that carry this
mount's tags and that no record speaks for, and with delete it deletes them. tidy/status
shows the last run. A write changes only the fields that it names.
`,
	}
}

func (b *backend) readAutoTidy(ctx context.Context, req *logical.Request, _ *framework.FieldData) (*logical.Response, error) {
	cfg, err := engine.LoadOr(ctx, req.Storage, engine.KeyAutoTidy, newAutoTidy)
	if err != nil {
		return nil, err
	}
	return &logical.Response{Data: cfg.response()}, nil
}

func (b *backend) writeAutoTidy(ctx context.Context, req *logical.Request, d *framework.FieldData) (*logical.Response, error) {
	cfg, err := engine.LoadOr(ctx, req.Storage, engine.KeyAutoTidy, newAutoTidy)
	if err != nil {
		return nil, err
	}
	cfg.update(d)
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	var warnings []string
	if cfg.Enabled {
		if err := b.checkTidy(); err != nil {
			return nil, err
		}
		if warnings, err = b.tidyWarnings(ctx, req.Storage); err != nil {
			return nil, err
		}
	}
	if err := engine.Save(ctx, req.Storage, engine.KeyAutoTidy, cfg); err != nil {
		return nil, err
	}
	return engine.Done(warnings), nil
}
