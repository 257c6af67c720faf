// SPDX-License-Identifier: MPL-2.0

package engine

import (
	"cmp"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"strings"

	"github.com/hashicorp/vault/sdk/framework"
	"github.com/hashicorp/vault/sdk/helper/automatedrotationutil"
	"github.com/hashicorp/vault/sdk/helper/pluginidentityutil"

	"vault-plugin-secrets-aws-dyn/backend/awsrules"
	"vault-plugin-secrets-aws-dyn/internal/awscreds"
)

const (
	// SDKRetries leaves the number of retries to the engine, or to AWS_MAX_ATTEMPTS.
	SDKRetries = -1
	// mostRetries is where a large number becomes a mistake: with the SDK's waits
	// in between, a request of Vault's has long been given up.
	mostRetries = 100

	mostEndpoint  = 2048 // bytes of the URL of a service
	mostFallbacks = 64   // places of STS beside the first, a client for each; AWS has fewer regions
)

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
	Set(d, "max_retries", &c.MaxRetries)
	Set(d, "role_arn", &c.RoleARN)
	Set(d, "username_template", &c.UsernameTemplate)
	if c.UsernameTemplate == "" {
		c.UsernameTemplate = awsrules.DefaultNameTemplate
	}
	c.updateIdentity(d)
	c.updateRotation(d)
}

var (
	accessKeyForm = regexp.MustCompile(`^\w{16,128}$`)
	labelForm     = regexp.MustCompile(`^[a-zA-Z0-9-]{1,63}$`)
	regionForm    = regexp.MustCompile(`^[a-z]{2,}(-[a-z0-9]+)+$`)
)

// Validate returns warnings, or every mistake at once.
func (c *RootConfig) Validate() (warnings []string, err error) {
	var m Mistakes
	c.validateKey(&m)
	c.validateRegions(&m)
	c.validateIdentity(&m)
	c.validateRotation(&m)
	warnings = append(warnings, validateEndpoint(&m, "iam_endpoint", c.IAMEndpoint)...)
	warnings = append(warnings, validateEndpoint(&m, "sts_endpoint", c.STSEndpoint)...)
	for _, endpoint := range c.STSFallbackEndpoints {
		warnings = append(warnings, validateEndpoint(&m, "sts_fallback_endpoints", endpoint)...)
	}
	warnings = append(warnings, c.regionsElsewhere()...)
	if c.MaxRetries < SDKRetries || c.MaxRetries > mostRetries {
		m.Add("max_retries", "%d is not possible; use -1 for the default, or 0 to %d", c.MaxRetries, mostRetries)
	}
	if c.RoleARN != "" {
		if err := awsrules.CheckARN(c.RoleARN, "role"); err != nil {
			m.Add("role_arn", "%v", err)
		}
	}
	more, err := awsrules.CheckNameTemplate(c.UsernameTemplate)
	if err != nil {
		m = append(m, err) // names the field
	}
	return append(warnings, more...), m.Err()
}

func (c *RootConfig) validateKey(m *Mistakes) {
	if c.AccessKey != "" && !accessKeyForm.MatchString(c.AccessKey) {
		m.Add("access_key", "is not an AWS access key ID: 16 to 128 letters and digits, as in AKIAIOSFODNN7EXAMPLE")
	}
	if strings.ContainsAny(c.SecretKey, " \t\r\n") {
		m.Add("secret_key", "contains white space, which no AWS secret access key does; was a line end copied with it?")
	}
	switch {
	case c.AccessKey != "" && c.SecretKey == "":
		m.Add("secret_key", "is missing; an access_key needs the secret key that belongs to it")
	case c.AccessKey == "" && c.SecretKey != "":
		m.Add("access_key", "is missing; a secret_key needs the access key ID that it belongs to")
	}
}

func (c *RootConfig) validateRegions(m *Mistakes) {
	check := func(field, region string) {
		if region != "" && (!labelForm.MatchString(region) || !regionForm.MatchString(region)) {
			m.Add(field, "%q is not the name of an AWS region, such as eu-central-1", region)
		}
	}
	check("region", c.Region)
	check("sts_region", c.STSRegion)
	for _, region := range c.STSFallbackRegions {
		check("sts_fallback_regions", region)
	}
	most := func(field string, list []string) {
		if n := len(list); n > mostFallbacks {
			m.Add(field, "has %d entries; the most that are taken are %d", n, mostFallbacks)
		}
	}
	most("sts_fallback_endpoints", c.STSFallbackEndpoints)
	most("sts_fallback_regions", c.STSFallbackRegions)
	endpoints, regions := len(c.STSFallbackEndpoints), len(c.STSFallbackRegions)
	if endpoints > 0 && regions > 0 && endpoints != regions {
		m.Add("sts_fallback_regions", "has %d entries and sts_fallback_endpoints %d; give one region for each endpoint, or leave one of the two fields empty",
			regions, endpoints)
	}
}

// CheckStored looks at what other engines let through and the AWS SDK fails on at
// every call: a region has to be part of a host's name, whatever the endpoint.
func (c *RootConfig) CheckStored() error {
	var m Mistakes
	check := func(field string, regions ...string) {
		for _, region := range regions {
			if region != "" && !labelForm.MatchString(region) {
				m.Add(field, "%q in config/root cannot be the name of a region; write another", region)
			}
		}
	}
	check("region", c.Region)
	check("sts_region", c.STSRegion)
	check("sts_fallback_regions", c.STSFallbackRegions...)
	return m.Err()
}

// validateEndpoint checks the address of an AWS service, and warns of one that
// would carry new keys in clear text over a network.
func validateEndpoint(m *Mistakes, field, endpoint string) (warnings []string) {
	if endpoint == "" {
		return nil
	}
	if len(endpoint) > mostEndpoint {
		m.Add(field, "has %d bytes; the longest URL that is taken has %d", len(endpoint), mostEndpoint)
		return nil
	}
	full := endpoint
	if !strings.Contains(full, "://") {
		full = "https://" + full
	}
	u, err := url.Parse(full)
	switch {
	case err != nil, u.Hostname() == "", u.Scheme != "http" && u.Scheme != "https":
		m.Add(field, "is not the URL of a service, such as https://iam.amazonaws.com")
	case strings.Contains(endpoint, "@"), u.RawQuery != "", u.Fragment != "":
		m.Add(field, "must hold no user, query or fragment; a URL such as https://iam.amazonaws.com is enough")
	case u.Scheme == "http" && u.Hostname() != "localhost" && !net.ParseIP(u.Hostname()).IsLoopback():
		return []string{fmt.Sprintf("%s: %s is not encrypted; AWS's answers, with the secret keys in them, cross the network in clear text", field, endpoint)}
	}
	return nil
}

// AWS is the configuration in the words of the AWS side.
func (c *RootConfig) AWS() awscreds.Config {
	cfg := awscreds.Config{
		AccessKey:   c.AccessKey,
		SecretKey:   c.SecretKey,
		Region:      c.Region,
		IAMEndpoint: c.IAMEndpoint,
		STS:         []awscreds.STSEndpoint{{URL: c.STSEndpoint, Region: c.STSRegion}},
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
