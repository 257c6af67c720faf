// SPDX-License-Identifier: MPL-2.0

package vaultaws

import (
	"encoding/json"
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"vault-plugin-secrets-aws-dyn/internal/e2e/server"
	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

// This file opens the AWS console with links that come from a real Vault.

// signinFront stands before the fake's sign-in, over TLS, and notes the secrets that pass.
type signinFront struct {
	*httptest.Server
	mu      sync.Mutex
	secrets []string
}

func startSigninFront(t *testing.T, account *fakeaws.Server) *signinFront {
	t.Helper()
	to, err := url.Parse(account.URL())
	if err != nil {
		t.Fatal(err)
	}
	pass := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(to) }}
	f := &signinFront{}
	f.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		f.note(string(body))
		r.Body = io.NopCloser(strings.NewReader(string(body)))
		pass.ServeHTTP(w, r)
	}))
	t.Cleanup(f.Close)
	return f
}

// note keeps the keys in a form.
func (f *signinFront) note(form string) {
	values, err := url.ParseQuery(form)
	var session map[string]string
	if err != nil || json.Unmarshal([]byte(values.Get("Session")), &session) != nil {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.secrets = append(f.secrets, session["sessionKey"], session["sessionToken"])
}

// open is what a browser does with a link. It finds the front at its address, and the console at the fake.
func (f *signinFront) open(t *testing.T, account *fakeaws.Server, link string) (page string, status int) {
	t.Helper()
	trusting := f.Client()
	browser := http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
		if strings.HasPrefix(f.URL, "https://"+r.URL.Host) {
			return trusting.Transport.RoundTrip(r)
		}
		there := r.Clone(r.Context())
		there.Host, there.URL.Scheme, there.URL.Host = r.URL.Host, "http", strings.TrimPrefix(account.URL(), "http://")
		answer, err := http.DefaultTransport.RoundTrip(there)
		if err == nil {
			answer.Request = r
		}
		return answer, err
	})}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, link, nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := browser.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	return answer.Request.URL.String(), answer.StatusCode
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// certificateFile writes the front's certificate, for AWS_CA_BUNDLE to name.
func (f *signinFront) certificateFile(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "signin.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: f.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// TestLinksToTheConsole through Vault: by a token that may do nothing else, plain and wrapped. Neither audit device nor log
// has a key of the session, or the link.
func TestLinksToTheConsole(t *testing.T) {
	t.Parallel()
	account := fakeaws.New(t)
	account.AddRole("deploy")
	front := startSigninFront(t, account)
	v := server.StartDev(t, "AWS_CA_BUNDLE="+front.certificateFile(t), "HTTP_PROXY="+account.URL(), "NO_PROXY=")
	audit := filepath.Join(v.Dir, "audit.log")
	v.Call(http.MethodPut, "sys/audit/file", map[string]any{"type": "file", "options": map[string]any{"file_path": audit}})
	v.Mount()
	server.ConfigureRoot(v, account)
	v.Call(http.MethodPost, "aws-dyn/config/root", map[string]any{"signin_endpoint": front.URL})
	v.Call(http.MethodPost, "aws-dyn/roles/deploy", map[string]any{"credential_type": "assumed_role", "role_arns": "arn:aws:iam::123456789012:role/deploy"})
	server.WriteRole(v)
	v.Call(http.MethodPut, "sys/policies/acl/console", map[string]any{"policy": `path "aws-dyn/console/*" { capabilities = ["read"] }`})
	made := v.Call(http.MethodPost, "auth/token/create", map[string]any{"policies": []string{"console"}})
	root, token := v.Token, made.Body["auth"].(map[string]any)["client_token"].(string)

	v.Token = token
	for _, path := range []string{"aws-dyn/creds/deploy", "aws-dyn/sts/deploy"} {
		v.Call(http.MethodGet, path, nil, http.StatusForbidden)
	}
	const page = "https://eu-central-1.console.aws.amazon.com/s3/home"
	plain := v.Call(http.MethodGet, "aws-dyn/console/deploy?destination="+url.QueryEscape(page), nil)
	v.Call(http.MethodGet, "aws-dyn/console/developer-access", nil, http.StatusBadRequest)
	v.Token = root
	if lease, seconds := plain.Lease(), plain.Body["lease_duration"].(float64); !strings.HasPrefix(lease, "aws-dyn/console/deploy/") || seconds < 3500 || seconds > 3600 {
		t.Errorf("the lease is %s, for %v", lease, seconds)
	}
	wrapping := server.Field(t, v.CLI("read", "-wrap-ttl=5m", "aws-dyn/console/deploy"), "wrapping_token:")
	wrapped := strings.TrimSpace(v.CLI("unwrap", "-field=login_url", wrapping))

	links := []string{plain.Data("login_url").(string), wrapped}
	for i, want := range []string{page, "https://console.aws.amazon.com/"} {
		if at, status := front.open(t, account, links[i]); at != want || status != http.StatusOK {
			t.Errorf("link %d ends at %s, %d", i, at, status)
		}
	}
	v.Revoke(plain.Lease())
	for _, login := range account.Logins() {
		if !strings.Contains(login.ARN, ":assumed-role/deploy/") || !login.SaidSo {
			t.Errorf("the console has %+v", login)
		}
	}
	front.keptSecret(t, v, audit, links)

	// By a proxy of the environment's, which is the fake itself.
	v.Call(http.MethodPost, "aws-dyn/config/root", map[string]any{"signin_endpoint": "http://signin.example.com"})
	if link, _ := v.Call(http.MethodGet, "aws-dyn/console/deploy", nil).Data("login_url").(string); !strings.HasPrefix(link, "http://signin.example.com/federation?Action=login&") {
		t.Errorf("the proxy was not asked: %s", link)
	}
}

// keptSecret reads what Vault has written.
func (f *signinFront) keptSecret(t *testing.T, v *server.Server, audit string, links []string) {
	t.Helper()
	written, err := os.ReadFile(audit)
	if err != nil {
		t.Fatal(err)
	}
	secrets := append([]string{}, f.secrets...)
	for _, link := range links {
		at, err := url.Parse(link)
		if err != nil {
			t.Fatal(err)
		}
		secrets = append(secrets, at.Query().Get("SigninToken"), at.Query().Encode())
	}
	if len(secrets) != 8 || !strings.Contains(string(written), "aws-dyn/console/deploy") {
		t.Fatalf("%d secrets, and the audit log has %d bytes", len(secrets), len(written))
	}
	for i, secret := range secrets {
		encoded, err := json.Marshal(secret)
		if err != nil {
			t.Fatal(err)
		}
		if secret == "" || strings.Contains(string(written), secret) || strings.Contains(string(written), string(encoded[1:len(encoded)-1])) {
			t.Errorf("secret %d is in the audit log", i)
		}
	}
	v.MustNotHaveLogged(secrets...)
}
