// SPDX-License-Identifier: MPL-2.0

package awscreds

// Where AWS is called. The SDK's rules choose the endpoint for every partition,
// with FIPS and dual stack as the usual settings ask; a configured endpoint
// replaces the address and leaves the region to sign for as it was.

import (
	"context"
	"regexp"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	smithyendpoints "github.com/aws/smithy-go/endpoints"
)

// iamAt makes an IAM client call a configured endpoint.
func iamAt(endpoint string) func(*iam.Options) {
	return func(o *iam.Options) {
		if endpoint == "" {
			return
		}
		o.EndpointResolverV2 = iamEndpoint{url: endpoint, rules: o.EndpointResolverV2}
	}
}

// iamEndpoint resolves as the SDK does and then swaps the address. IAM is signed
// for one region of the partition, us-east-1 in the commercial one, whatever
// region is configured; with a plain BaseEndpoint the SDK would sign for the
// configured region, and the real IAM behind a private address would refuse.
type iamEndpoint struct {
	url   string
	rules iam.EndpointResolverV2
}

// ResolveEndpoint implements [iam.EndpointResolverV2].
func (e iamEndpoint) ResolveEndpoint(ctx context.Context, p iam.EndpointParameters) (smithyendpoints.Endpoint, error) {
	at, err := absolute(e.url)
	if err != nil {
		return smithyendpoints.Endpoint{}, err
	}
	p.Endpoint = nil
	resolved, err := e.rules.ResolveEndpoint(ctx, p)
	if err != nil { // no rule for this region: sign for the region as it is
		resolved = smithyendpoints.Endpoint{}
	}
	resolved.URI = at
	return resolved, nil
}

// regionInHost finds the region in the host name of a regional STS endpoint (IAM
// User Guide, "Manage AWS STS in an AWS Region"), of FIPS and VPC endpoints too.
var regionInHost = regexp.MustCompile(`(?:^|[./])sts(?:-fips)?\.([a-z]{2,}(?:-[a-z]+)+-\d+)\.`)

// stsClients makes a client for each place where STS may be called.
func stsClients(sdk aws.Config, places []STSEndpoint) []*sts.Client {
	if len(places) == 0 {
		places = []STSEndpoint{{}}
	}
	clients := make([]*sts.Client, len(places))
	for i, place := range places {
		clients[i] = sts.NewFromConfig(sdk, place.apply)
	}
	return clients
}

func (e STSEndpoint) apply(o *sts.Options) {
	if e.Region != "" {
		o.Region = e.Region
	} else if m := regionInHost.FindStringSubmatch(e.URL); m != nil {
		o.Region = m[1]
	}
	if e.URL == "" {
		return
	}
	if at, err := absolute(e.URL); err == nil {
		o.BaseEndpoint = aws.String(at.String())
	}
}
