// SPDX-License-Identifier: MPL-2.0

package backend

import (
	"time"

	"github.com/hashicorp/vault/sdk/framework"

	"vault-plugin-secrets-aws-dyn/backend/awsrules"
	"vault-plugin-secrets-aws-dyn/backend/engine"
	"vault-plugin-secrets-aws-dyn/internal/awscreds"
)

// accountUsers is how many IAM users an account may have (IAM User Guide, "IAM and
// AWS STS quotas"; AWS does not raise it).
const accountUsers = 5000

// usersConfig says how the mount's IAM users are kept.
type usersConfig struct {
	MaxUsers      int  `json:"max_users"` // 0: no cap
	OwnershipTags bool `json:"ownership_tags"`
	// UnconfirmedTTL is after how long a user goes that perhaps nobody got and nobody has
	// used; 0 is never.
	UnconfirmedTTL time.Duration `json:"unconfirmed_ttl,omitempty"`
}

func newUsersConfig() *usersConfig { return &usersConfig{OwnershipTags: true} }

// update takes what the request names.
func (c *usersConfig) update(d *framework.FieldData) {
	engine.Set(d, "max_users", &c.MaxUsers)
	engine.Set(d, "ownership_tags", &c.OwnershipTags)
	engine.SetSeconds(d, "unconfirmed_ttl", &c.UnconfirmedTTL)
}

// validate returns warnings, or every mistake at once; account is what the request says of the home account.
func (c *usersConfig) validate(account string) (warnings []string, err error) {
	var m engine.Mistakes
	warnings = validateMaxUsers(&m, c.MaxUsers)
	if ttl := c.UnconfirmedTTL; ttl != 0 && ttl < leastUnconfirmed {
		m.Add("unconfirmed_ttl", "%s is too short; use at least %s, or 0 for never", ttl, leastUnconfirmed)
	}
	if account != "" && !awsrules.IsAccount(account) {
		m.Add("account", "%q is not an AWS account: 12 digits, or a partition, a colon and 12 digits, such as aws-us-gov:123456789012", account)
	}
	return warnings, m.Err()
}

// validateMaxUsers checks a cap, of the mount or of a role.
func validateMaxUsers(m *engine.Mistakes, most int) (warnings []string) {
	switch {
	case most < 0:
		m.Add("max_users", "%d is not possible; use 0 for no cap, or a number up to %d, which is what AWS allows an account", most, accountUsers)
	case most > accountUsers:
		return []string{"max_users: is more than the 5000 IAM users that AWS allows an account, so it caps nothing"}
	}
	return warnings
}

func (c *usersConfig) response(home awscreds.Account) map[string]any {
	return map[string]any{
		"max_users": c.MaxUsers, "ownership_tags": c.OwnershipTags, "unconfirmed_ttl": engine.Seconds(c.UnconfirmedTTL),
		"account": engine.AccountText(home),
	}
}
