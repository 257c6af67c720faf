// SPDX-License-Identifier: MPL-2.0

package engine

// What config/root may say. What the configuration holds already, from another engine or an older
// version, is never in the way of a write of something else.

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"vault-plugin-secrets-aws-dyn/backend/awsrules"
)

const (
	// mostRetries is where a large number becomes a mistake: with the SDK's waits
	// in between, a request of Vault's has long been given up.
	mostRetries = 100

	mostAccessKey = 128  // characters (IAM API Reference, AccessKey)
	mostEndpoint  = 2048 // bytes of the URL of a service
	mostFallbacks = 64   // places of STS beside the first, a client for each; AWS has fewer regions
)

// rootCheck looks at some fields together.
type rootCheck struct {
	fields []string
	check  func(c *RootConfig, f *Forms, m *Mistakes) (warnings []string)
}

// rootChecks are in the order of the fields in the documents.
var rootChecks = []rootCheck{
	{[]string{"access_key", "secret_key"}, (*RootConfig).checkKey},
	{[]string{"region"}, func(c *RootConfig, f *Forms, m *Mistakes) []string { return checkRegions(f, m, "region", c.Region) }},
	{[]string{"iam_endpoint"}, func(c *RootConfig, _ *Forms, m *Mistakes) []string {
		return checkEndpoint(m, "iam_endpoint", c.IAMEndpoint)
	}},
	{[]string{"sts_endpoint"}, func(c *RootConfig, _ *Forms, m *Mistakes) []string {
		return checkEndpoint(m, "sts_endpoint", c.STSEndpoint)
	}},
	{[]string{"sts_region"}, func(c *RootConfig, f *Forms, m *Mistakes) []string {
		return checkRegions(f, m, "sts_region", c.STSRegion)
	}},
	{[]string{"sts_fallback_endpoints", "sts_fallback_regions"}, (*RootConfig).checkFallbacks},
	{[]string{"max_retries"}, (*RootConfig).checkRetries},
	{[]string{"username_template"}, (*RootConfig).checkTemplate},
	{[]string{"role_arn"}, (*RootConfig).checkRole},
	{[]string{"identity_token_audience", "web_identity_token_file", "identity_token_ttl", "role_arn", "access_key"}, (*RootConfig).checkIdentity},
	{[]string{"rotation_period", "rotation_schedule", "rotation_window", "disable_automated_rotation", "access_key"}, (*RootConfig).checkRotation},
}

// Validate returns warnings, or every mistake at once. Mistakes in fields that a write does not
// name are warnings.
func (c *RootConfig) Validate(at Place, named func(field string) bool) (warnings []string, err error) {
	var all Mistakes
	forms := NewForms(at, nil)
	for _, one := range rootChecks {
		var m Mistakes
		forms.mistakes = &m
		warnings = append(warnings, one.check(c, forms, &m)...)
		if slices.ContainsFunc(one.fields, named) {
			all = append(all, m...)
			continue
		}
		for _, old := range m {
			warnings = append(warnings, fmt.Sprintf("%v (stored so before; this write does not change it)", old))
		}
	}
	forms.mistakes = &all
	return append(warnings, forms.Finish()...), all.Err()
}

var accessKeyForm = regexp.MustCompile(`^\w{16,128}$`)

func (c *RootConfig) checkKey(f *Forms, m *Mistakes) []string {
	switch id := c.AccessKey; {
	case id == "":
	case len(id) > mostAccessKey || strings.ContainsFunc(id, notPrintable):
		m.Add("access_key", "is not the ID of an access key: up to %d printable characters without spaces", mostAccessKey)
	case !accessKeyForm.MatchString(id):
		f.Check("access_key", errors.New("is not an AWS access key ID: 16 to 128 letters and digits, as in AKIAIOSFODNN7EXAMPLE"))
	case strings.HasPrefix(id, "ASIA"): // IAM User Guide, "IAM identifiers", "Unique identifiers"
		f.Check("access_key", errors.New("is the ID of a temporary key (ASIA…), which AWS takes only with a session token, and that would end within hours; "+
			"use a key of an IAM user (AKIA…), role_arn, or no key and the identity of the environment"))
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
	return nil
}

func notPrintable(r rune) bool { return r <= ' ' || r > '~' }

// checkRegions checks names of regions. The SDK puts them into a host's name wherever it calls.
func checkRegions(f *Forms, m *Mistakes, field string, regions ...string) (warnings []string) {
	for _, region := range regions {
		if region == "" {
			continue
		}
		if f.Host != "" && !awsrules.IsHostLabel(region) {
			m.Add(field, "%q cannot name a region: up to 63 letters, digits and -", region)
			continue
		}
		warning, err := awsrules.CheckRegion(region)
		f.Check(field, err)
		if warning != "" && f.Host == "" {
			warnings = append(warnings, field+": "+warning)
		}
	}
	return warnings
}

func (c *RootConfig) checkFallbacks(f *Forms, m *Mistakes) (warnings []string) {
	for _, endpoint := range c.STSFallbackEndpoints {
		warnings = append(warnings, checkEndpoint(m, "sts_fallback_endpoints", endpoint)...)
	}
	warnings = append(warnings, checkRegions(f, m, "sts_fallback_regions", c.STSFallbackRegions...)...)
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
	return warnings
}

func (c *RootConfig) checkRetries(_ *Forms, m *Mistakes) []string {
	if c.MaxRetries < SDKRetries || c.MaxRetries > mostRetries {
		m.Add("max_retries", "%d is not possible; use -1 for the default, or 0 to %d", c.MaxRetries, mostRetries)
	}
	return nil
}

func (c *RootConfig) checkTemplate(_ *Forms, m *Mistakes) []string {
	warnings, err := awsrules.CheckNameTemplate(c.UsernameTemplate)
	if err != nil {
		*m = append(*m, err) // names the field
	}
	return warnings
}

func (c *RootConfig) checkRole(f *Forms, _ *Mistakes) []string {
	if c.RoleARN != "" {
		f.CheckARN("role_arn", c.RoleARN, "role")
	}
	return nil
}

// checkEndpoint checks the address of an AWS service, and warns of one that
// would carry new keys in clear text over a network.
func checkEndpoint(m *Mistakes, field, endpoint string) (warnings []string) {
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

// CheckStored looks at what other engines let through and the AWS SDK fails on at
// every call: a region has to be part of a host's name, whatever the endpoint.
func (c *RootConfig) CheckStored() error {
	var m Mistakes
	check := func(field string, regions ...string) {
		for _, region := range regions {
			if region != "" && !awsrules.IsHostLabel(region) {
				m.Add(field, "%q in config/root cannot be the name of a region; write another", region)
			}
		}
	}
	check("region", c.Region)
	check("sts_region", c.STSRegion)
	check("sts_fallback_regions", c.STSFallbackRegions...)
	return m.Err()
}
