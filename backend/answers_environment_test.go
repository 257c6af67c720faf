// SPDX-License-Identifier: MPL-2.0

package backend

// Something else answers in the place of whoever gives the server its AWS identity. The SDK reads that in goroutines of
// its own, where a panic would end the process.

import (
	"crypto/sha1" //nolint:gosec // how the AWS CLI names its files
	"encoding/hex"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/hashicorp/vault/sdk/logical"
)

// environments have the SDK's default chain ask a server for its credentials.
var environments = map[string]func(t *testing.T, url string){
	"a container": func(t *testing.T, url string) { t.Setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", url+"/creds") },
	"an instance": func(t *testing.T, url string) {
		t.Setenv("AWS_EC2_METADATA_DISABLED", "false")
		t.Setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", url)
	},
	"IAM Identity Center": func(t *testing.T, url string) {
		const start = "https://example.awsapps.com/start"
		home, name := t.TempDir(), sha1.Sum([]byte(start)) //nolint:gosec // as above
		t.Setenv("HOME", home)
		config := filepath.Join(home, "config")
		for path, text := range map[string]string{
			config: "[profile vault]\nsso_start_url = " + start + "\nsso_region = us-east-1\nsso_account_id = 123456789012\nsso_role_name = vault\n",
			filepath.Join(home, ".aws", "sso", "cache", hex.EncodeToString(name[:])+".json"): `{"accessToken":"x","expiresAt":"` + time.Now().Add(time.Hour).UTC().Format(time.RFC3339) + `"}`,
		} {
			if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		t.Setenv("AWS_CONFIG_FILE", config)
		t.Setenv("AWS_PROFILE", "vault")
		t.Setenv("AWS_ENDPOINT_URL_SSO", url)
	},
}

func TestOddAnswersToTheEnvironment(t *testing.T) {
	for source, lead := range environments {
		for _, body := range []string{"", "{}", "null", "[]", `"text"`, `{"roleCredentials":{}}`, `{"Code":"Success"}`, "<html>"} {
			for _, status := range []int{http.StatusOK, http.StatusForbidden} {
				t.Run(fmt.Sprint(source, " ", status, " ", body), func(t *testing.T) {
					server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
						w.Header().Set("Content-Type", "application/json")
						w.WriteHeader(status)
						_, _ = w.Write([]byte(body))
					}))
					t.Cleanup(server.Close)
					lead(t, server.URL)
					m := newUnconfiguredMount(t)
					m.fails(logical.ReadOperation, "creds/developer-access", nil)
					m.recorded(0)
				})
			}
		}
	}
}
