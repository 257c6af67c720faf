// SPDX-License-Identifier: MPL-2.0

package fakeaws

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// getToken asks for a sign-in token of a session.
func getToken(t *testing.T, s *Server, key Key, more ...string) (status int, token string) {
	t.Helper()
	session, err := json.Marshal(map[string]string{"sessionId": key.AccessKeyID, "sessionKey": key.SecretAccessKey, "sessionToken": key.SessionToken})
	if err != nil {
		t.Fatal(err)
	}
	form := url.Values{"Action": {"getSigninToken"}, "Session": {string(session)}}
	for i := 0; i < len(more); i += 2 {
		form.Set(more[i], more[i+1])
	}
	status, _, body := send(t, s, http.MethodPost, "", form.Encode())
	var answer struct{ SigninToken string }
	if err := json.Unmarshal([]byte(body), &answer); (err == nil) != (status == http.StatusOK) {
		t.Errorf("%d %s", status, body)
	}
	return status, answer.SigninToken
}

// openLink is what a browser does with a link, without following it.
func openLink(t *testing.T, s *Server, token, destination string) (status int, location string) {
	t.Helper()
	status, location, _ = send(t, s, http.MethodGet, url.Values{
		"Action": {"login"}, "Issuer": {"https://vault.example.com"}, "Destination": {destination}, "SigninToken": {token},
	}.Encode(), "")
	return status, location
}

func send(t *testing.T, s *Server, method, query, form string) (status int, location, body string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, s.URL()+"/federation?"+query, strings.NewReader(form))
	if err != nil {
		t.Fatal(err)
	}
	if query == "" {
		r.URL.RawQuery = ""
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	answer, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	raw, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, answer.Header.Get("Location"), string(raw)
}

const home = "https://console.aws.amazon.com/"

// Sessions of AssumeRole and of GetFederationToken sign in, for as long as they last or as SessionDuration says.
func TestSignIn(t *testing.T) {
	s := newServer(t)
	s.AddRole("deploy")
	role, federated := assumed(t, s, root(s), "deploy"), fromAnswer(t, s, do(t, root(s), "GetFederationToken", "Name", "bob"))
	for _, tc := range []struct {
		key  Key
		more []string
		want time.Duration
	}{
		{role.Key, nil, time.Hour},
		{role.Key, []string{"SessionDuration", "43200"}, 12 * time.Hour},
		{federated.Key, nil, 12 * time.Hour},
	} {
		status, token := getToken(t, s, tc.key, tc.more...)
		if status != http.StatusOK || token == "" {
			t.Fatalf("%v: %d", tc.more, status)
		}
		if status, location := openLink(t, s, token, home+"s3/home#x"); status != http.StatusFound || location != home+"s3/home#x" {
			t.Errorf("%d, leads to %q", status, location)
		}
		last := s.Logins()[len(s.Logins())-1]
		if (tc.want-last.Lasts).Abs() > 2*time.Second || last.SaidSo != (tc.more != nil) || last.Issuer != "https://vault.example.com" || !strings.Contains(last.ARN, ":sts:") {
			t.Errorf("got %+v, want %s", last, tc.want)
		}
	}
	if params := s.Calls()[2].Params; params.Get("Session") != "(redacted)" || params.Get("Action") != "getSigninToken" {
		t.Errorf("the transcript has %v", params)
	}
}

func TestSignInRefusals(t *testing.T) {
	s := newServer(t)
	s.AddRole("deploy")
	s.AddRole("next")
	role := assumed(t, s, root(s), "deploy")
	chained := assumed(t, s, role, "next")
	timed := fromAnswer(t, s, do(t, role, "AssumeRole", "RoleArn", "arn:aws:iam::123456789012:role/next", "RoleSessionName", "someone", "DurationSeconds", "3600"))
	federated := fromAnswer(t, s, do(t, root(s), "GetFederationToken", "Name", "bob"))
	own := fromAnswer(t, s, do(t, root(s), "GetSessionToken"))
	wrong := role.Key
	wrong.SecretAccessKey += "x"
	for name, tc := range map[string]struct {
		key  Key
		more []string
		want int
	}{
		"chained":                       {chained.Key, nil, 200},
		"chained with DurationSeconds":  {timed.Key, nil, 400},
		"chained with SessionDuration":  {chained.Key, []string{"SessionDuration", "3600"}, 400},
		"federated and SessionDuration": {federated.Key, []string{"SessionDuration", "3600"}, 400},
		"too short":                     {role.Key, []string{"SessionDuration", "899"}, 400},
		"too long":                      {role.Key, []string{"SessionDuration", "43201"}, 400},
		"no number":                     {role.Key, []string{"SessionDuration", "1h"}, 400},
		"session token":                 {own.Key, nil, 400},
		"IAM user":                      {s.RootKey(), nil, 400},
		"wrong secret":                  {wrong, nil, 400},
		"nobody":                        {Key{}, nil, 400},
	} {
		if status, _ := getToken(t, s, tc.key, tc.more...); status != tc.want {
			t.Errorf("%s: %d, want %d", name, status, tc.want)
		}
	}
	if status, _, _ := send(t, s, http.MethodGet, url.Values{"Action": {"getSigninToken"}, "Session": {"{}"}}.Encode(), ""); status != http.StatusMethodNotAllowed {
		t.Errorf("keys in a URL: %d", status)
	}
	s.ExpireSessions()
	if status, _ := getToken(t, s, role.Key); status != 400 {
		t.Errorf("an expired session: %d", status)
	}
}

func TestLinksThatDoNotOpen(t *testing.T) {
	s := newServer(t)
	s.AddRole("deploy")
	role := assumed(t, s, root(s), "deploy")
	fresh := func() string { _, token := getToken(t, s, role.Key); return token }
	used := fresh()
	openLink(t, s, used, home)
	old := fresh()
	s.Age(15 * time.Minute)
	for name, tc := range map[string]struct{ token, destination string }{
		"used":             {used, home},
		"15 minutes old":   {old, home},
		"of nobody":        {"x", home},
		"elsewhere":        {fresh(), "https://example.com/"},
		"look-alike":       {fresh(), "https://console.aws.amazon.com.example.com/"},
		"other partition":  {fresh(), "https://console.amazonaws.cn/"},
		"backslash":        {fresh(), `https://example.com\.console.aws.amazon.com/`},
		"not encrypted":    {fresh(), "http://console.aws.amazon.com/"},
		"no destination":   {fresh(), ""},
		"scheme-less host": {fresh(), "//console.aws.amazon.com/"},
	} {
		if status, location := openLink(t, s, tc.token, tc.destination); status != http.StatusBadRequest || location != "" {
			t.Errorf("%s: %d, leads to %q", name, status, location)
		}
	}
	late := fresh()
	s.ExpireSessions()
	if status, _ := openLink(t, s, late, home); status != http.StatusBadRequest {
		t.Errorf("the session is over: %d", status)
	}
	if n := len(s.Logins()); n != 1 {
		t.Errorf("%d logins", n)
	}
}
