// SPDX-License-Identifier: MPL-2.0

package backend

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"slices"

	"github.com/hashicorp/vault/sdk/framework"
	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/awsrules"
	"vault-plugin-secrets-aws-dyn/backend/engine"
	"vault-plugin-secrets-aws-dyn/backend/roles"
	"vault-plugin-secrets-aws-dyn/backend/staticrole"
)

func (b *backend) pathConfigRoot() *framework.Path {
	fields := rootConfigFields()
	return &framework.Path{
		Pattern:        "config/root",
		DisplayAttrs:   engine.Operation("", "root-iam-credentials-configuration"),
		ExistenceCheck: b.existsRootConfig,
		Fields:         fields,
		Operations: map[logical.Operation]framework.OperationHandler{
			logical.ReadOperation:   engine.Gives(b.Read("Read the configuration, without the secret key.", b.readRootConfig), engine.Without(fields, "secret_key")),
			logical.CreateOperation: b.Configure("root-iam-credentials", "Configure how the engine calls AWS.", b.writeRootConfig),
			logical.UpdateOperation: b.Configure("root-iam-credentials", "Configure how the engine calls AWS.", b.writeRootConfig),
			logical.DeleteOperation: b.Write("Delete the configuration.", b.deleteRootConfig),
		},
		HelpSynopsis: "The AWS identity and endpoints of the engine.",
		HelpDescription: `
The engine needs an AWS identity that may create and delete IAM users. Give it access_key
and secret_key, or neither: then it uses the AWS SDK's default chain, which is the
environment, a shared profile, a web identity token file, container credentials and the
instance role, in this order.

A write changes only the fields that it names, and takes effect at once; running requests
finish with the configuration that they began with.
`,
	}
}

// rootConfigFields is the whole schema; what says whom the engine is without a key, and
// when its key rotates, stands with those.
func rootConfigFields() map[string]*framework.FieldSchema {
	fields := connectionFields()
	maps.Copy(fields, engine.IdentityFields())
	maps.Copy(fields, engine.RotationFields())
	return fields
}

// connectionFields say with which key, and where, the engine calls AWS.
func connectionFields() map[string]*framework.FieldSchema {
	return map[string]*framework.FieldSchema{
		"access_key": {
			Type:        framework.TypeString,
			Description: "ID of the AWS access key that the engine calls AWS with. Empty: the identity of the environment or the instance.",
		},
		"secret_key": {
			Type:         framework.TypeString,
			Description:  "Secret of access_key. Never returned.",
			DisplayAttrs: &framework.DisplayAttributes{Sensitive: true},
		},
		"region": {
			Type:        framework.TypeString,
			Description: "AWS region for calls; it also determines the partition. Empty: the environment's, else us-east-1.",
		},
		"iam_endpoint": {
			Type:        framework.TypeString,
			Description: "URL of IAM, if it is not AWS's for the region.",
		},
		"sts_endpoint": {
			Type:        framework.TypeString,
			Description: "URL of STS, if it is not AWS's for the region.",
		},
		"sts_region": {
			Type:        framework.TypeString,
			Description: "Region for STS calls. Empty: the one in sts_endpoint's host name, which is us-east-1 for sts.amazonaws.com, else region.",
		},
		"sts_fallback_endpoints": {
			Type:        framework.TypeCommaStringSlice,
			Description: "URLs of STS to try, in this order, when sts_endpoint does not answer, or its region does not serve the account.",
		},
		"sts_fallback_regions": {
			Type:        framework.TypeCommaStringSlice,
			Description: "Regions of sts_fallback_endpoints, one each; or, without those, regions whose own STS to try.",
		},
		"signin_endpoint": {
			Type:        framework.TypeString,
			Description: "URL of AWS's sign-in, which makes the links of console/, if it is not AWS's for the session's partition. The session's keys are sent there.",
		},
		"max_retries": {
			Type:        framework.TypeInt,
			Default:     engine.SDKRetries,
			Description: "How many times to retry a transient failure. -1: three attempts, more for a new user, and throttled calls for up to 40 seconds.",
		},
		"username_template": {
			Type:        framework.TypeString,
			Default:     awsrules.DefaultNameTemplate,
			Description: "Template for the names of IAM users, in Vault's username templating.",
		},
		"role_arn": {
			Type:        framework.TypeString,
			Description: "ARN of a role to assume first; all calls are then made with that role's credentials.",
		},
	}
}

func (b *backend) existsRootConfig(ctx context.Context, req *logical.Request, _ *framework.FieldData) (bool, error) {
	cfg, err := engine.Load[engine.RootConfig](ctx, req.Storage, engine.KeyRootConfig)
	if engine.IsUnreadable(err) { // it is there, and Vault would let no write come to where that is told
		return true, nil
	}
	return cfg != nil, err
}

func (b *backend) readRootConfig(ctx context.Context, req *logical.Request, _ *framework.FieldData) (*logical.Response, error) {
	cfg, err := engine.Load[engine.RootConfig](ctx, req.Storage, engine.KeyRootConfig)
	if err != nil || cfg == nil {
		return nil, err
	}
	rotation, err := b.rootKey.Describe(ctx, req.Storage, cfg)
	if err != nil {
		return nil, err
	}
	data := cfg.Response()
	maps.Copy(data, rotation)
	b.Observe(req, "aws/config/root/read", cfg.Observed())
	return &logical.Response{Data: data}, nil
}

// lostKey warns of the access key in a config/root that cannot be read.
const lostKey = "access_key: the stored one cannot be read; if the engine had rotated it, nobody has its secret, and it takes one of the two places of its IAM user: " +
	"delete it in AWS once the new one works"

