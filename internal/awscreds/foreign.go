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

// ForeignHost is the host that IAM or STS is called at, the first that is not AWS's, by the
// configuration or by the environment's endpoints; empty where both are AWS's own.
func (c *Client) ForeignHost() string {
	endpoints := []string{c.iamURL}
	if c.iamURL == "" {
		endpoints[0] = aws.ToString(c.iam.options.BaseEndpoint)
	}
	for _, client := range c.sts {
		endpoints = append(endpoints, aws.ToString(client.Options().BaseEndpoint))
	}
	for _, endpoint := range endpoints {
		if server(endpoint) == "" { // none, or nowhere
			continue
		}
		if u, err := absolute(endpoint); err == nil && (!serviceHost.MatchString(strings.ToLower(u.Hostname())) || hostOutsideAWS(u) != "") {
			return strings.ToLower(u.Host)
		}
	}
	return ""
}

// Region is the region that decides the partition: the configured one, the environment's, or
// [DefaultRegion].
func (c *Client) Region() string { return c.iam.options.Region }
