// SPDX-License-Identifier: MPL-2.0

package engine

// What config/root may say.

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"strings"
	"unicode"

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

// Validate returns warnings, or every mistake at once.
func (c *RootConfig) Validate(at Place) (warnings []string, err error) {
	var m Mistakes
	forms := NewForms(at, &m)
	c.checkKey(forms, &m)
	warnings = append(warnings, checkRegions(forms, &m, "region", c.Region)...)
	warnings = append(warnings, checkEndpoints(&m, "iam_endpoint", c.IAMEndpoint)...)
	warnings = append(warnings, checkEndpoints(&m, "sts_endpoint", c.STSEndpoint)...)
	warnings = append(warnings, checkRegions(forms, &m, "sts_region", c.STSRegion)...)
	warnings = append(warnings, c.checkFallbacks(forms, &m)...)
	warnings = append(warnings, checkEndpoints(&m, "signin_endpoint", c.SigninEndpoint)...)
	warnings = append(warnings, c.regionsElsewhere()...)
	if c.MaxRetries < SDKRetries || c.MaxRetries > mostRetries {
		m.Add("max_retries", "%d is not possible; use -1 for the default, or 0 to %d", c.MaxRetries, mostRetries)
	}
	more, err := awsrules.CheckNameTemplate(c.UsernameTemplate)
	if err != nil {
		m = append(m, err) // names the field
	}
	if c.RoleARN != "" {
		forms.CheckARN(at.STS, "role_arn", c.RoleARN, "role")
	}
	c.checkIdentity(&m)
	c.checkRotation(&m)
	warnings = append(warnings, more...)
	return append(warnings, forms.Finish()...), m.Err()
}

var (
	accessKeyForm = regexp.MustCompile(`^\w{16,128}$`)
	// keyIDForm is what the IDs of AWS's access keys look like (IAM User Guide, "IAM identifiers"),
	// and what no secret key of AWS's does.
	keyIDForm = regexp.MustCompile(`^A[A-Z0-9]{15,31}$`)
)

func (c *RootConfig) checkKey(f *Forms, m *Mistakes) {
	switch id := c.AccessKey; {
	case id == "":
	case keyIDForm.MatchString(c.SecretKey) && !keyIDForm.MatchString(id): // every read would show the secret
		m.Add("access_key", "does not look like the ID of an access key, and secret_key does; write the ID (AKIA…) to access_key and its secret to secret_key")
	case len(id) > mostAccessKey || strings.ContainsFunc(id, notPrintable):
		m.Add("access_key", "is not the ID of an access key: up to %d printable characters without spaces", mostAccessKey)
	case !accessKeyForm.MatchString(id):
		f.Check("access_key", errors.New("is not an AWS access key ID: 16 to 128 letters and digits, as in AKIAIOSFODNN7EXAMPLE"))
	case strings.HasPrefix(id, "ASIA"): // IAM User Guide, "IAM identifiers", "Unique identifiers"
		f.Check("access_key", errors.New("is the ID of a temporary key (ASIA…), which AWS takes only with a session token, and that would end within hours; "+
			"use a key of an IAM user (AKIA…), role_arn, or no key and the identity of the environment"))
	}
	switch {
	case strings.ContainsFunc(c.SecretKey, unseen):
		m.Add("secret_key", "contains white space or a character that cannot be seen, which no AWS secret access key does; was it copied with the key?")
	case strings.ContainsFunc(c.SecretKey, notPrintable):
		f.Check("secret_key", errors.New("contains a character other than printable ASCII, which no AWS secret access key does"))
	}
	switch {
	case c.AccessKey != "" && c.SecretKey == "":
		m.Add("secret_key", "is missing; an access_key needs the secret key that belongs to it")
	case c.AccessKey == "" && c.SecretKey != "":
		m.Add("access_key", "is missing; a secret_key needs the access key ID that it belongs to")
	}
}

// unseen finds what a copy from a page brings along: white space, control and format characters.
func unseen(r rune) bool { return unicode.IsSpace(r) || !unicode.IsGraphic(r) }

func notPrintable(r rune) bool { return r <= ' ' || r > '~' }

// checkRegions checks names of regions. The SDK puts them into a host's name wherever it calls.
func checkRegions(f *Forms, m *Mistakes, field string, regions ...string) (warnings []string) {
	for _, region := range regions {
		if region == "" {
			continue
		}
		if f.Host() != "" && !awsrules.IsHostLabel(region) {
			m.Add(field, "%q cannot name a region: up to 63 letters, digits and -", region)
			continue
		}
		warning, err := awsrules.CheckRegion(region)
		f.Check(field, err)
		if warning != "" && f.Host() == "" {
			warnings = append(warnings, field+": "+warning)
		}
	}
	return warnings
}

func (c *RootConfig) checkFallbacks(f *Forms, m *Mistakes) (warnings []string) {
	warnings = append(warnings, checkEndpoints(m, "sts_fallback_endpoints", c.STSFallbackEndpoints...)...)
	warnings = append(warnings, checkRegions(f, m, "sts_fallback_regions", c.STSFallbackRegions...)...)
	most := func(field string, list []string) {
		if n := len(list); n > mostFallbacks {
			m.Add(field, "has %d entries; the limit is %d", n, mostFallbacks)
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

// checkEndpoints checks addresses that may be empty.
func checkEndpoints(m *Mistakes, field string, endpoints ...string) (warnings []string) {
	for _, endpoint := range endpoints {
		if endpoint != "" {
			warnings = append(warnings, checkEndpoint(m, field, endpoint)...)
		}
	}
	return warnings
}

// checkEndpoint checks the address of an AWS service, and warns of one that
// would carry new keys in clear text over a network.
func checkEndpoint(m *Mistakes, field, endpoint string) (warnings []string) {
	if len(endpoint) > mostEndpoint {
		m.Add(field, "has %d bytes; the limit is %d", len(endpoint), mostEndpoint)
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
		return []string{fmt.Sprintf("%s: %s is not encrypted; requests and answers, with secret keys in them, cross the network unencrypted", field, endpoint)}
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
