// SPDX-License-Identifier: MPL-2.0

package backend

import (
	"context"
	"slices"
	"time"

	"github.com/hashicorp/vault/sdk/framework"
	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/awsrules"
	"vault-plugin-secrets-aws-dyn/backend/engine"
	"vault-plugin-secrets-aws-dyn/backend/roles"
	"vault-plugin-secrets-aws-dyn/backend/users"
	"vault-plugin-secrets-aws-dyn/internal/awscreds"
)

func (b *backend) pathConfigUsers() *framework.Path {
	fields := map[string]*framework.FieldSchema{
		"max_users": {
			Type:        framework.TypeInt,
			Description: "Maximum number of IAM users of this mount at a time in an account. 0: no limit. A role may have a limit of its own.",
		},
		"ownership_tags": {
			Type:        framework.TypeBool,
			Default:     true,
			Description: "Tag each IAM user with the mount, the role and the time that it was issued, so that tidy knows whose it is. Needs iam:TagUser; if AWS refuses that, users are made without.",
		},
		"unconfirmed_ttl": {
			Type:         framework.TypeDurationSecond,
			Description:  "After how long to delete an IAM user that was returned right before the server stopped, so that perhaps no client received it, and whose key AWS says was never used: 24h or more. 0: never. Needs iam:GetAccessKeyLastUsed.",
			DisplayAttrs: &framework.DisplayAttributes{Name: "Unconfirmed TTL"},
		},
		"register_sessions": {
			Type:        framework.TypeBool,
			Description: "Keep a record of each session too, so that issued/ lists who holds which and until when. Each costs a write to storage, and requests are forwarded to the server that may write.",
		},
		"account": {
			Type:        framework.TypeString,
			Description: "AWS account of the IAM users whose records name none: 12 digits, or partition:digits outside of the partition aws. The engine learns it itself; write it if config/root led to another account then. Empty: unchanged.",
		},
	}
	return &framework.Path{
		Pattern:      "config/users",
		DisplayAttrs: engine.Operation("", "users-configuration"),
		Fields:       fields,
		Operations: map[logical.Operation]framework.OperationHandler{
			logical.ReadOperation:   engine.Gives(b.Read("Read the settings of IAM users.", b.readUsersConfig), fields),
			logical.UpdateOperation: b.ConfigureAlone(engine.KeyUsersConfig, "users", "Configure how IAM users are kept.", b.writeUsersConfig),
		},
		HelpSynopsis: "How many IAM users this mount may issue, how they are tagged, and what is registered.",
		HelpDescription: `
max_users stops a runaway client from exhausting an account's quota of IAM users: requests
above it are refused until leases end. Each account that a role leads to is counted
separately. ownership_tags marks each user as this mount's, with a proof that only this
mount can make: without that, tidy deletes no user. account is the AWS account of users
whose records name none, such as those of the built-in engine. With register_sessions,
issued/ lists sessions too. A write changes only the fields that it names.
`,
	}
}

func (b *backend) readUsersConfig(ctx context.Context, req *logical.Request, _ *framework.FieldData) (*logical.Response, error) {
	cfg, err := engine.LoadOr(ctx, req.Storage, engine.KeyUsersConfig, newUsersConfig)
	if err != nil {
		return nil, err
	}
	home, err := engine.HomeAccount(ctx, req.Storage)
	if err != nil {
		return nil, err
	}
	return &logical.Response{Data: cfg.response(home)}, nil
}

func (b *backend) writeUsersConfig(ctx context.Context, req *logical.Request, d *framework.FieldData) (*logical.Response, error) {
	cfg, lost, err := engine.LoadToWrite(ctx, req.Storage, engine.KeyUsersConfig, newUsersConfig)
	if err != nil {
		return nil, err
	}
	_, stood := cfg.validate("")
	registered := cfg.RegisterSessions
	cfg.update(d)
	var account string
	engine.Set(d, "account", &account)
	warnings, err := cfg.validate(account)
	old, err := engine.Stood(req.Data, stood, err)
	if err != nil {
		return nil, err
	}
	if (registered || lost != nil) && !cfg.RegisterSessions {
		off, err := roles.WithoutRegister(ctx, req.Storage)
		if err != nil {
			return nil, err
		}
		warnings = append(warnings, off...)
	}
	if err := b.users.SetHome(ctx, req.Storage, account); err != nil {
		return nil, err
	}
	defer b.reconfigured() // after a failed write as well: it may have been stored all the same
	if err := engine.Save(ctx, req.Storage, engine.KeyUsersConfig, cfg); err != nil {
		return nil, err
	}
	return engine.Done(slices.Concat(lost, warnings, old)), nil
}

// usersConfig says how the mount's IAM users are kept.
type usersConfig struct {
	MaxUsers      int  `json:"max_users"` // 0: no cap
	OwnershipTags bool `json:"ownership_tags"`
	// UnconfirmedTTL is after how long a user goes that perhaps nobody got and nobody has
	// used; 0 is never.
	UnconfirmedTTL time.Duration `json:"unconfirmed_ttl,omitempty"`
	// RegisterSessions has each session get a record, as IAM users do.
	RegisterSessions bool `json:"register_sessions,omitempty"`
}

func newUsersConfig() *usersConfig { return &usersConfig{OwnershipTags: true} }

// update takes what the request names.
func (c *usersConfig) update(d *framework.FieldData) {
	engine.Set(d, "max_users", &c.MaxUsers)
	engine.Set(d, "ownership_tags", &c.OwnershipTags)
	engine.SetSeconds(d, "unconfirmed_ttl", &c.UnconfirmedTTL)
	engine.Set(d, "register_sessions", &c.RegisterSessions)
}

// validate returns warnings, or every mistake at once; account is what the request says of the home account.
func (c *usersConfig) validate(account string) (warnings []string, err error) {
	var m engine.Mistakes
	warnings = roles.CheckMaxUsers(&m, c.MaxUsers)
	if ttl := c.UnconfirmedTTL; ttl != 0 && ttl < users.LeastUnconfirmed {
		m.Add("unconfirmed_ttl", "%s is too short; use at least %s, or 0 for never", ttl, users.LeastUnconfirmed)
	}
	if account != "" && !awsrules.IsAccount(account) {
		m.Add("account", "%q is not an AWS account: 12 digits, or a partition, a colon and 12 digits, such as aws-us-gov:123456789012", account)
	}
	return warnings, m.Err()
}

func (c *usersConfig) response(home awscreds.Account) map[string]any {
	return map[string]any{
		"max_users": c.MaxUsers, "ownership_tags": c.OwnershipTags, "unconfirmed_ttl": engine.Seconds(c.UnconfirmedTTL),
		"register_sessions": c.RegisterSessions, "account": engine.AccountText(home),
	}
}
