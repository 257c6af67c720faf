// SPDX-License-Identifier: MPL-2.0

package backend

// Wrong requests to config/root and config/lease.

import (
	"strings"
	"testing"

	"github.com/hashicorp/vault/sdk/logical"
)

func TestBadInputToConfigRoot(t *testing.T) {
	t.Parallel()
	for _, cases := range [][]badInput{badKeys, badPlaces, badNumbersAndTemplates} {
		for i := range cases {
			cases[i].path = "config/root"
		}
		refuse(t, cases)
	}
}

var badKeys = []badInput{
	{name: "access key without its secret", data: map[string]any{"access_key": goodAccessKey}, field: "secret_key"},
	{name: "access key with an empty secret", data: map[string]any{"access_key": goodAccessKey, "secret_key": ""}, field: "secret_key"},
	{name: "access key with null for its secret", data: map[string]any{"access_key": goodAccessKey, "secret_key": nil}, field: "secret_key"},
	{name: "secret without its access key", only: "empty", data: map[string]any{"secret_key": goodSecretKey}, field: "access_key"},
	{name: "secret with an empty access key", data: map[string]any{"access_key": "", "secret_key": goodSecretKey}, field: "access_key"},
	{name: "secret taken away from its access key", only: "configured", data: map[string]any{"secret_key": ""}, field: "secret_key"},
	{name: "secret with a line end", data: map[string]any{"access_key": goodAccessKey, "secret_key": goodSecretKey + "\n"}, field: "secret_key"},
	{name: "secret with a space in it", data: map[string]any{"access_key": goodAccessKey, "secret_key": "a " + goodSecretKey}, field: "secret_key"},
	{name: "secret is a list", data: map[string]any{"access_key": goodAccessKey, "secret_key": []string{goodSecretKey}}, field: "secret_key"},
	{name: "secret is a map", data: map[string]any{"access_key": goodAccessKey, "secret_key": map[string]any{"value": goodSecretKey}}, field: "secret_key"},
	{name: "access key is a list", data: map[string]any{"access_key": []string{goodAccessKey}, "secret_key": goodSecretKey}, field: "access_key"},
	{name: "access key too short", data: map[string]any{"access_key": "AKIA", "secret_key": goodSecretKey}, field: "access_key"},
	{name: "access key too long", data: map[string]any{"access_key": strings.Repeat("A", 129), "secret_key": goodSecretKey}, field: "access_key"},
	{name: "access key with a line end", data: map[string]any{"access_key": goodAccessKey + "\n", "secret_key": goodSecretKey}, field: "access_key"},
	{name: "access key and secret swapped", data: map[string]any{"access_key": goodSecretKey, "secret_key": goodAccessKey}, field: "access_key"},
	{name: "the secret in both fields", data: map[string]any{"access_key": goodSecretKey, "secret_key": goodSecretKey}, field: "access_key"},
}

