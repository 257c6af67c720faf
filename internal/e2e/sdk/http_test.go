// SPDX-License-Identifier: MPL-2.0

package sdk

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vault-plugin-secrets-aws-dyn/internal/e2e/server"
	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

// This file asks for what AWS SDKs read, in a real Vault: what becomes of the answer on its way.

// sdkAnswer is what an SDK is answered: credentials, or an error.
type sdkAnswer struct {
	status                                                int
	kind                                                  string // of the content
	text                                                  string
	AccessKeyId, SecretAccessKey, Token, Expiration, Code string // AWS's names
}

// readAsSDK sends what an SDK does: a token in the header Authorization, and nothing else of Vault's.
func readAsSDK(v *server.Server, method, path, token string, headers ...string) (a sdkAnswer) {
	v.T.Helper()
	req, err := http.NewRequestWithContext(v.T.Context(), method, v.Address()+"/v1/"+path, http.NoBody)
	if err != nil {
		v.T.Fatal(err)
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("Authorization", "Bearer "+token)
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		v.T.Fatalf("%s %s: %v", method, path, err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		v.T.Fatalf("%s %s: %v", method, path, err)
	}
	_ = json.Unmarshal(text, &a) // what is no JSON, or another's, has none of this
	a.status, a.kind, a.text = resp.StatusCode, resp.Header.Get("Content-Type"), string(text)
	return a
}

// TestVaultPassesOnWhatSDKsRead: as it is, without a lease, and with nothing secret in the audit log.
func TestVaultPassesOnWhatSDKsRead(t *testing.T) {
	t.Parallel()
	v, account := startForSDKs(t)
	audit := filepath.Join(t.TempDir(), "audit.log")
	v.Call(http.MethodPut, "sys/audit/file", map[string]any{"type": "file", "options": map[string]any{"file_path": audit}})
	token := sdkToken(v)
	secrets := []string{token}
	for _, path := range []string{"aws-dyn/sdk/creds/deploy", "aws-dyn/sdk/static-creds/app"} {
		a := readAsSDK(v, http.MethodGet, path, token)
		if a.status != http.StatusOK || a.kind != "application/json" || a.AccessKeyId == "" || a.SecretAccessKey == "" || a.Expiration == "" || strings.Contains(a.text, "lease") {
			t.Fatalf("%s: %d %s %s", path, a.status, a.kind, a.text)
		}
		secrets = append(secrets, a.SecretAccessKey)
		if a.Token != "" {
			secrets = append(secrets, a.Token)
		}
	}
	if leases := v.Call(http.MethodGet, "sys/leases/lookup/aws-dyn/?list=true", nil, 404); strings.Contains(leases.Text, "sdk") {
		t.Errorf("there are leases: %s", leases.Text)
	}
	users := readAsSDK(v, http.MethodGet, "aws-dyn/sdk/creds/developer-access", token)
	if users.status != http.StatusBadRequest || users.kind != "application/json" || users.Code != "BadRequest" {
		t.Errorf("a role that makes users: %d %s %s", users.status, users.kind, users.text)
	}
	secrets = append(secrets, wrapForSDK(v, token)...)
	for _, c := range []struct {
		method, path, token string
		status              int
	}{
		{http.MethodGet, "aws-dyn/sdk/creds/deploy", "hvs.nobody", http.StatusForbidden},
		{http.MethodGet, "aws-dyn/creds/deploy", token, http.StatusForbidden}, // the two have ACLs of their own
		{http.MethodHead, "aws-dyn/sdk/creds/deploy", v.Token, http.StatusMethodNotAllowed},
		{"LIST", "aws-dyn/sdk/creds/deploy", v.Token, http.StatusMethodNotAllowed},
		{http.MethodPost, "aws-dyn/sdk/creds/deploy", v.Token, http.StatusMethodNotAllowed},
		{http.MethodGet, "aws-dyn/sdk/creds/deploy?tll=1h", token, http.StatusBadRequest},
	} {
		if a := readAsSDK(v, c.method, c.path, c.token); a.status != c.status || a.AccessKeyId != "" {
			t.Errorf("%s %s: %d %s, want %d", c.method, c.path, a.status, a.text, c.status)
		}
	}
	log, err := os.ReadFile(audit)
	if err != nil {
		t.Fatalf("reading the audit log: %v", err)
	}
	for _, secret := range secrets {
		if strings.Contains(string(log), secret) {
			t.Errorf("the audit log has the secret %s", secret)
		}
		v.MustNotHaveLogged(secret)
	}
	if n := strings.Count(string(log), `"http_raw_body":"hmac-sha256:`); n < 3 {
		t.Errorf("the audit log has %d raw answers, each as an HMAC:\n%s", n, log)
	}
	v.Call(http.MethodPut, "sys/seal", nil)
	if a := readAsSDK(v, http.MethodGet, "aws-dyn/sdk/creds/deploy", token); a.status != http.StatusServiceUnavailable {
		t.Errorf("a sealed Vault answers %d %s", a.status, a.text)
	}
	if n := len(account.Sessions()); n != 2 {
		t.Errorf("AWS made %d sessions, want one for each that was answered: 2", n)
	}
}

// wrapForSDK reads with response wrapping, which gives the same answer to who unwraps it, and returns what is secret of it.
func wrapForSDK(v *server.Server, token string) []string {
	v.T.Helper()
	wrapped := readAsSDK(v, http.MethodGet, "aws-dyn/sdk/creds/deploy", token, "X-Vault-Wrap-TTL", "1m")
	var info struct {
		WrapInfo struct{ Token string } `json:"wrap_info"`
	}
	if err := json.Unmarshal([]byte(wrapped.text), &info); err != nil || wrapped.AccessKeyId != "" || info.WrapInfo.Token == "" {
		v.T.Fatalf("a wrapped answer: %d %s", wrapped.status, wrapped.text)
	}
	a := readAsSDK(v, http.MethodPost, "sys/wrapping/unwrap", info.WrapInfo.Token)
	if a.status != http.StatusOK || a.AccessKeyId == "" || a.SecretAccessKey == "" {
		v.T.Errorf("unwrapped: %d %s", a.status, a.text)
	}
	return []string{a.SecretAccessKey, a.Token}
}

// TestStandbysForwardWhatSDKsRead: SDKs may ask any server of a cluster.
func TestStandbysForwardWhatSDKsRead(t *testing.T) {
	t.Parallel()
	account := fakeaws.New(t)
	c := server.StartCluster(t)
	c.Agreed()
	v := c.Active(nil)
	v.Mount()
	server.ConfigureRoot(v, account)
	v.Call(http.MethodPost, "aws-dyn/roles/own", map[string]any{"credential_type": "session_token"})
	for _, node := range c.Nodes {
		var a sdkAnswer
		server.WaitFor(t, server.ElectionTime, node.Address()+" to answer while there is a leader", func() bool {
			a = readAsSDK(node, http.MethodGet, "aws-dyn/sdk/creds/own", v.Token)
			return a.status < http.StatusInternalServerError
		})
		if a.status != http.StatusOK || a.kind != "application/json" || a.AccessKeyId == "" {
			t.Errorf("the leader was %s, and %s answers %d %s %s", v.Address(), node.Address(), a.status, a.kind, a.text)
		}
	}
}
