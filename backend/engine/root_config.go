// SPDX-License-Identifier: MPL-2.0

package engine

import (
	"cmp"

	"github.com/hashicorp/vault/sdk/framework"
	"github.com/hashicorp/vault/sdk/helper/automatedrotationutil"
	"github.com/hashicorp/vault/sdk/helper/pluginidentityutil"

	"vault-plugin-secrets-aws-dyn/backend/awsrules"
	"vault-plugin-secrets-aws-dyn/internal/awscreds"
)

// SDKRetries leaves the number of retries to the engine, or to AWS_MAX_ATTEMPTS.
const SDKRetries = -1

// RootConfig says with which identity, and where, the engine calls AWS.
type RootConfig struct {
	pluginidentityutil.PluginIdentityTokenParams
	automatedrotationutil.AutomatedRotationParams

	AccessKey            string   `json:"access_key"`
	SecretKey            string   `json:"secret_key"`
	IAMEndpoint          string   `json:"iam_endpoint"`
	STSEndpoint          string   `json:"sts_endpoint"`
	STSRegion            string   `json:"sts_region"`
	STSFallbackEndpoints []string `json:"sts_fallback_endpoints"`
	STSFallbackRegions   []string `json:"sts_fallback_regions"`
	Region               string   `json:"region"`
	SigninEndpoint       string   `json:"signin_endpoint,omitempty"`
	MaxRetries           int      `json:"max_retries"`
	UsernameTemplate     string   `json:"username_template"`
	RoleARN              string   `json:"role_arn"`

	// TokenFile is where the platform keeps a token of the engine's identity.
	TokenFile string `json:"web_identity_token_file,omitempty"`

	keyName string // what errors call the key, where it is not that of config/root
}

// NewRootConfig has lists that are empty and not missing: clients count their entries.
func NewRootConfig() *RootConfig {
	return &RootConfig{
		MaxRetries: SDKRetries, UsernameTemplate: awsrules.DefaultNameTemplate,
		STSFallbackEndpoints: []string{}, STSFallbackRegions: []string{},
	}
}

// Update takes what the request names. A new access key needs its own secret: one
// that is not named with it is dropped, and Validate misses it.
func (c *RootConfig) Update(d *framework.FieldData) {
	before := c.AccessKey
	Set(d, "access_key", &c.AccessKey)
	if !Set(d, "secret_key", &c.SecretKey) && c.AccessKey != before {
		c.SecretKey = ""
	}
	Set(d, "region", &c.Region)
	Set(d, "iam_endpoint", &c.IAMEndpoint)
	Set(d, "sts_endpoint", &c.STSEndpoint)
	Set(d, "sts_region", &c.STSRegion)
	Set(d, "sts_fallback_endpoints", &c.STSFallbackEndpoints)
	Set(d, "sts_fallback_regions", &c.STSFallbackRegions)
	Set(d, "signin_endpoint", &c.SigninEndpoint)
	Set(d, "max_retries", &c.MaxRetries)
	Set(d, "role_arn", &c.RoleARN)
	Set(d, "username_template", &c.UsernameTemplate)
	if c.UsernameTemplate == "" {
		c.UsernameTemplate = awsrules.DefaultNameTemplate
	}
	c.updateIdentity(d)
	c.updateRotation(d)
}

// AWS is the configuration in the words of the AWS side.
func (c *RootConfig) AWS() awscreds.Config {
	cfg := awscreds.Config{
		AccessKey:   c.AccessKey,
		SecretKey:   c.SecretKey,
		Region:      c.Region,
		IAMEndpoint: c.IAMEndpoint,
		STS:         []awscreds.STSEndpoint{{URL: c.STSEndpoint, Region: c.STSRegion}},
		SigninURL:   c.SigninEndpoint,
		RoleARN:     c.RoleARN,
		MaxRetries:  c.MaxRetries,
	}
	if c.AccessKey != "" {
		cfg.KeyName = cmp.Or(c.keyName, "the access_key of config/root")
	}
	for i := range max(len(c.STSFallbackEndpoints), len(c.STSFallbackRegions)) {
		var place awscreds.STSEndpoint
		if i < len(c.STSFallbackEndpoints) {
			place.URL = c.STSFallbackEndpoints[i]
		}
		if i < len(c.STSFallbackRegions) {
			place.Region = c.STSFallbackRegions[i]
		}
		cfg.STS = append(cfg.STS, place)
	}
	return cfg
}

// Whom says in words whom a configuration has the engine call AWS as.
func (c *RootConfig) Whom() string {
	who := "what the AWS SDK finds in the environment of the plugin"
	switch {
	case c.IdentityTokenAudience != "":
		who = "a token of Vault's"
	case c.TokenFile != "":
		who = "the token in web_identity_token_file"
	case c.AccessKey != "":
		who = "the access key " + c.AccessKey
	}
	if c.RoleARN != "" {
		who += ", as the role " + c.RoleARN
	}
	return who
}

// Observed is what an observation tells: when the key rotates, under the names that the built-in
// engine gives.
func (c *RootConfig) Observed() map[string]any {
	return map[string]any{
		"rotation_period": c.RotationPeriod.String(), "rotation_schedule": c.RotationSchedule,
		"rotation_window": c.RotationWindow.String(), "disable_automatic_rotation": c.DisableAutomatedRotation,
	}
}

// Response is what a read shows: everything but the secret.
func (c *RootConfig) Response() map[string]any {
	data := map[string]any{
		"access_key":             c.AccessKey,
		"region":                 c.Region,
		"iam_endpoint":           c.IAMEndpoint,
		"sts_endpoint":           c.STSEndpoint,
		"sts_region":             c.STSRegion,
		"sts_fallback_endpoints": c.STSFallbackEndpoints,
		"sts_fallback_regions":   c.STSFallbackRegions,
		"signin_endpoint":        c.SigninEndpoint,
		"max_retries":            c.MaxRetries,
		"username_template":      c.UsernameTemplate,
		"role_arn":               c.RoleARN,

		"web_identity_token_file": c.TokenFile,
	}
	c.PopulatePluginIdentityTokenData(data)
	c.PopulateAutomatedRotationData(data)
	return data
}

// WithKey is a configuration with a new key.
func (c *RootConfig) WithKey(id, secret string) *RootConfig {
	other := *c
	other.AccessKey, other.SecretKey, other.keyName = id, secret, "the new access key"
	return &other
}
