// SPDX-License-Identifier: MPL-2.0

package awscreds

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	smithyauth "github.com/aws/smithy-go/auth"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// resolve tells where the SDK would call IAM, and for which region it would sign.
func resolve(t *testing.T, region, endpoint string, fips, dualstack bool) (host, signedFor string) {
	t.Helper()
	client := iam.New(iam.Options{Region: region}, iamAt(endpoint))
	resolved, err := client.Options().EndpointResolverV2.ResolveEndpoint(t.Context(), iam.EndpointParameters{
		Region: &region, UseFIPS: &fips, UseDualStack: &dualstack,
	})
	if err != nil {
		t.Fatal(err)
	}
	options, _ := smithyauth.GetAuthOptions(&resolved.Properties)
	for _, option := range options {
		signedFor, _ = smithyhttp.GetSigV4SigningRegion(&option.SignerProperties)
	}
	return resolved.URI.Host, signedFor
}

func TestIAMEndpointOfEveryPartition(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		region          string
		fips, dualstack bool
		host, signedFor string
	}{
		{region: "us-east-1", host: "iam.amazonaws.com", signedFor: "us-east-1"},
		{region: "eu-central-1", host: "iam.amazonaws.com", signedFor: "us-east-1"},
		{region: "eu-central-1", fips: true, host: "iam-fips.amazonaws.com", signedFor: "us-east-1"},
		{region: "eu-central-1", dualstack: true, host: "iam.global.api.aws", signedFor: "us-east-1"},
		{region: "cn-north-1", host: "iam.cn-north-1.amazonaws.com.cn", signedFor: "cn-north-1"},
		{region: "us-gov-west-1", host: "iam.us-gov.amazonaws.com", signedFor: "us-gov-west-1"},
		{region: "eusc-de-east-1", host: "iam.eusc-de-east-1.amazonaws.eu", signedFor: "eusc-de-east-1"},
	} {
		host, signedFor := resolve(t, c.region, "", c.fips, c.dualstack)
		if host != c.host || signedFor != c.signedFor {
			t.Errorf("%+v: called at %s, signed for %s", c, host, signedFor)
		}
	}
}

// A configured endpoint changes the address and not the region to sign for: behind
// it may be the real IAM.
func TestConfiguredIAMEndpointKeepsTheSigningRegion(t *testing.T) {
	t.Parallel()
	for _, endpoint := range []string{"https://iam.internal.example:8443", "iam.internal.example:8443"} {
		host, signedFor := resolve(t, "eu-central-1", endpoint, false, false)
		if host != "iam.internal.example:8443" || signedFor != "us-east-1" {
			t.Errorf("%s: called at %s, signed for %s", endpoint, host, signedFor)
		}
	}
}

func TestSTSRegion(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		place STSEndpoint
		want  string
	}{
		{STSEndpoint{}, "eu-central-1"},
		{STSEndpoint{Region: "us-west-2"}, "us-west-2"},
		{STSEndpoint{URL: "https://sts.us-west-2.amazonaws.com"}, "us-west-2"},
		{STSEndpoint{URL: "sts-fips.us-east-2.amazonaws.com"}, "us-east-2"},
		{STSEndpoint{URL: "https://vpce-0a-1b.sts.ap-southeast-2.vpce.amazonaws.com"}, "ap-southeast-2"},
		{STSEndpoint{URL: "https://sts.cn-north-1.amazonaws.com.cn"}, "cn-north-1"},
		{STSEndpoint{URL: "https://sts.us-gov-west-1.amazonaws.com"}, "us-gov-west-1"},
		{STSEndpoint{URL: "https://sts.us-west-2.amazonaws.com", Region: "us-east-1"}, "us-east-1"},
		{STSEndpoint{URL: "https://sts.internal.example"}, "eu-central-1"},
		{STSEndpoint{URL: "https://proxy.internal.example/sts.us-west-2.amazonaws.com/"}, "eu-central-1"},
		{STSEndpoint{URL: "https://sts.amazonaws.com"}, "us-east-1"},
		{STSEndpoint{URL: "STS.amazonaws.com.:443/"}, "us-east-1"},
		{STSEndpoint{URL: "https://sts.amazonaws.com", Region: "eu-west-1"}, "us-east-1"},
		{STSEndpoint{URL: "https://STS.us-west-2.amazonaws.com"}, "us-west-2"},
		{STSEndpoint{URL: "https://sts.us-west-2.api.aws"}, "us-west-2"},
		{STSEndpoint{URL: "https://sts.eusc-de-east-1.amazonaws.eu"}, "eusc-de-east-1"},
		{STSEndpoint{URL: "https://sts.us-iso-east-1.c2s.ic.gov"}, "us-iso-east-1"},
	} {
		client := stsClients(aws.Config{Region: "eu-central-1"}, []STSEndpoint{c.place})[0]
		if got := client.Options().Region; got != c.want {
			t.Errorf("%+v: signed for %s, want %s", c.place, got, c.want)
		}
	}
}

// The usual settings of the SDK reach our clients.
func TestUsualSettingsAreHeard(t *testing.T) {
	t.Setenv("AWS_USE_FIPS_ENDPOINT", "true")
	t.Setenv("AWS_REGION", "ca-central-1")
	t.Setenv("AWS_MAX_ATTEMPTS", "9")
	for retries, want := range map[int]int{-1: 9, 0: 1, 4: 5} {
		client, err := New(t.Context(), Config{AccessKey: "AKIAIOSFODNN7EXAMPLE", SecretKey: "x", MaxRetries: retries})
		if err != nil {
			t.Fatal(err)
		}
		o := client.iam.options
		if o.Region != "ca-central-1" || o.EndpointOptions.UseFIPSEndpoint != aws.FIPSEndpointStateEnabled {
			t.Errorf("region %s, FIPS %v", o.Region, o.EndpointOptions.UseFIPSEndpoint)
		}
		if got := o.Retryer.MaxAttempts(); got != want {
			t.Errorf("max_retries %d: %d attempts, want %d", retries, got, want)
		}
	}
}

// The SDK's own rules for STS, regional by default.
func TestSTSIsRegional(t *testing.T) {
	sdk, err := config.LoadDefaultConfig(t.Context(), config.WithRegion("eu-central-1"))
	if err != nil {
		t.Fatal(err)
	}
	client := stsClients(sdk, nil)[0]
	no := false
	region := client.Options().Region
	resolved, err := client.Options().EndpointResolverV2.ResolveEndpoint(t.Context(), sts.EndpointParameters{
		Region: &region, UseFIPS: &no, UseDualStack: &no, UseGlobalEndpoint: &no,
	})
	if err != nil || resolved.URI.Host != "sts.eu-central-1.amazonaws.com" {
		t.Errorf("called at %s: %v", resolved.URI.Host, err)
	}
}