var badPlaces = []badInput{
	{name: "region in words", data: map[string]any{"region": "Europe (Frankfurt)"}, field: "region"},
	{name: "region with a line end", data: map[string]any{"region": "eu-central-1\n"}, field: "region"},
	{name: "region is a list", data: map[string]any{"region": []string{"eu-central-1"}}, field: "region"},
	{name: "region is a flag", data: map[string]any{"region": true}, field: "region"},
	{name: "region of a host name", data: map[string]any{"region": "eu-central-1.example.com"}, field: "region"},
	{name: "STS region garbage", data: map[string]any{"sts_region": "§$%"}, field: "sts_region"},
	{name: "endpoint with a user and a password", data: map[string]any{"iam_endpoint": "https://vault:password@iam.example.com"}, field: "iam_endpoint"},
	{name: "endpoint with a user", data: map[string]any{"sts_endpoint": "https://vault@sts.example.com"}, field: "sts_endpoint"},
	{name: "endpoint with the secret for its password", data: map[string]any{"iam_endpoint": "https://vault:" + goodSecretKey + "@iam.example.com"}, field: "iam_endpoint"},
	{name: "endpoint with a query", data: map[string]any{"iam_endpoint": "https://iam.example.com/?key=" + goodSecretKey}, field: "iam_endpoint"},
	{name: "endpoint with ftp", data: map[string]any{"iam_endpoint": "ftp://iam.example.com"}, field: "iam_endpoint"},
	{name: "endpoint that is a file", data: map[string]any{"iam_endpoint": "file:///etc/passwd"}, field: "iam_endpoint"},
	{name: "endpoint without a host", data: map[string]any{"iam_endpoint": "https://"}, field: "iam_endpoint"},
	{name: "endpoint with a line end", data: map[string]any{"iam_endpoint": "https://iam.example.com\n"}, field: "iam_endpoint"},
	{name: "endpoint is a map", data: map[string]any{"iam_endpoint": map[string]any{"url": "https://iam.example.com"}}, field: "iam_endpoint"},
	{name: "sign-in endpoint with ftp", data: map[string]any{"signin_endpoint": "ftp://signin.example.com"}, field: "signin_endpoint"},
	{name: "sign-in endpoint with a password", data: map[string]any{"signin_endpoint": "https://vault:password@signin.example.com"}, field: "signin_endpoint"},
	{name: "STS endpoint garbage", data: map[string]any{"sts_endpoint": "not an address"}, field: "sts_endpoint"},
	{name: "STS endpoint with a port in words", data: map[string]any{"sts_endpoint": "https://sts.example.com:https"}, field: "sts_endpoint"},
	{name: "one of the fallback endpoints garbage", data: map[string]any{"sts_fallback_endpoints": []string{"https://sts.example.com", "::"}}, field: "sts_fallback_endpoints"},
	{name: "fallback endpoints are a map", data: map[string]any{"sts_fallback_endpoints": map[string]any{"a": "b"}}, field: "sts_fallback_endpoints"},
	{name: "one of the fallback regions garbage", data: map[string]any{"sts_fallback_regions": "eu-central-1,everywhere"}, field: "sts_fallback_regions"},
	{name: "fallback lists of different lengths", field: "sts_fallback_regions",
		data: map[string]any{"sts_fallback_endpoints": "https://a.example.com,https://b.example.com", "sts_fallback_regions": "eu-west-1"}},
	{name: "role ARN of a policy", data: map[string]any{"role_arn": "arn:aws:iam::123456789012:policy/vault"}, field: "role_arn"},
	{name: "role ARN without an account", data: map[string]any{"role_arn": "arn:aws:iam::aws:role/vault"}, field: "role_arn"},
	{name: "role ARN is a bare name", data: map[string]any{"role_arn": "vault"}, field: "role_arn"},
	{name: "role ARN longer than 2048", data: map[string]any{"role_arn": "arn:aws:iam::123456789012:role/" + strings.Repeat("r", 2048)}, field: "role_arn"},
}

var badNumbersAndTemplates = []badInput{
	{name: "retries in words", data: map[string]any{"max_retries": "many"}, field: "max_retries"},
	{name: "retries below -1", data: map[string]any{"max_retries": -2}, field: "max_retries"},
	{name: "retries above 100", data: map[string]any{"max_retries": 101}, field: "max_retries"},
	{name: "retries with a fraction", data: map[string]any{"max_retries": 1.5}, field: "max_retries"},
	{name: "retries beyond all numbers", data: map[string]any{"max_retries": 1e30}, field: "max_retries"},
	{name: "retries are a map", data: map[string]any{"max_retries": map[string]any{"times": 3}}, field: "max_retries"},
	{name: "retries are a list", data: map[string]any{"max_retries": []int{3}}, field: "max_retries"},
	{name: "template that does not end", data: map[string]any{"username_template": "{{ .DisplayName"}, field: "username_template"},
	{name: "template with an unknown function", data: map[string]any{"username_template": "{{ shout .DisplayName }}"}, field: "username_template"},
	{name: "template with an unknown value", data: map[string]any{"username_template": "{{ .Password }}"}, field: "username_template"},
	{name: "template that makes 65 characters", data: map[string]any{"username_template": "{{ random 65 }}"}, field: "username_template"},
	{name: "template with a slash", data: map[string]any{"username_template": "vault/{{ random 20 }}"}, field: "username_template"},
	{name: "template with a space", data: map[string]any{"username_template": "vault {{ random 20 }}"}, field: "username_template"},
	{name: "template with a letter that IAM has not", data: map[string]any{"username_template": "größe-{{ random 20 }}"}, field: "username_template"},
	{name: "template that makes nothing", data: map[string]any{"username_template": `{{ "" }}`}, field: "username_template"},
	{name: "template that cuts off a negative length", data: map[string]any{"username_template": "{{ .DisplayName | truncate -1 }}"}, field: "username_template"},
	{name: "template that fails", data: map[string]any{"username_template": "{{ index .DisplayName 99 }}"}, field: "username_template"},
	{name: "template with a loop", data: map[string]any{"username_template": "{{ range 1000000000000 }}{{ end }}vault-{{ random 20 }}"}, field: "username_template: is not a template: has a range"},
	{name: "template that calls itself", data: map[string]any{"username_template": `{{ define "a" }}{{ template "a" }}{{ end }}{{ template "a" }}`}, field: "username_template: is not a template: does more than"},
	{name: "template that does nothing a million million times", data: map[string]any{"username_template": doublings(40)}, field: "username_template: is not a template: does more than"},
	{name: "template with four gigabytes", data: map[string]any{"username_template": "{{ random 4000000000 | truncate 20 }}"}, field: "username_template: is not a template: has the number"},
	{name: "template that prints a megabyte", data: map[string]any{"username_template": `{{ printf "%999999d" 1 | truncate 20 }}`}, field: "username_template: makes no name"},
	{name: "template that grows", data: map[string]any{"username_template": `{{ "` + strings.Repeat("a", 99) + `" | replace "a" "` + strings.Repeat("a", 999) + `" | truncate 20 }}`}, field: "username_template: makes no name"},
	{name: "template is a list", data: map[string]any{"username_template": []string{"vault"}}, field: "username_template"},
}

