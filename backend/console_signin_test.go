// SPDX-License-Identifier: MPL-2.0

package backend

// Where people are signed in, and what happens where that fails.

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

// The partition is that of the session, not that of the configuration.
func TestConsoleOfEveryPartition(t *testing.T) {
	t.Parallel()
	for partition, home := range map[string]string{
		"aws-cn": "https://console.amazonaws.cn/", "aws-us-gov": "https://console.amazonaws-us-gov.com/",
		"aws-eusc": "https://console.amazonaws-eusc.eu/", "aws-iso": "",
	} {
		m := newMount(t)
		m.aws = fakeaws.New(t, fakeaws.WithPartition(partition))
		m.configure(map[string]any{"signin_endpoint": m.aws.URL() + "/federation"})
		m.aws.AddRole("deploy")
		m.write("roles/deploy", map[string]any{"credential_type": "assumed_role", "role_arns": strings.Replace(deployARN, ":aws:", ":"+partition+":", 1)})
		if home == "" {
			if text := m.refused(logical.ReadOperation, "console/deploy", nil); !strings.Contains(text, "the AWS partition aws-iso, whose console this engine does not know") {
				t.Error(text)
			}
			continue
		}
		login := m.do(logical.ReadOperation, "console/deploy", nil).Data["login_url"].(string)
		if at, status := m.open(login); at != home || status != 200 {
			t.Errorf("%s: the link ends at %s, %d", partition, at, status)
		}
	}
}

// AWS's own sign-in gets no session that another server gave.
func TestForeignSessionsStayAway(t *testing.T) {
	t.Parallel()
	m := newSessionMount(t)
	if text := m.refused(logical.ReadOperation, "console/deploy", nil); !strings.HasPrefix(text, "signin_endpoint: is not set at config/root") {
		t.Error(text)
	}
}

// A sign-in that is down, refuses or is none is a 502 with words, and nothing of the session is in them.
func TestSignInThatFails(t *testing.T) {
	t.Parallel()
	m := newConsoleMount(t)
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the keys were sent on") }))
	t.Cleanup(elsewhere.Close)
	var heard string
	answer := func(status int, kind, body string) string {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			raw, _ := io.ReadAll(r.Body)
			heard = string(raw) + r.URL.RawQuery
			if r.URL.RawQuery != "" || r.Method != http.MethodPost {
				t.Errorf("%s %s", r.Method, r.URL)
			}
			w.Header().Set("Location", elsewhere.URL)
			w.Header().Set("Content-Type", kind)
			w.WriteHeader(status)
			_, _ = fmt.Fprint(w, strings.ReplaceAll(body, "ECHO", heard))
		}))
		t.Cleanup(server.Close)
		return server.URL
	}
	down := httptest.NewServer(nil)
	down.Close()
	for name, c := range map[string]struct{ url, want string }{
		"down":           {down.URL, "AWS did not answer: the sign-in at"},
		"refuses":        {answer(400, "text/html", "ECHO"), "answered 400 Bad Request with text/html, and gave no sign-in token"},
		"away":           {answer(503, "text/html", "ECHO"), "answered 503 Service Unavailable"},
		"leads away":     {answer(307, "text/html", "ECHO"), "answered 307 Temporary Redirect"},
		"no JSON":        {answer(200, "text/html", "<html>ECHO</html>"), "answered 200 OK with text/html, and that is not a JSON document with a SigninToken"},
		"another JSON":   {answer(200, "application/json", `{"SigninToken":""}`), "not a JSON document with a SigninToken"},
		"of no type":     {answer(200, "", `[]`), "not a JSON document with a SigninToken"},
		"too long":       {answer(200, "application/json", `{"SigninToken":"`+strings.Repeat("x", 5<<20)+`"}`), "longer than 4 MiB"},
		"too long token": {answer(200, "application/json", `{"SigninToken":"`+strings.Repeat("x", 17<<10)+`"}`), "not a JSON document with a SigninToken"},
	} {
		t.Run(name, func(t *testing.T) {
			m.write("config/root", map[string]any{"signin_endpoint": c.url})
			before := len(m.storage.dump(t))
			resp, err := m.ask(logical.ReadOperation, "console/deploy", nil)
			text, status := outcome(resp, err)
			if status != http.StatusBadGateway || !strings.Contains(text, c.want) || !strings.Contains(text, "getting a sign-in token for the console") {
				t.Errorf("%d %s", status, text)
			}
			if id := m.session().AccessKeyID; strings.Contains(text, id) || strings.Contains(text, "sessionKey") || len(text) > 600 {
				t.Errorf("the error tells too much: %s", text)
			}
			if after := len(m.storage.dump(t)); after != before {
				t.Errorf("storage had %d entries and has %d", before, after)
			}
		})
	}
}
