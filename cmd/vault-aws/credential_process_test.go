// SPDX-License-Identifier: MPL-2.0

//go:build unix

package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

// Vault ends a session of a role with revoke_sessions with the token that asked for it, and credential-process says so.
func TestRevocableSessionEndsWithTheToken(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer := map[string]any{}
		switch r.URL.Path {
		case "/v1/aws/creds/deploy":
			answer = map[string]any{"lease_id": "aws/creds/deploy/x", "lease_duration": 3600, "data": map[string]any{
				"access_key": "ASIAEXAMPLE", "secret_key": "s", "session_token": "t", "security_token": "t", "ttl": 3600}}
		case "/v1/auth/token/lookup-self":
			answer = map[string]any{"data": map[string]any{"ttl": 600}}
		case "/v1/aws/roles/deploy":
			answer = map[string]any{"data": map[string]any{"credential_type": "assumed_role", "revoke_sessions": true, "share_for": 0}}
		default:
			w.WriteHeader(http.StatusNotFound)
		}
		_ = json.NewEncoder(w).Encode(answer)
	}))
	defer server.Close()
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
	if left := time.Until(got.Expiration); left > 11*time.Minute {
		t.Errorf("the token expires in 10m, and with it the lease, whose revocation denies the session; Expiration is in %s", left.Round(time.Second))
	}
}
