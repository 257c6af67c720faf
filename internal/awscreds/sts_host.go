// SPDX-License-Identifier: MPL-2.0

package awscreds

// Which addresses are AWS's own STS. A token that proves who a server is may go there
// and not to any other host, whoever names it.

import (
	"regexp"
	"strings"
)

// stsHost are the names of STS in all partitions that the SDK knows (its file
// internal/endpoints/awsrulesfn/partitions.json): the global one, the regional ones, with
// FIPS and dual stack, and those of VPC endpoints (IAM User Guide, "AWS STS Regions and
// endpoints"; AWS PrivateLink Guide, "Access an AWS service using an interface VPC
// endpoint"). AWS gives names below amazonaws.com to its customers too, of an API
// Gateway or a bucket; but none of this form.
var stsHost = regexp.MustCompile(`^(sts\.amazonaws\.com|` +
	`(vpce-[a-z0-9-]+\.)?sts(-fips)?\.[a-z]{2,}(-[a-z]+)+-\d+(\.vpce)?\.(` +
	`amazonaws\.com|api\.aws|` +
	`amazonaws\.com\.cn|api\.amazonwebservices\.com\.cn|` +
	`amazonaws\.eu|api\.amazonwebservices\.eu|` +
	`c2s\.ic\.gov|api\.aws\.ic\.gov|` +
	`sc2s\.sgov\.gov|api\.aws\.scloud|` +
	`cloud\.adc-e\.uk|api\.cloud-aws\.adc-e\.uk|` +
	`csp\.hci\.ic\.gov|api\.aws\.hci\.ic\.gov))$`)

// IsSTS reports whether an endpoint is AWS's own STS, over HTTPS.
func IsSTS(endpoint string) bool {
	u, err := absolute(endpoint)
	return err == nil && u.Scheme == "https" && stsHost.MatchString(strings.ToLower(u.Hostname()))
}

// SameServer reports whether two endpoints are the same scheme, host and port.
func SameServer(one, other string) bool {
	a, b := server(one), server(other)
	return a != "" && a == b
}

// server is what an endpoint connects to; empty if it is not an HTTP URL.
func server(endpoint string) string {
	u, err := absolute(endpoint)
	if err != nil || u.Hostname() == "" {
		return ""
	}
	port := u.Port()
	switch {
	case u.Scheme != "http" && u.Scheme != "https":
		return ""
	case port == "" && u.Scheme == "https":
		port = "443"
	case port == "":
		port = "80"
	}
	return u.Scheme + "://" + strings.ToLower(u.Hostname()) + ":" + port
}
