// SPDX-License-Identifier: MPL-2.0

package awscreds

// Where AWS is called. The SDK's rules choose the endpoint for every partition,
// with FIPS and dual stack as the usual settings ask; a configured endpoint
// replaces the address and leaves the region to sign for as it was.

import (
	"context"
	"regexp"
	"strings"
	"sync/atomic"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	smithyendpoints "github.com/aws/smithy-go/endpoints"
)

// iamAt makes an IAM client call a configured endpoint, and find out but once where its calls go.
func iamAt(endpoint string) func(*iam.Options) {
	return func(o *iam.Options) {
		if endpoint != "" {
			o.EndpointResolverV2 = iamEndpoint{url: endpoint, rules: o.EndpointResolverV2}
		}
		o.EndpointResolverV2 = &onceResolved{rules: o.EndpointResolverV2}
	}
}

// onceResolved remembers what was resolved last. A client asks the same question with every call, and the rules of
// all partitions take a twentieth of the time that a call costs us.
type onceResolved struct {
	rules iam.EndpointResolverV2
	last  atomic.Pointer[resolved]
}

// resolved is a question and its answer.
type resolved struct {
	place    place
	endpoint smithyendpoints.Endpoint
}

// place is iam.EndpointParameters without pointers, so that two of them can be compared.
type place struct {
	region, endpoint    string
	dualStack, fips     bool
	noRegion, noBaseURL bool
}

// ResolveEndpoint implements [iam.EndpointResolverV2].
func (r *onceResolved) ResolveEndpoint(ctx context.Context, p iam.EndpointParameters) (smithyendpoints.Endpoint, error) {
	at := place{
		aws.ToString(p.Region), aws.ToString(p.Endpoint), aws.ToBool(p.UseDualStack), aws.ToBool(p.UseFIPS),
		p.Region == nil, p.Endpoint == nil,
	}
	if last := r.last.Load(); last != nil && last.place == at {
		return last.endpoint, nil // the SDK reads its headers and properties, and changes its own copy of the rest
	}
	endpoint, err := r.rules.ResolveEndpoint(ctx, p)
	if err == nil {
		r.last.Store(&resolved{at, endpoint})
	}
	return endpoint, err
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
	endpoint, err := e.rules.ResolveEndpoint(ctx, p)
	if err != nil { // no rule for this region: sign for the region as it is
		endpoint = smithyendpoints.Endpoint{}
	}
	endpoint.URI = at
	return endpoint, nil
}

// regionInHost finds the region in the host name of a regional STS endpoint (IAM
// User Guide, "Manage AWS STS in an AWS Region"), of FIPS and VPC endpoints too.
var regionInHost = regexp.MustCompile(`(?:^|\.)sts(?:-fips)?\.([a-z]{2,}(?:-[a-z]+)+-\d+)\.`)

// stsClients makes a client for each place where STS may be called.
func stsClients(sdk aws.Config, places []STSEndpoint) []stsPlace {
	if len(places) == 0 {
		places = []STSEndpoint{{}}
	}
	clients := make([]stsPlace, len(places))
	for i, place := range places {
		clients[i] = stsPlace{sts.NewFromConfig(sdk, place.apply), new(silence)}
	}
	return clients
}

// globalSTS is AWS's one endpoint of STS that is of no region. Calls of it are signed for
// us-east-1, whatever else is configured (STS API Reference, "Endpoints"). It is the commercial
// partition's: the others have regional ones alone.
const globalSTS, globalSTSRegion = "sts.amazonaws.com", "us-east-1"

// RegionOfSTS is the region that calls of an endpoint of STS have to be signed for, as its host's
// name tells; empty if it does not.
func RegionOfSTS(endpoint string) string {
	u, err := absolute(endpoint)
	if err != nil {
		return ""
	}
	if IsGlobalSTS(endpoint) {
		return globalSTSRegion
	}
	host := strings.ToLower(u.Hostname())
	if m := regionInHost.FindStringSubmatch(host + "."); m != nil {
		return m[1]
	}
	return ""
}

// IsGlobalSTS reports whether an endpoint is AWS's global one.
func IsGlobalSTS(endpoint string) bool {
	u, err := absolute(endpoint)
	return err == nil && strings.TrimSuffix(strings.ToLower(u.Hostname()), ".") == globalSTS
}

func (e STSEndpoint) apply(o *sts.Options) {
	of := RegionOfSTS(e.URL)
	switch {
	case IsGlobalSTS(e.URL):
		o.Region = of
	case e.Region != "":
		o.Region = e.Region
	case of != "":
		o.Region = of
	}
	if e.URL == "" {
		return
	}
	if at, err := absolute(e.URL); err == nil {
		o.BaseEndpoint = aws.String(at.String())
	}
}
