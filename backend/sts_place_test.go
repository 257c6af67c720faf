// SPDX-License-Identifier: MPL-2.0

package backend

// Where STS is called, and where next when one place does not serve.

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

// The fallback serves the call that needs it, and what STS itself says is told.
func TestSTSFallbackServesTheCallThatNeedsIt(t *testing.T) {
	t.Parallel()
	m := newSessionMount(t, map[string]any{"sts_endpoint": "http://127.0.0.1:1", "max_retries": 0})
	m.write("config/root", map[string]any{"sts_fallback_endpoints": m.aws.URL()})
	m.do(logical.ReadOperation, "sts/own", nil)
	m.write("config/root", map[string]any{"sts_endpoint": m.aws.URL(), "sts_fallback_endpoints": "http://127.0.0.1:1"})
	m.write("roles/deploy", map[string]any{"role_arns": "arn:aws:iam::123456789012:role/not-there"})
	if text := m.refused(logical.ReadOperation, "sts/deploy", nil); !strings.Contains(text, "AccessDenied") {
		t.Errorf("the answer is: %s", text)
	}
}

// Some refusals are about the region that was called, and another one serves; all others are about
// the request, which no region serves.
func TestSTSFallbackServesWhatIsAboutTheRegion(t *testing.T) {
	t.Parallel()
	for code, serves := range map[string]bool{
		"RegionDisabledException": true, "OptInRequired": true, "InvalidClientTokenId": true, "UnrecognizedClientException": true,
		"SignatureDoesNotMatch": true, "InvalidAction": true, "NotImplemented": true, "MethodNotAllowed": true,
		"AccessDenied": false, "ValidationError": false, "MalformedPolicyDocument": false, "PackedPolicyTooLarge": false,
		"ExpiredTokenException": false, "RequestExpired": false, "SomethingNew": false,
	} {
		t.Run(code, func(t *testing.T) {
			t.Parallel()
			m := newSessionMount(t)
			m.write("config/root", map[string]any{"sts_fallback_endpoints": m.aws.URL()})
			met := m.aws.Inject(fakeaws.Fault{Action: "AssumeRole", Kind: fakeaws.Refuse, Code: code, Times: 1})
			resp, err := m.ask(logical.ReadOperation, "creds/deploy", nil)
			if text, status := outcome(resp, err); (status == 200) != serves || !serves && !strings.HasPrefix(text, code+": ") {
				t.Errorf("%d %s", status, text)
			}
			if met.Hits() != 1 {
				t.Errorf("asked %d times", met.Hits())
			}
		})
	}
}

// A place that did not answer is called after the others for a while, so that not every request waits for it; where
// no other serves, it is called all the same.
func TestSTSThatDoesNotAnswerIsCalledLast(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	dead := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		asked.Add(1)
		panic(http.ErrAbortHandler)
	}))
	t.Cleanup(dead.Close)
	m := newSessionMount(t)
	m.write("config/root", map[string]any{"sts_endpoint": dead.URL, "sts_fallback_endpoints": m.aws.URL(), "max_retries": 0})
	for range 3 {
		m.do(logical.ReadOperation, "creds/deploy", nil)
	}
	if n := asked.Load(); n != 1 {
		t.Errorf("what did not answer was asked %d times by 3 requests", n)
	}
	m.aws.Inject(fakeaws.Fault{Action: "AssumeRole", Kind: fakeaws.LostAnswer, Times: 1})
	if resp, err := m.ask(logical.ReadOperation, "creds/deploy", nil); err == nil && !resp.IsError() {
		t.Errorf("served: %v", resp)
	}
	if n := asked.Load(); n != 2 {
		t.Errorf("asked %d times, want 2: nobody else answered", n)
	}
}

// Where no place serves, what is not about the place is told first, and each place's own.
func TestSTSFallbackTellsWhatCountsFirst(t *testing.T) {
	t.Parallel()
	m := newSessionMount(t)
	m.write("config/root", map[string]any{"sts_fallback_endpoints": m.aws.URL()})
	m.aws.Inject(fakeaws.Fault{Action: "AssumeRole", Kind: fakeaws.Refuse, Code: "RegionDisabledException", Times: 1})
	m.aws.Inject(denial("AssumeRole"))
	inOrder(t, m.refused(logical.ReadOperation, "creds/deploy", nil), "AccessDenied: ", "assuming role "+deployARN, "; and RegionDisabledException: ", "assuming role "+deployARN)
}

// STS may not have an identity provider's new keys yet, and calls the token invalid: it is shown again.
func TestInvalidIdentityTokenIsRepeated(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte(someJWT), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, code := range []string{"InvalidIdentityToken", "IDPCommunicationError"} {
		m := newTokenMount(t, nil, map[string]any{"role_arn": vaultARN, "web_identity_token_file": file, "max_retries": -1})
		met := m.aws.Inject(fakeaws.Fault{Action: "AssumeRoleWithWebIdentity", Kind: fakeaws.Refuse, Code: code, Status: 400, Times: 1})
		m.revoke(m.creds("developer-access"))
		if met.Hits() != 1 {
			t.Errorf("%s: asked %d times", code, met.Hits())
		}
	}
}

// A region that AWS will not take is said at the write.
func TestSTSRegionOfAnotherEndpointIsWarnedOf(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		data map[string]any
		want string
	}{
		"global, region alone": {map[string]any{"sts_endpoint": "https://sts.amazonaws.com", "region": "eu-west-1"}, ""},
		"global": {map[string]any{"sts_endpoint": "https://sts.amazonaws.com", "sts_region": "eu-west-1"},
			"sts_region: \"eu-west-1\" is not used, because calls of https://sts.amazonaws.com are signed for us-east-1; omit it"},
		"global, right": {map[string]any{"sts_endpoint": "https://sts.amazonaws.com", "sts_region": "us-east-1"}, ""},
		"another": {map[string]any{"sts_endpoint": "https://sts.us-west-2.amazonaws.com", "sts_region": "eu-west-1"},
			"sts_region: https://sts.us-west-2.amazonaws.com is of us-west-2, and AWS refuses what is signed for \"eu-west-1\"; omit it, or write us-west-2"},
		"fallback": {map[string]any{"sts_fallback_endpoints": "https://sts.us-west-2.amazonaws.com,https://sts.eu-west-1.amazonaws.com", "sts_fallback_regions": "us-west-2,us-west-2"},
			"sts_fallback_regions: https://sts.eu-west-1.amazonaws.com is of eu-west-1"},
		"private": {map[string]any{"sts_endpoint": "https://sts.example.com", "sts_region": "eu-west-1"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			resp := newMount(t).write("config/root", c.data)
			switch {
			case c.want == "" && resp != nil && len(resp.Warnings) > 0:
				t.Errorf("warned: %v", resp.Warnings)
			case c.want != "" && (resp == nil || len(resp.Warnings) != 1 || !strings.Contains(resp.Warnings[0], c.want)):
				t.Errorf("the answer is %v", resp)
			}
		})
	}
}
