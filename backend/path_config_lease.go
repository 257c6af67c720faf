// SPDX-License-Identifier: MPL-2.0

package backend

import (
	"context"

	"github.com/hashicorp/vault/sdk/framework"
	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/engine"
)

func (b *backend) pathConfigLease() *framework.Path {
	fields := map[string]*framework.FieldSchema{
		"lease": {
			Type:         framework.TypeString,
			DisplayAttrs: &framework.DisplayAttributes{EditType: engine.EditTTL},
			Description:  "Default lease of IAM user credentials, such as 24h. 0: the mount's default.",
		},
		"lease_max": {
			Type:         framework.TypeString,
			DisplayAttrs: &framework.DisplayAttributes{EditType: engine.EditTTL},
			Description:  "Longest lease of IAM user credentials, renewals included. 0: the mount's maximum.",
		},
	}
	return &framework.Path{
		Pattern:      "config/lease",
		DisplayAttrs: engine.Operation("", "lease-configuration"),
		Fields:       fields,
		Operations: map[logical.Operation]framework.OperationHandler{
			logical.ReadOperation:   engine.Gives(b.Read("Read the default and the longest lease.", b.readLeaseConfig), fields),
			logical.UpdateOperation: b.ConfigureAlone(engine.KeyLeaseConfig, "lease", "Configure the default and the longest lease.", b.writeLeaseConfig),
		},
		HelpSynopsis: "The default and the longest lease of IAM user credentials.",
		HelpDescription: `
lease is the TTL of an IAM user if neither the request nor its role sets one; lease_max is
the longest that any IAM user of this mount may live, renewals included. Sessions have
limits of their own. If a field is not set here, the mount's tuning decides. A write
changes only the fields that it names.
`,
	}
}

func (b *backend) readLeaseConfig(ctx context.Context, req *logical.Request, _ *framework.FieldData) (*logical.Response, error) {
	cfg, err := engine.Load[leaseConfig](ctx, req.Storage, engine.KeyLeaseConfig)
	if err != nil || cfg == nil {
		return nil, err
	}
	b.Observe(req, "aws/config/lease/read", cfg.response())
	return &logical.Response{Data: cfg.response()}, nil
}

func (b *backend) writeLeaseConfig(ctx context.Context, req *logical.Request, d *framework.FieldData) (*logical.Response, error) {
	cfg, lost, err := engine.LoadToWrite(ctx, req.Storage, engine.KeyLeaseConfig, newLeaseConfig)
	if err != nil {
		return nil, err
	}
	stood := cfg.validate()
	if !cfg.update(d) {
		return nil, nil
	}
	warnings, err := engine.Stood(req.Data, stood, cfg.validate())
	if err != nil {
		return nil, err
	}
	defer b.shared.EndAll()     // below a new configuration
	defer b.settingsNow.Reset() // after a failed write as well: it may have been stored all the same
	if err := engine.Save(ctx, req.Storage, engine.KeyLeaseConfig, cfg); err != nil {
		return nil, err
	}
	b.Observe(req, "aws/config/lease/write", cfg.response())
	return engine.Done(append(lost, warnings...)), nil
}