func (b *backend) writeRootConfig(ctx context.Context, req *logical.Request, d *framework.FieldData) (*logical.Response, error) {
	ctx, unlock, err := b.Locks.Lock(ctx, engine.LockConfigRoot)
	if err != nil {
		return nil, err
	}
	defer unlock()
	cfg, lost, err := engine.LoadToWrite(ctx, req.Storage, engine.KeyRootConfig, engine.NewRootConfig)
	if err != nil {
		return nil, err
	}
	before := *cfg
	cfg.Update(d)
	if lost != nil {
		if cfg.AccessKey == "" && cfg.RoleARN == "" { // the engine would become somebody else
			return nil, engine.UserErrorf("access_key: is missing, and what is stored cannot be read; name access_key and secret_key, or role_arn, and all else that config/root should say. " +
				"To take the identity from the environment, delete config/root first")
		}
		lost = append(lost, lostKey)
	}
	warnings, err := b.checkRootConfig(ctx, req.Storage, &before, cfg, d)
	if err != nil {
		return nil, err
	}
	warnings = append(warnings, b.rootKey.Discarded(ctx, req.Storage, before.AccessKey, cfg.AccessKey)...)
	defer b.reconfigured() // after a failed write as well: it may have been stored all the same
	if err := engine.Save(ctx, req.Storage, engine.KeyRootConfig, cfg); err != nil {
		return nil, err
	}
	b.rootKey.Follow(ctx, req.Storage, cfg)
	if !reflect.DeepEqual(before.AWS(), cfg.AWS()) {
		b.reconfigured()    // so that the new identity is asked
		b.memory.Forget("") // what the old one was told
		warnings = append(warnings, b.leftBehind(ctx, req.Storage)...)
		if before.RoleARN == "" && cfg.RoleARN != "" {
			warnings = append(warnings, roles.WarnOfIdentity(ctx, req.Storage)...)
		}
	}
	b.Observe(req, "aws/config/root/write", cfg.Observed())
	return engine.Done(append(lost, warnings...)), nil
}

// checkRootConfig returns warnings of a write, or what is wrong with it.
func (b *backend) checkRootConfig(ctx context.Context, s logical.Storage, before, after *engine.RootConfig, d *framework.FieldData) (warnings []string, err error) {
	at, unusable := b.PlaceOf(ctx, after)
	_, stood := before.Validate(at)
	warnings, err = after.Validate(at)
	old, err := engine.Stood(d.Raw, stood, err)
	if err := b.TokenFiles.Validate(after, d, err); err != nil {
		return nil, err
	}
	if d.Raw["identity_token_audience"] != nil && after.IdentityTokenAudience != "" {
		if _, err := b.VaultToken(ctx, after); err != nil { // better now than at the first credential
			return nil, err
		}
	}
	warnings = slices.Concat(warnings, old, b.WarnOfTokenFile(after, d))
	if was, err := b.PlaceOf(ctx, before); err == nil && was.Partition() != at.Partition() {
		warnings = append(warnings, roles.WarnOfPartition(ctx, s, at)...)
	}
	if unusable != nil {
		warnings = append(warnings, unusable.Error()+"; no call to AWS can be made until that is fixed")
	}
	return warnings, nil
}

func (b *backend) deleteRootConfig(ctx context.Context, req *logical.Request, _ *framework.FieldData) (*logical.Response, error) {
	ctx, unlock, err := b.Locks.Lock(ctx, engine.LockConfigRoot)
	if err != nil {
		return nil, err
	}
	defer unlock()
	cfg, err := engine.LoadOr(ctx, req.Storage, engine.KeyRootConfig, engine.NewRootConfig)
	warnings := []string{lostKey}
	if err == nil { // where it cannot be read, it can be deleted all the same
		warnings = b.rootKey.Discarded(ctx, req.Storage, cfg.AccessKey, "")
	}
	defer b.reconfigured()
	if err := req.Storage.Delete(ctx, engine.KeyRootConfig); err != nil {
		return nil, err
	}
	return engine.Done(warnings), b.rootKey.Forget(ctx, req.Storage)
}

// leftBehind warns where config/root leads to another account than users and static roles of
// the mount are in. It asks only where there are some, and a failure is none of the write's.
func (b *backend) leftBehind(ctx context.Context, s logical.Storage) []string {
	records, err := s.List(ctx, engine.PrefixIssued)
	if err != nil {
		return nil
	}
	statics, err := s.List(ctx, engine.PrefixStaticRole)
	if err != nil || len(records)+len(statics) == 0 || b.users.Fill(ctx, s) != nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, engine.AccountLook)
	defer cancel()
	client, err := b.AWS(ctx, s)
	if err != nil {
		return nil
	}
	here, err := client.FindAccount(ctx)
	if err != nil || !here.Known() {
		return nil
	}
	home, err := engine.HomeAccount(ctx, s)
	if err != nil {
		return nil
	}
	users, from := b.users.Elsewhere(here, home)
	roles, err := staticrole.Elsewhere(ctx, s, here)
	if err != nil || users+roles == 0 {
		return nil
	}
	if users == 0 {
		from = home
	}
	left := engine.Counted(users, "IAM user")
	switch {
	case users == 0:
		left = engine.Counted(roles, "static role")
	case roles > 0:
		left += " and " + engine.Counted(roles, "static role")
	}
	return []string{fmt.Sprintf("config/root leads to AWS account %s now, and this mount has %s in another account, such as %s: "+
		"until config/root leads there again they cannot be deleted or rotated, and revocations fail; do not disable the mount before", here, left, from)}
}
