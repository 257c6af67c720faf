// SPDX-License-Identifier: MPL-2.0

package awscreds

// Whether a client calls AWS at all. There are servers that speak some of IAM's and STS's
// protocols and have other keys, regions and ARNs.

import (
	"regexp"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// serviceHost is how AWS's own names of IAM and STS begin, those of VPC endpoints too. Below
// the same domains stand servers of AWS's customers, on EC2 for instance.
var serviceHost = regexp.MustCompile(`^(vpce-[a-z0-9-]+\.)?(iam|sts)(-fips)?\.`)

// ForeignHosts are the hosts that IAM and STS are called at, by the configuration or by the
// environment's endpoints; empty where it is AWS's own. Fallbacks of STS do not count: AWS's rules
// hold where calls go first.
func (c *Client) ForeignHosts() (atIAM, atSTS string) {
	endpoint := c.iamURL
	if endpoint == "" {
		endpoint = aws.ToString(c.iam.options.BaseEndpoint)
	}
	return outsideAWS(endpoint), outsideAWS(aws.ToString(c.sts[0].Options().BaseEndpoint))
}

// outsideAWS is the host of an endpoint that is not AWS's own.
func outsideAWS(endpoint string) string {
	if server(endpoint) == "" { // none, or nowhere
		return ""
	}
	if u, err := absolute(endpoint); err == nil && (!serviceHost.MatchString(strings.ToLower(u.Hostname())) || hostOutsideAWS(u) != "") {
		return strings.ToLower(u.Host)
	}
	return ""
}

// Region is the region that decides the partition: the configured one, the environment's, or
// [DefaultRegion].
func (c *Client) Region() string { return c.iam.options.Region }