func TestBadInputToConfigLease(t *testing.T) {
	t.Parallel()
	for i := range badLeases {
		badLeases[i].path = "config/lease"
	}
	refuse(t, badLeases)
}

var badLeases = []badInput{
	{name: "lease in words", data: map[string]any{"lease": "a while"}, field: "lease"},
	{name: "lease is negative", data: map[string]any{"lease": "-1h"}, field: "lease"},
	{name: "lease is a negative number", data: map[string]any{"lease": -1}, field: "lease"},
	{name: "lease is a list", data: map[string]any{"lease": []string{"1h"}}, field: "lease"},
	{name: "lease without a known unit", data: map[string]any{"lease": "1 fortnight"}, field: "lease"},
	{name: "lease beyond all clocks", data: map[string]any{"lease": "18446744074"}, field: "lease"},
	{name: "longest lease is a map", data: map[string]any{"lease_max": map[string]any{"hours": 1}}, field: "lease_max"},
	{name: "longest lease is negative", data: map[string]any{"lease_max": "-1s"}, field: "lease_max"},
	{name: "longest lease beyond all clocks", data: map[string]any{"lease_max": "9223372037"}, field: "lease_max"},
	{name: "lease above the longest", data: map[string]any{"lease": "3h", "lease_max": "2h"}, field: "lease_max"},
	{name: "longest below the stored lease", only: "configured", data: map[string]any{"lease_max": "30m"}, field: "lease_max"},
	{name: "lease above the stored longest", only: "configured", data: map[string]any{"lease": "3h"}, field: "lease_max"},
}

// A secret key in the field of the ID would be shown by every read of config/root.
func TestSwappedKeysAreRefused(t *testing.T) {
	t.Parallel()
	m := newMount(t)
	for _, endpoint := range []string{"", "https://iam.example.com"} {
		text := m.refused(logical.UpdateOperation, "config/root", map[string]any{
			"access_key": "wJalrXUtnFEMIxK7MDENGxbPxRfiCYEXAMPLEKEY", "secret_key": "AKIAIOSFODNN7EXAMPLE", "iam_endpoint": endpoint,
		})
		if !strings.HasPrefix(text, "access_key: ") || strings.Contains(text, "wJalr") {
			t.Errorf("at %q: %s", endpoint, text)
		}
	}
}

// A secret key that was copied from a page or a chat brings characters along that nobody sees.
func TestUnseenCharactersInTheSecretKeyAreRefused(t *testing.T) {
	t.Parallel()
	m := newMount(t)
	for _, unseen := range []string{"\u00a0", "\u200b", "\ufeff", "\v", "\x00", "ä"} {
		text, status := outcome(m.ask(logical.UpdateOperation, "config/root", map[string]any{
			"access_key": "AKIAIOSFODNN7EXAMPLE", "secret_key": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY" + unseen,
		}))
		if status != 400 || !strings.HasPrefix(text, "secret_key: ") {
			t.Errorf("%q: %d %s", unseen, status, text)
		}
	}
}
