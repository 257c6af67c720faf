// SPDX-License-Identifier: MPL-2.0

package backend

import (
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

// newConsoleMount has a role of each type of session, and a sign-in.
func newConsoleMount(t testing.TB, more ...map[string]any) *mount {
	t.Helper()
	m := newSessionMount(t, more...)
	m.write("config/root", map[string]any{"signin_endpoint": m.aws.URL()})
	return m
}

// open is what a browser does with a link: it ends at the last page that is not the fake's. The fake
// plays the console too.
func (m *mount) open(link string) (page string, status int) {
	m.t.Helper()
	browser := http.Client{Transport: toFake{m.aws.URL()}}
	r, err := http.NewRequestWithContext(m.ctx, http.MethodGet, link, nil)
	if err != nil {
		m.t.Fatal(err)
	}
	answer, err := browser.Do(r)
	if err != nil {
		m.t.Fatal(err)
	}
	defer answer.Body.Close()
	if _, err := io.Copy(io.Discard, answer.Body); err != nil {
		m.t.Fatal(err)
	}
	return answer.Request.URL.String(), answer.StatusCode
}

// toFake reaches a fake wherever a URL leads, by the name that it has.
type toFake struct{ url string }

func (f toFake) RoundTrip(r *http.Request) (*http.Response, error) {
	to, err := url.Parse(f.url)
	if err != nil {
		return nil, err
	}
	there := r.Clone(r.Context())
	there.Host, there.URL.Scheme, there.URL.Host = r.URL.Host, to.Scheme, to.Host
	answer, err := http.DefaultTransport.RoundTrip(there)
	if err == nil {
		answer.Request = r
	}
	return answer, err
}

// sentDurations are the SessionDurations of the sign-ins so far; "" where none was sent.
func (m *mount) sentDurations() (sent []string) {
	for _, call := range m.aws.Calls() {
		if call.Action == "getSigninToken" {
			sent = append(sent, call.Params.Get("SessionDuration"))
		}
	}
	return sent
}

// A link opens the console as the session, for as long as the lease runs, and the answer has no key.
func TestLinkOpensTheConsole(t *testing.T) {
	t.Parallel()
	m := newConsoleMount(t)
	for role, arn := range map[string]string{
		"deploy": "arn:aws:sts::123456789012:assumed-role/deploy/vault-token-test-deploy-",
		"fed":    "arn:aws:sts::123456789012:federated-user/vault-",
	} {
		for _, op := range []logical.Operation{logical.ReadOperation, logical.UpdateOperation} {
			resp := m.do(op, "console/"+role, nil)
			if keys := slices.Sorted(maps.Keys(resp.Data)); !slices.Equal(keys, []string{"expires", "login_url"}) {
				t.Errorf("%s: the answer has %v", role, keys)
			}
			expires, err := time.Parse(time.RFC3339, resp.Data["expires"].(string))
			if s := resp.Secret; err != nil || s.Renewable || s.TTL < 59*time.Minute || s.TTL > time.Hour || (time.Until(expires)-s.TTL).Abs() > 2*time.Second {
				t.Errorf("%s: ttl %s, expires %s, %v", role, s.TTL, expires, err)
			}
			if page, status := m.open(resp.Data["login_url"].(string)); page != "https://console.aws.amazon.com/" || status != 200 {
				t.Errorf("%s: the link ends at %s, %d", role, page, status)
			}
			login := m.aws.Logins()[len(m.aws.Logins())-1]
			if !strings.HasPrefix(login.ARN, arn) || login.Lasts > resp.Secret.TTL+time.Second || login.SaidSo != (role == "deploy") || login.Issuer != "" {
				t.Errorf("%s: the console has %+v", role, login)
			}
			if _, err := m.lease(logical.RenewOperation, resp); err == nil {
				t.Errorf("%s: the lease was renewed", role)
			}
			m.revoke(resp)
			mustNotHave(t, role, resp, m.aws.Sessions())
		}
	}
}

// mustNotHave checks that neither answer nor lease has anything of a session but its name.
func mustNotHave(t *testing.T, what string, resp *logical.Response, sessions []fakeaws.Session) {
	t.Helper()
	raw, err := json.Marshal([]any{resp.Data, resp.Secret, resp.Secret.InternalData})
	if err != nil {
		t.Fatal(err)
	}
	for _, word := range []string{"access_key\"", "secret", "session_token", "security_token", sessions[len(sessions)-1].AccessKeyID} {
		if strings.Contains(strings.ReplaceAll(string(raw), `"secret_type"`, ""), word) {
			t.Errorf("%s: the answer has %s: %s", what, word, raw)
		}
	}
}

// What a request asks for reaches the session and the link.
func TestLinkIsAsAskedFor(t *testing.T) {
	t.Parallel()
	m := newConsoleMount(t)
	m.aws.SetMaxSession("audit", 12*time.Hour)
	m.write("roles/deploy", map[string]any{"role_arns": []string{deployARN, auditARN}, "allowed_request_tags": "team", "max_sts_ttl": "4h"})
	const page = "https://eu-central-1.console.aws.amazon.com/s3/home?region=eu-central-1#list"
	resp := m.do(logical.UpdateOperation, "console/deploy", map[string]any{
		"role_arn": auditARN, "role_session_name": "ann", "session_tags": "team=ops", "ttl": "5h", "destination": page, "issuer": "https://vault.example.com/ui",
	})
	if len(resp.Warnings) != 1 || !strings.HasPrefix(resp.Warnings[0], "ttl: ") {
		t.Errorf("warnings %q", resp.Warnings)
	}
	if s := m.session(); s.SessionName != "ann" || s.Tags["team"] != "ops" || s.Duration != 4*time.Hour || !strings.Contains(s.ARN, "assumed-role/audit/") {
		t.Errorf("AWS was asked for %+v", s)
	}
	if at, status := m.open(resp.Data["login_url"].(string)); at != page || status != 200 {
		t.Errorf("the link ends at %s, %d", at, status)
	}
	login := m.aws.Logins()[0]
	if login.Issuer != "https://vault.example.com/ui" || (login.Lasts-4*time.Hour).Abs() > 2*time.Second || !login.SaidSo {
		t.Errorf("the console has %+v", login)
	}
	if _, status := m.open(resp.Data["login_url"].(string)); status != http.StatusBadRequest {
		t.Errorf("the link opened twice: %d", status)
	}
	late := m.do(logical.ReadOperation, "console/deploy", map[string]any{"role_arn": auditARN})
	m.aws.Age(16 * time.Minute)
	if _, status := m.open(late.Data["login_url"].(string)); status != http.StatusBadRequest {
		t.Errorf("an old link opened: %d", status)
	}
}

// SessionDuration goes to AWS's sign-in only with the session of a role that a long-term key asked for.
func TestSessionDurationIsSentWhereAWSAllowsIt(t *testing.T) {
	t.Parallel()
	m := newConsoleMount(t)
	m.aws.AddRole("vault")
	m.do(logical.ReadOperation, "console/deploy", map[string]any{"ttl": "15m"})
	m.do(logical.ReadOperation, "console/fed", map[string]any{"ttl": "36h"})
	m.write("roles/there", map[string]any{"credential_type": "assumed_role", "role_arns": deployARN, "assume_role_arn": "arn:aws:iam::123456789012:role/vault"})
	m.do(logical.ReadOperation, "console/there", nil)
	m.write("config/root", map[string]any{"role_arn": "arn:aws:iam::123456789012:role/vault"})
	resp := m.do(logical.ReadOperation, "console/deploy", nil)
	if got := m.sentDurations(); !slices.Equal(got, []string{"900", "", "", ""}) {
		t.Errorf("sent %q", got)
	}
	if _, status := m.open(resp.Data["login_url"].(string)); status != 200 {
		t.Errorf("a chained session does not open the console: %d", status)
	}
}

// AWS's page says of AssumeRole for the console: who passes DurationSeconds must call as an IAM user with long-term
// credentials, "otherwise, the call to the federation endpoint in step 3 fails" (IAM User Guide, "Enable custom identity
// broker access to the AWS console"). So a session that a session asks for runs for AWS's own time.
func TestChainedConsoleWithoutDurationSeconds(t *testing.T) {
	t.Parallel()
	m := newConsoleMount(t)
	m.aws.AddRole("vault")
	m.aws.SetMaxSession("deploy", 12*time.Hour)
	vault := "arn:aws:iam::123456789012:role/vault"
	m.write("roles/there", map[string]any{"credential_type": "assumed_role", "role_arns": deployARN, "assume_role_arn": vault})
	m.write("roles/long", map[string]any{"credential_type": "assumed_role", "role_arns": deployARN, "default_sts_ttl": "2h"})
	m.write("roles/bounded", map[string]any{"credential_type": "assumed_role", "role_arns": deployARN, "max_sts_ttl": "30m"})
	chained := func(role, ttl, warning string) {
		t.Helper()
		resp := m.do(logical.ReadOperation, "console/"+role, map[string]any{"ttl": ttl})
		toldOnce(t, resp, warning)
		if m.session().Duration != time.Hour || (resp.Secret.TTL-time.Hour).Abs() > time.Minute {
			t.Errorf("%s: a session of %s, a lease of %s", role, m.session().Duration, resp.Secret.TTL)
		}
		if _, status := m.open(resp.Data["login_url"].(string)); status != 200 {
			t.Errorf("%s: the link does not open: %d", role, status)
		}
		for _, call := range m.aws.Calls() {
			if call.Action == "AssumeRole" && call.Params.Get("RoleArn") == deployARN && call.Params.Has("DurationSeconds") {
				t.Errorf("%s: asked for with DurationSeconds=%s", role, call.Params.Get("DurationSeconds"))
			}
		}
	}
	chained("there", "0", "")
	chained("there", "30m", "ttl: 30m0s became 1h0m0s: the engine's own identity is a session")
	m.write("config/root", map[string]any{"role_arn": vault})
	chained("deploy", "0", "")
	chained("deploy", "1h", "")
	chained("deploy", "3h", "ttl: 3h0m0s became 1h0m0s: the engine's own identity is a session")
	chained("long", "0", "default_sts_ttl: 2h0m0s became 1h0m0s: the engine's own identity is a session")
	if text := m.refused(logical.ReadOperation, "console/bounded", nil); !strings.HasPrefix(text, "ttl: the console would be open for 1h0m0s, and max_sts_ttl of the role is less: ") {
		t.Error(text)
	}
	m.do(logical.ReadOperation, "creds/bounded", nil) // which needs no sign-in
}

// Nothing is made of a role that has no way into the console, nor for a link that leads elsewhere.
func TestLinksThatAreNotMade(t *testing.T) {
	t.Parallel()
	m := newConsoleMount(t)
	m.aws.SetMFACode(mfaOfVault, "123456")
	m.write("roles/managed", map[string]any{"arn": readOnly})
	m.write("roles/policy", map[string]any{"policy": s3Only})
	for _, c := range []struct {
		role, want string
		data       map[string]any
	}{
		{"developer-access", "name: role \"developer-access\" issues IAM users, whose keys do not open the console; use a role of credential_type assumed_role or federation_token", nil},
		{"own", "name: role \"own\" has the credential_type session_token", nil},
		{"managed", "", nil},
		{"none", "name: there is no role \"none\"", nil},
		{"deploy", "ttl: ", map[string]any{"ttl": "1m"}},
		{"deploy", "role_arn: ", map[string]any{"role_arn": auditARN}},
		{"deploy", "session_tags: ", map[string]any{"session_tags": "a=b"}},
		{"deploy", "destination: leads to example.com, which is not the AWS console", map[string]any{"destination": "https://example.com/"}},
		{"deploy", "destination: leads to console.aws.amazon.com.example.com", map[string]any{"destination": "https://console.aws.amazon.com.example.com/"}},
		{"deploy", "destination: leads to evilconsole.aws.amazon.com", map[string]any{"destination": "https://evilconsole.aws.amazon.com/"}},
		{"deploy", "destination: leads to aws.amazon.com", map[string]any{"destination": "https://aws.amazon.com/"}},
		{"deploy", "destination: must name neither user nor port", map[string]any{"destination": "https://console.aws.amazon.com@example.com/"}},
		{"deploy", "destination: must name neither user nor port", map[string]any{"destination": "https://a:b@console.aws.amazon.com/"}},
		{"deploy", "destination: must name neither user nor port", map[string]any{"destination": "https://console.aws.amazon.com:8443/"}},
		{"deploy", "destination: contains white space, a backslash", map[string]any{"destination": `https://example.com\.console.aws.amazon.com/`}},
		{"deploy", "destination: contains white space", map[string]any{"destination": "https://console.aws.amazon.com/ x"}},
		{"deploy", "destination: contains white space", map[string]any{"destination": "https://c\u043ensole.aws.amazon.com/"}},
		{"deploy", "destination: is not an https URL", map[string]any{"destination": "http://console.aws.amazon.com/"}},
		{"deploy", "destination: is not an https URL", map[string]any{"destination": "//console.aws.amazon.com/"}},
		{"deploy", "destination: is not an https URL", map[string]any{"destination": "https:console.aws.amazon.com/"}},
		{"deploy", "destination: has a path that begins with //", map[string]any{"destination": "https://console.aws.amazon.com//example.com"}},
		{"deploy", "destination: has 2090 bytes", map[string]any{"destination": "https://console.aws.amazon.com/" + strings.Repeat("x", 2059)}},
		{"deploy", "destination: is on the console of the AWS partition aws-cn, and the session is of aws", map[string]any{"destination": "https://console.amazonaws.cn/"}},
		{"deploy", "issuer: is not the URL", map[string]any{"issuer": "javascript:alert(1)"}},
		{"deploy", "issuer: has 2049 bytes", map[string]any{"issuer": strings.Repeat("x", 2049)}},
	} {
		if text := m.refused(logical.ReadOperation, "console/"+c.role, c.data); !strings.HasPrefix(text, c.want) {
			t.Errorf("%s %v: %s", c.role, c.data, text)
		}
	}
	if n := len(m.sentDurations()); n != 0 {
		t.Errorf("%d sign-ins", n)
	}
	m.noUsers()
	m.recorded(0)
	if text := m.refused(logical.UpdateOperation, "console/deploy", map[string]any{"destination": "x", "issuer": "data:x", "wrong": "y"}); strings.Count(text, ": ") < 3 {
		t.Errorf("not all mistakes are told: %s", text)
	}
	for _, destination := range []string{"https://CONSOLE.aws.amazon.com", "https://123456789012-abc.us-east-1.console.aws.amazon.com/console/home?a=//b#//c"} {
		m.do(logical.ReadOperation, "console/policy", map[string]any{"destination": destination, "issuer": "Example.org"})
	}
}

// What holds of a role at creds/ holds here.
func TestLinksKeepToTheRole(t *testing.T) {
	t.Parallel()
	m := newConsoleMount(t)
	m.write("roles/deploy", map[string]any{"require_entity": true, "disabled_reason": "leaked"})
	if text := m.refused(logical.ReadOperation, "console/deploy", nil); !strings.HasPrefix(text, "require_entity: ") {
		t.Error(text)
	}
	m.write("roles/deploy", map[string]any{"require_entity": false, "disabled": true})
	_, err := m.ask(logical.ReadOperation, "console/deploy", nil)
	if text, status := outcome(nil, err); status != http.StatusForbidden || !strings.Contains(text, "leaked") {
		t.Errorf("%d %s", status, text)
	}
}
