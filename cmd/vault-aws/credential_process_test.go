// SPDX-License-Identifier: MPL-2.0

//go:build unix

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"
)

// startVault starts a server that answers as Vault does for two roles, one of them with revoke_sessions, whose sessions last an hour.
func startVault(t *testing.T, session func() map[string]any, token map[string]any) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer := map[string]any{}
		switch r.URL.Path {
		case "/v1/aws/creds/deploy", "/v1/aws/creds/plain":
			answer = session()
		case "/v1/aws/roles/deploy", "/v1/aws/roles/plain":
			answer["data"] = map[string]any{"credential_type": "assumed_role", "revoke_sessions": r.URL.Path == "/v1/aws/roles/deploy", "share_for": 0}
		case "/v1/auth/token/lookup-self":
			answer["data"] = token
		case "/v1/sys/leases/revoke":
			w.WriteHeader(http.StatusNoContent)
			return
		default:
			w.WriteHeader(http.StatusNotFound)
		}
		_ = json.NewEncoder(w).Encode(answer)
	}))
	t.Cleanup(server.Close)
	return server
}

// session is what Vault answers for a role of the type assumed_role.
func session() map[string]any {
	return map[string]any{"lease_id": "aws/creds/deploy/x", "lease_duration": 3600, "data": map[string]any{
		"access_key": "ASIAEXAMPLE", "secret_key": "s", "session_token": "t", "security_token": "t", "ttl": 3600}}
}

// Vault ends a session of a role with revoke_sessions with the token that asked for it, and whoever gets the session is told.
func TestRevocableSessionEndsWithTheToken(t *testing.T) {
	server := startVault(t, session, map[string]any{"ttl": 600})
	t.Setenv("VAULT_TOKEN", "x")
	t.Setenv("XDG_RUNTIME_DIR", t.TempDir())
	soon := func(t *testing.T, text []byte) {
		t.Helper()
		var got struct{ Expiration time.Time }
		if err := json.Unmarshal(text, &got); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if left := time.Until(got.Expiration); left > 11*time.Minute || left < 8*time.Minute {
			t.Errorf("the token expires in 10m, and with it the lease, whose revocation denies the session; Expiration is in %s", left.Round(time.Second))
		}
	}
	var out, errs bytes.Buffer
	if status := run(t.Context(), []string{"credential-process", "-address=" + server.URL, "-mount=aws", "deploy"}, &out, &errs); status != 0 {
		t.Fatal(errs.String())
	}
	soon(t, out.Bytes())
	out.Reset()
	if status := run(t.Context(), []string{"credential-process", "-address=" + server.URL, "-mount=aws", "plain"}, &out, &errs); status != 0 {
		t.Fatal(errs.String())
	}
	var plain struct{ Expiration time.Time }
	if err := json.Unmarshal(out.Bytes(), &plain); err != nil || time.Until(plain.Expiration) < 50*time.Minute {
		t.Errorf("a session that nobody revokes ends by itself, after an hour: %s %v", out.Bytes(), err)
	}

	file := filepath.Join(t.TempDir(), "answer")
	t.Setenv("WRITE_ANSWER_TO", file)
	if status := run(t.Context(), []string{"exec", "-address=" + server.URL, "-mount=aws", "deploy", "--", os.Args[0]}, &out, &errs); status != 0 {
		t.Fatal(errs.String())
	}
	answer, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	soon(t, answer)
}

// An agent renews a short token all the time. A session that ends with the token lives on then, and no other is needed: each one
// takes room in the policy that denies sessions.
func TestRevocableSessionLivesOnWithARenewedToken(t *testing.T) {
	var asked atomic.Int64
	server := startVault(t, func() map[string]any { asked.Add(1); return session() }, map[string]any{"ttl": 4, "accessor": "a", "expire_time": time.Now().Add(time.Hour).Format(time.RFC3339Nano)})
	t.Setenv("VAULT_TOKEN", "x")
	file := filepath.Join(t.TempDir(), "answer")
	t.Setenv("WRITE_ANSWER_TO", file)
	t.Setenv("WRITE_THE_NEXT", "1")
	var out, errs bytes.Buffer
	if status := run(t.Context(), []string{"exec", "-address=" + server.URL, "-mount=aws", "deploy", "--", os.Args[0]}, &out, &errs); status != 0 {
		t.Fatal(errs.String())
	}
	answer, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var got struct{ Expiration time.Time }
	if err := json.Unmarshal(answer, &got); err != nil || time.Until(got.Expiration) > 10*time.Second {
		t.Errorf("the token ends in 4s, and the last answer is %s: %v", answer, err)
	}
	if n := asked.Load(); n != 1 {
		t.Errorf("the token was renewed, and Vault was asked for %d sessions; the last answer: %s", n, answer)
	}
}

// In the last second of a token Vault's lookup-self answers ttl 0 and expire_time. A session of a role with revoke_sessions that is
// got then ends with the token, and is not good for an hour.
func TestRevocableSessionOfTheLastSecond(t *testing.T) {
	server := startVault(t, session, map[string]any{"ttl": 0, "expire_time": time.Now().Add(500 * time.Millisecond).Format(time.RFC3339Nano)})
	t.Setenv("VAULT_TOKEN", "x")
	t.Setenv("XDG_RUNTIME_DIR", t.TempDir())
	var out, errs bytes.Buffer
	if status := run(t.Context(), []string{"credential-process", "-address=" + server.URL, "-mount=aws", "deploy"}, &out, &errs); status != 0 {
		t.Fatal(errs.String())
	}
	var got struct{ Expiration time.Time }
	if err := json.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if left := time.Until(got.Expiration); left > 2*time.Second {
		t.Errorf("the token, and with it the session, ends in half a second; promised for %s", left.Round(time.Second))
	}
}

// TestMain is also the command that exec runs above: it asks the endpoint as an SDK does, and writes the answer down.
func TestMain(m *testing.M) {
	file := os.Getenv("WRITE_ANSWER_TO")
	if file == "" {
		os.Exit(m.Run())
	}
	ask := func() ([]byte, error) {
		return askEndpoint(os.Getenv("AWS_CONTAINER_CREDENTIALS_FULL_URI"), os.Getenv("AWS_CONTAINER_AUTHORIZATION_TOKEN"))
	}
	answer, err := ask()
	if os.Getenv("WRITE_THE_NEXT") != "" {
		for first, end := answer, time.Now().Add(20*time.Second); err == nil && bytes.Equal(answer, first) && time.Now().Before(end); {
			answer, err = ask()
		}
	}
	if err == nil {
		err = os.WriteFile(file, answer, 0o600)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func askEndpoint(url, token string) ([]byte, error) {
	ask, err := http.NewRequestWithContext(context.Background(), http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	ask.Header.Set("Authorization", token)
	resp, err := http.DefaultClient.Do(ask)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	return io.ReadAll(resp.Body)
}
