// SPDX-License-Identifier: MPL-2.0

package awscreds

import "testing"

func TestIsSTS(t *testing.T) {
	t.Parallel()
	for endpoint, want := range map[string]bool{
		"https://sts.amazonaws.com":                                         true,
		"sts.amazonaws.com":                                                 true, // without a scheme it is HTTPS
		"https://STS.eu-central-1.amazonaws.com:443/":                       true,
		"https://sts-fips.us-gov-west-1.amazonaws.com":                      true,
		"https://sts.us-east-2.api.aws":                                     true,
		"https://sts.cn-north-1.amazonaws.com.cn":                           true,
		"https://sts.eusc-de-east-1.amazonaws.eu":                           true,
		"https://sts.us-iso-east-1.c2s.ic.gov":                              true,
		"https://sts.us-isob-east-1.sc2s.sgov.gov":                          true,
		"https://vpce-0a1b-c2d3.sts.us-east-1.vpce.amazonaws.com":           true,
		"http://sts.amazonaws.com":                                          false,
		"https://sts.example.com":                                           false,
		"https://sts.amazonaws.com.example.com":                             false,
		"https://sts.amazonaws.com@example.com":                             false,
		"https://example.com/sts.amazonaws.com":                             false,
		"https://example.com#sts.amazonaws.com":                             false,
		"https://xsts.amazonaws.com":                                        false,
		"https://abc123.execute-api.us-east-1.amazonaws.com":                false, // of a customer
		"https://sts.s3.amazonaws.com":                                      false, // a bucket named sts
		"https://sts.s3-us-west-2.amazonaws.com":                            false,
		"https://sts.s3.us-west-2.amazonaws.com":                            false,
		"https://sts.us-east-1.elb.amazonaws.com":                           false,
		"https://vpce-0a1b.vpce-svc-0123.us-east-1.vpce.amazonaws.com":      false, // a customer's service
		"https://sts.vpce-svc-0123.us-east-1.vpce.amazonaws.com":            false,
		"https://ec2-203-0-113-7.eu-central-1.compute.amazonaws.com":        false,
		"https://iam.amazonaws.com":                                         false,
		"":                                                                  false,
		"https://":                                                          false,
		"://sts.amazonaws.com":                                              false,
		"https://sts.us-east-1.amazonaws.com.":                              false,
		"https://vpce-1.example.com.sts.us-east-1.vpce.amazonaws.com":       false,
		"https://sts.us-east-1.amazonaws.com\n":                             false,
		"https://sts.us-east-1.amazonaws.com%2eexample.com":                 false,
		"https://sts.us-east-1.amazonaws.com\\@example.com":                 false,
		"https://user:password@sts.us-east-1.amazonaws.com:8443/a/b?c=d#e":  true, // wrong for another reason
		"https://sts.us-east-1.amazonaws.com:443@example.com:443/somewhere": false,
	} {
		if got := IsSTS(endpoint); got != want {
			t.Errorf("IsSTS(%q) is %t", endpoint, got)
		}
	}
}

func TestSameServer(t *testing.T) {
	t.Parallel()
	for pair, want := range map[[2]string]bool{
		{"https://sts.example.com", "STS.example.com:443/path"}: true,
		{"http://127.0.0.1:4566", "http://127.0.0.1:4566/"}:     true,
		{"http://localhost", "http://localhost:80"}:             true,
		{"http://127.0.0.1:4566", "http://127.0.0.1:4567"}:      false,
		{"http://sts.example.com", "https://sts.example.com"}:   false,
		{"https://sts.example.com", "https://example.com"}:      false,
		{"ftp://example.com", "ftp://example.com"}:              false,
		{"", ""}: false,
	} {
		if got := SameServer(pair[0], pair[1]); got != want {
			t.Errorf("SameServer(%q, %q) is %t", pair[0], pair[1], got)
		}
	}
}
