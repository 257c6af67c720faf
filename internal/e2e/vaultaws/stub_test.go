// SPDX-License-Identifier: MPL-2.0

package vaultaws

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"vault-plugin-secrets-aws-dyn/internal/e2e/programs"
)

// This file is a Vault for tests of vault-aws alone, where the server and the engine are not in question.

// stub is a Vault that has one answer for each path.
type stub struct {
	*helper
	mu      sync.Mutex
	answers map[string]any
	asked   []string // paths, with the lease where there is one
	wait    func(path string)
}

func startStub(t *testing.T) *stub {
	t.Helper()
	s := &stub{helper: &helper{t: t, home: t.TempDir()}, answers: map[string]any{
		"aws/creds/app":       map[string]any{"lease_id": "aws/creds/app/1", "lease_duration": 3600, "renewable": true, "data": map[string]any{"access_key": "AKIAIOSFODNN7EXAMPLE", "secret_key": "s", "session_token": ""}},
		"sys/leases/renew":    map[string]any{"lease_id": "aws/creds/app/1", "lease_duration": 3600, "renewable": true},
		"aws/console/audit":   map[string]any{"data": map[string]any{"login_url": "https://signin.aws.amazon.com/federation?SigninToken=stolen"}},
		"aws/console/billing": map[string]any{"data": map[string]any{"login_url": "https://signin.aws.amazon.com/federation?SigninToken=another"}},
	}}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path := strings.TrimPrefix(r.URL.Path, "/v1/")
		var body struct {
			LeaseID string   `json:"lease_id"`
			Paths   []string `json:"paths"`
		}
		_ = json.NewDecoder(r.Body).Decode(&body)
		s.mu.Lock()
		s.asked = append(s.asked, strings.TrimSpace(path+" "+body.LeaseID))
		answer, wait := s.answers[path], s.wait
		s.mu.Unlock()
		if wait != nil {
			wait(path)
		}
		switch {
		case r.URL.Query().Get("list") == "true" && strings.HasSuffix(path, "/roles"):
			answer = map[string]any{"data": map[string]any{"keys": []string{"of-" + strings.TrimSuffix(path, "/roles")}}}
		case path == "sys/capabilities-self":
			may := map[string]any{}
			for _, p := range body.Paths {
				may[p] = []string{"read"}
			}
			answer = map[string]any{"data": may}
		case path == "sys/leases/revoke":
			w.WriteHeader(http.StatusNoContent)
			return
		case answer == nil:
			w.WriteHeader(http.StatusNotFound)
			answer = map[string]any{"errors": []string{}}
		}
		_ = json.NewEncoder(w).Encode(answer)
	}))
	t.Cleanup(server.Close)
	s.env = []string{"VAULT_ADDR=" + server.URL, "VAULT_TOKEN=token"}
	return s
}

// answer is what the stub answers at a path from now on.
func (s *stub) answer(path string, with map[string]any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answers[path] = with
}

// holdUp calls wait before each answer from now on.
func (s *stub) holdUp(wait func(path string)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wait = wait
}

// heard reports whether Vault was asked for something.
func (s *stub) heard(what string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, one := range s.asked {
		if one == what {
			return true
		}
	}
	return false
}

// helperCommand is a call of vault-aws, with the arguments as they are.
func (s *stub) helperCommand(args ...string) *exec.Cmd {
	cmd := exec.CommandContext(s.t.Context(), programs.Built.Helper, args...)
	cmd.Dir = s.home
	cmd.Env = append(append(os.Environ(), "HOME="+s.home, "XDG_RUNTIME_DIR="+s.home), s.env...)
	return cmd
}
