// SPDX-License-Identifier: MPL-2.0

package backend

// Whoever may write config/root gets at no file and no token of the server's.

import (
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/engine"
	"vault-plugin-secrets-aws-dyn/internal/awsmodel"
)

// foreignSTS is a server of an attacker's, who named it in the configuration.
type foreignSTS struct {
	*httptest.Server
	mu   sync.Mutex
	sent strings.Builder
}

func newForeignSTS(t *testing.T) *foreignSTS {
	t.Helper()
	f := new(foreignSTS)
	f.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		f.mu.Lock()
		f.sent.Write(body)
		f.mu.Unlock()
		w.WriteHeader(http.StatusBadRequest)
	}))
	t.Cleanup(f.Close)
	return f
}

// got is all that was sent there.
func (f *foreignSTS) got() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.sent.String()
}

// tokenFile makes a file that the operator allows.
func tokenFile(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "token")
	writeFile(t, path, content)
	return path
}

func writeFile(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// store puts fields into config/root as another version of the engine left them.
func (m *mount) store(fields map[string]any) {
	m.t.Helper()
	stored := m.stored(engine.KeyRootConfig)
	maps.Copy(stored, fields)
	m.put(engine.KeyRootConfig, stored)
	m.start()
}

func TestTokenInAFileGoesToAWSAlone(t *testing.T) {
	t.Parallel()
	attacker := newForeignSTS(t)
	file := tokenFile(t, someJWT)
	m := newTokenMount(t, nil, nil)
	for field, data := range map[string]map[string]any{
		"sts_endpoint":           {"sts_endpoint": attacker.URL},
		"sts_fallback_endpoints": {"sts_fallback_endpoints": []string{m.aws.URL(), attacker.URL}},
	} {
		maps.Copy(data, map[string]any{"role_arn": vaultARN, "web_identity_token_file": file})
		text := m.refused(logical.UpdateOperation, "config/root", data)
		if !strings.HasPrefix(text, field+": ") || !strings.Contains(text, "-web-identity-sts-endpoints") {
			t.Errorf("%s: refused with %s", field, text)
		}
	}
	m.write("config/root", map[string]any{"role_arn": vaultARN, "web_identity_token_file": file})
	m.refused(logical.UpdateOperation, "config/root", map[string]any{"sts_endpoint": attacker.URL})
	for _, endpoint := range []string{"https://sts.eu-central-1.amazonaws.com", "", m.aws.URL()} {
		m.write("config/root", map[string]any{"sts_endpoint": endpoint})
	}
	m.revoke(m.creds("developer-access"))

	m.store(map[string]any{"sts_endpoint": attacker.URL, "max_retries": 0})
	if text := m.refused(logical.ReadOperation, "creds/developer-access", nil); !strings.Contains(text, "sts_endpoint: ") {
		t.Errorf("refused with %s", text)
	}
	m.write("config/root", map[string]any{"max_retries": 1}) // what it does not name is no reason to refuse it
	if got := attacker.got(); got != "" {
		t.Errorf("the attacker's STS got %s", got)
	}
}

// STS takes 20,000 characters (AssumeRoleWithWebIdentity), and its answer to more may repeat them.
func TestLongTokenStaysHere(t *testing.T) {
	t.Parallel()
	m := newTokenMount(t, nil, nil)
	file := tokenFile(t, someJWT)
	m.write("config/root", map[string]any{"role_arn": vaultARN, "web_identity_token_file": file, "max_retries": 0})
	for length, fits := range map[int]bool{engine.MostToken: true, engine.MostToken + 1: false} {
		token := someJWT + strings.Repeat("A", length-len(someJWT))
		writeFile(t, file, " "+token+"\n")
		m.aws.SetWebIdentityToken(token)
		m.start()
		m.aws.ResetCalls()
		resp, err := m.ask(logical.ReadOperation, "creds/developer-access", nil)
		if well(resp, err) != fits {
			t.Errorf("%d characters: %v %v", length, resp, err)
		}
		if fits {
			m.revoke(resp)
		} else {
			m.mustNotCall()
		}
	}
	member, _ := awsmodel.Load().Member("AssumeRoleWithWebIdentity", "WebIdentityToken")
	if *member.Max != engine.MostToken {
		t.Errorf("the model has %d characters", *member.Max)
	}
}

func TestOnlyFilesThatTheOperatorAllows(t *testing.T) {
	dir := t.TempDir()
	file, other := filepath.Join(dir, "token"), filepath.Join(dir, "other")
	writeFile(t, other, someJWT)
	if err := os.Symlink(other, file); err != nil { // as Kubernetes has it
		t.Fatal(err)
	}
	allowed := engine.TokenFiles{Paths: []string{file, "/run/tokens/", "/run/a/../exact"}}
	for path, want := range map[string]bool{
		file: true, dir + "/./x/../token": true, "/run/tokens/a": true, "/run/tokens//b/c": true, "/run/exact": true,
		other: false, "/run/tokens": false, "/run/tokens/": false, "/run/tokens/../secret": false, "/run/tokens-too/a": false,
		"/run/exact/a": false, "/": false, "": false, "token": false,
	} {
		if got := allowed.Allows(path); got != want {
			t.Errorf("%q is allowed: %t", path, got)
		}
	}

	m := newTokenMount(t, nil, nil)
	data := map[string]any{"role_arn": vaultARN, "web_identity_token_file": "/etc/../etc/hostname"}
	text := m.refused(logical.UpdateOperation, "config/root", data)
	if !strings.HasPrefix(text, "web_identity_token_file: ") || !strings.Contains(text, "-web-identity-token-files") {
		t.Errorf("refused with %s", text)
	}
	t.Setenv("AWS_WEB_IDENTITY_TOKEN_FILE", "/etc/hostname")
	m.write("config/root", data)
	m.write("config/root", map[string]any{"web_identity_token_file": file})
	m.revoke(m.creds("developer-access")) // although AWS_ROLE_ARN, which the default chain wants, is not set
}

func TestErrorsDoNotTellWhichFilesThereAre(t *testing.T) {
	t.Parallel()
	device := filepath.Join(t.TempDir(), "device")
	if err := os.Symlink("/dev/zero", device); err != nil {
		t.Fatal(err)
	}
	m := newTokenMount(t, nil, map[string]any{"role_arn": vaultARN})
	texts := map[string]string{}
	for name, path := range map[string]string{
		"missing":                  filepath.Join(t.TempDir(), "no-such"),
		"directory":                t.TempDir(),
		"device":                   device,
		"no token":                 tokenFile(t, "password=hunter2"),
		"empty":                    tokenFile(t, ""),
		"too long":                 tokenFile(t, strings.Repeat("x", engine.MostToken+1)),
		"below a file":             tokenFile(t, someJWT) + "/token",
		"not allowed, and there":   "/etc/passwd",
		"not allowed, and missing": "/etc/no-such",
	} {
		m.store(map[string]any{"web_identity_token_file": path})
		text, _, _ := strings.Cut(m.refused(logical.ReadOperation, "creds/developer-access", nil), "; creating IAM user ")
		texts[text] = name
	}
	if len(texts) != 1 {
		t.Errorf("the answers differ: %v", texts)
	}
	for text := range texts {
		if !strings.Contains(text, "web_identity_token_file: ") || !strings.Contains(text, "-web-identity-token-files") {
			t.Errorf("refused with %s", text)
		}
	}
	if n := len(m.aws.Calls()); n != 0 {
		t.Errorf("AWS was called %d times", n)
	}
	m.write("config/root", map[string]any{"max_retries": 1})
	m.write("roles/other", map[string]any{"policy_arns": readOnly})
	m.mustTick()
}

// The default chain calls the STS of its own environment.
func TestTokenOfTheDefaultChainStaysWithTheOperator(t *testing.T) {
	attacker := newForeignSTS(t)
	m := newTokenMount(t, nil, nil)
	t.Setenv("AWS_WEB_IDENTITY_TOKEN_FILE", tokenFile(t, someJWT))
	t.Setenv("AWS_ROLE_ARN", vaultARN)
	t.Setenv("AWS_ENDPOINT_URL_STS", m.aws.URL())
	m.write("config/root", map[string]any{"sts_endpoint": attacker.URL, "sts_fallback_endpoints": []string{attacker.URL}})
	m.revoke(m.creds("developer-access"))
	m.write("roles/session", map[string]any{"credential_type": "assumed_role", "role_arns": vaultARN})
	m.fails(logical.ReadOperation, "creds/session", nil)
	if got := attacker.got(); !strings.Contains(got, "Action=AssumeRole") || strings.Contains(got, someJWT) || strings.Contains(got, "WebIdentity") {
		t.Errorf("the attacker's STS got %s", got)
	}
}
