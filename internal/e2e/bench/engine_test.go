// SPDX-License-Identifier: MPL-2.0

package bench

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"slices"
	"time"

	"vault-plugin-secrets-aws-dyn/internal/e2e/server"
	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

// This file is one engine that is measured: mounting it, asking it for credentials, and giving them back.

// benchEngine is a mount of one of the engines.
type benchEngine struct {
	name    string // in the table
	v       *server.Server
	aws     *fakeaws.Server
	kind    string // its name in the catalog
	command string // of its process; empty where it has none but Vault's
	binary  string // its program; empty likewise
	client  *http.Client
}

// mount is where the engine is in its Vault.
func (e *benchEngine) mount() string { return "bench-" + e.kind }

// newBenchClient keeps all of its connections to Vault open.
func newBenchClient() *http.Client {
	most := slices.Max(benchClients)
	return &http.Client{Transport: &http.Transport{MaxIdleConns: 2 * most, MaxIdleConnsPerHost: 2 * most}}
}

// enable mounts the engine and writes its configuration and roles. The built-in knows every word of them.
func (e *benchEngine) enable() {
	e.v.T.Helper()
	key := e.aws.RootKey()
	e.v.Call(http.MethodPost, "sys/mounts/"+e.mount(), map[string]any{"type": e.kind})
	e.v.Call(http.MethodPost, e.mount()+"/config/root", map[string]any{
		"access_key": key.AccessKeyID, "secret_key": key.SecretAccessKey, "region": "us-east-1",
		"iam_endpoint": e.aws.URL(), "sts_endpoint": e.aws.URL(),
	})
	const managed = "arn:aws:iam::aws:policy/"
	e.v.Call(http.MethodPost, e.mount()+"/roles/seed", map[string]any{
		"credential_type": "iam_user", "policy_arns": managed + "ReadOnlyAccess",
	})
	e.v.Call(http.MethodPost, e.mount()+"/roles/wide", map[string]any{
		"credential_type": "iam_user",
		"policy_arns":     []string{managed + "ReadOnlyAccess", managed + "IAMReadOnlyAccess", managed + "AmazonS3FullAccess"},
		"policy_document": `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}`,
		"iam_groups":      []string{"ops", "dev"},
		"iam_tags":        map[string]string{"team": "storage", "stage": "test"},
	})
	e.v.Call(http.MethodPost, e.mount()+"/roles/sts", map[string]any{
		"credential_type": "assumed_role", "role_arns": "arn:aws:iam::123456789012:role/deploy",
	})
}

// disable takes the mount away and waits until its process has ended.
func (e *benchEngine) disable() {
	e.v.T.Helper()
	e.v.Call(http.MethodDelete, "sys/mounts/"+e.mount(), nil)
	if e.command != "" {
		server.WaitFor(e.v.T, time.Minute, "the end of "+e.command, func() bool { return len(e.processes()) == 0 })
	}
}

// processes are the ids of the engine's own processes.
func (e *benchEngine) processes() []int {
	all, err := server.Processes()
	if err != nil {
		e.v.T.Fatalf("listing processes: %v", err)
	}
	var pids []int
	for _, p := range all {
		if p.Parent == e.v.Process.Pid && filepath.Base(p.Command) == e.command {
			pids = append(pids, p.Pid)
		}
	}
	return pids
}

// create makes a credential and gives back its lease.
func (e *benchEngine) create(role string) (lease string, err error) {
	var issued struct {
		Lease string `json:"lease_id"`
	}
	err = e.ask(http.MethodGet, e.mount()+"/creds/"+role, nil, &issued)
	return issued.Lease, err
}

// revoke ends a lease and waits until Vault has done so.
func (e *benchEngine) revoke(lease string) error {
	return e.ask(http.MethodPost, "sys/leases/revoke", map[string]any{"lease_id": lease, "sync": true}, nil)
}

// ask is server.request without what a measurement can do without.
func (e *benchEngine) ask(method, path string, body, answer any) error {
	var content io.Reader = http.NoBody
	if body != nil {
		encoded, err := json.Marshal(body)
		if err != nil {
			return fmt.Errorf("encoding the body of %s %s: %w", method, path, err)
		}
		content = bytes.NewReader(encoded)
	}
	req, err := http.NewRequestWithContext(e.v.T.Context(), method, e.v.Address()+"/v1/"+path, content)
	if err != nil {
		return fmt.Errorf("making the request %s %s: %w", method, path, err)
	}
	req.Header.Set("X-Vault-Token", e.v.Token)
	resp, err := e.client.Do(req)
	if err != nil {
		return fmt.Errorf("asking Vault: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return fmt.Errorf("reading the answer to %s %s: %w", method, path, err)
	}
	if resp.StatusCode >= 300 {
		return fmt.Errorf("%s %s: status %d: %s", method, path, resp.StatusCode, text)
	}
	if answer == nil {
		return nil
	}
	if err := json.Unmarshal(text, answer); err != nil {
		return fmt.Errorf("decoding the answer to %s %s: %w", method, path, err)
	}
	return nil
}
