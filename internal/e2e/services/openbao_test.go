// SPDX-License-Identifier: MPL-2.0

package services

import (
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/vault/sdk/logical"
	"github.com/hashicorp/vault/sdk/plugin/pb"

	"vault-plugin-secrets-aws-dyn/internal/e2e/host"
	"vault-plugin-secrets-aws-dyn/internal/e2e/programs"
	"vault-plugin-secrets-aws-dyn/internal/e2e/server"
	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

// TestHostWithoutEventsAndRotation runs the engine in a server that has neither events, observations, rotation jobs
// nor identity tokens, as OpenBao has not: everything works, and nothing is complained of.
func TestHostWithoutEventsAndRotation(t *testing.T) {
	t.Parallel()
	account := fakeaws.New(t)
	account.AddRole("deploy")
	account.Adopt("vault-root")
	// A user with a key of its own earns a warning at each rotation; this one has none.
	administrator := fakeaws.Client{Endpoint: account.URL(), Key: account.RootKey()}
	if _, err := administrator.Do(t.Context(), "iam", "CreateUser", url.Values{"UserName": {"app-user"}}); err != nil {
		t.Fatal(err)
	}
	h := host.Start(t, programs.Built.Plugin, programs.Built.SHA256)
	tick := func() { h.Do(&logical.Request{Operation: logical.RollbackOperation}) }
	tick()
	h.Do(rootRequest(account))
	h.Do(&logical.Request{Operation: logical.UpdateOperation, Path: "config/root", Data: map[string]any{
		"max_retries": 2, "rotation_period": 0, "rotation_schedule": "", "disable_automated_rotation": false, "identity_token_audience": "",
	}})
	h.Do(&logical.Request{Operation: logical.UpdateOperation, Path: "config/lease", Data: map[string]any{"lease": "1h", "lease_max": "2h"}})
	issueOfEveryType(h, account, tick)
	// Rotation goes by the engine's own clock, not by jobs of the server's.
	h.Do(&logical.Request{Operation: logical.UpdateOperation, Path: "config/root", Data: map[string]any{"rotation_period": 86400}})
	h.Do(&logical.Request{Operation: logical.UpdateOperation, Path: "config/rotate-root"})
	h.Do(&logical.Request{Operation: logical.UpdateOperation, Path: "static-roles/app", Data: map[string]any{"username": "app-user", "rotation_period": 3600}})
	tick()
	h.Do(&logical.Request{Operation: logical.UpdateOperation, Path: "static-roles/app/rotate"})
	h.Do(&logical.Request{Operation: logical.ReadOperation, Path: "static-creds/app"})
	h.Do(&logical.Request{Operation: logical.DeleteOperation, Path: "static-roles/app"})
	tick()
	// What needs identity tokens of the server is refused as what cannot work here; what was there before serves on.
	resp, err := h.Ask(&logical.Request{Operation: logical.UpdateOperation, Path: "config/root", Data: map[string]any{
		"access_key": "", "secret_key": "", "rotation_period": 0, "role_arn": "arn:aws:iam::123456789012:role/deploy", "identity_token_audience": "vault",
	}})
	asked := []string{"/pb.Events/SendEvent", "/pb.Observations/RecordObservation", "/pb.SystemView/GenerateIdentityToken"} // once each
	if err != nil || !resp.IsError() || !slices.Equal(slices.Sorted(slices.Values(h.InVain())), asked) {
		t.Errorf("identity_token_audience is answered %v, %v; the engine asked in vain for %q", resp, err, h.InVain())
	}
	// A standby hears so that another server has changed the configuration.
	if _, err := h.Plugin.InvalidateKey(h.Ctx, &pb.InvalidateKeyArgs{Key: "config/root"}); err != nil {
		t.Errorf("invalidating config/root: %v", err)
	}
	h.Do(&logical.Request{Operation: logical.ListOperation, Path: "roles"})
	h.Do(&logical.Request{Operation: logical.HelpOperation, Path: "config/root"})
	h.Do(&logical.Request{Operation: logical.DeleteOperation, Path: "config/root"})
	tick()
	account.RemoveUser("app-user")
	if users := account.Users(); len(users) > 0 {
		t.Errorf("users are left: %q", users)
	}
	t.Logf("the engine asked its server in vain for %q, and answered %v", h.InVain(), resp.Error())
	for _, line := range h.Said.Complaints() {
		t.Errorf("the engine complains: %s", line)
	}
	if h.Said.Has("nimplemented") || h.Said.Has("observation") {
		t.Error("the log tells what the server does not have")
	}
}

// issueOfEveryType issues, renews and revokes, with ticks in between.
func issueOfEveryType(h *host.Host, account *fakeaws.Server, tick func()) {
	h.T.Helper()
	for name, role := range map[string]map[string]any{
		"user":      {"policy_arns": "arn:aws:iam::aws:policy/ReadOnlyAccess", "policy_document": server.PolicyText},
		"assumed":   {"credential_type": "assumed_role", "role_arns": "arn:aws:iam::123456789012:role/deploy"},
		"federated": {"credential_type": "federation_token", "policy_document": server.PolicyText},
		"session":   {"credential_type": "session_token"},
	} {
		h.Do(&logical.Request{Operation: logical.UpdateOperation, Path: "roles/" + name, Data: role})
		h.Do(&logical.Request{Operation: logical.ReadOperation, Path: "roles/" + name})
		issued := h.Do(&logical.Request{Operation: logical.ReadOperation, Path: "creds/" + name})
		server.MustHold(h.T, account, server.Answer{Body: map[string]any{"data": issued.Data}}, "arn:aws:")
		issued.Secret.IssueTime = time.Now() // as the server notes it
		if issued.Secret.Renewable {
			h.Do(&logical.Request{Operation: logical.RenewOperation, Path: "creds/" + name, Secret: issued.Secret})
		}
		tick()
		h.Do(&logical.Request{Operation: logical.RevokeOperation, Path: "creds/" + name, Secret: issued.Secret})
	}
	tick()
}

// TestTheHostLacksWhatTheBuiltInEngineAsksFor proves the host of the test above: the built-in engine, which asks for a
// rotation job's end at every write of config/root, cannot be configured in it.
func TestTheHostLacksWhatTheBuiltInEngineAsksFor(t *testing.T) {
	t.Parallel()
	p := server.Peer(t)
	h := host.Start(t, filepath.Join(filepath.Dir(programs.Built.Plugin), p.Command), p.SHA256)
	resp, err := h.Ask(rootRequest(fakeaws.New(t)))
	if err == nil && !resp.IsError() {
		t.Errorf("the built-in engine was configured: %v", resp)
	}
	if !slices.ContainsFunc(h.InVain(), func(method string) bool { return strings.HasSuffix(method, "/DeregisterRotationJob") }) {
		t.Errorf("the built-in engine asked in vain for %q only", h.InVain())
	}
	t.Logf("the built-in engine asked in vain for %q: %v", h.InVain(), resp.Error())
}

// rootRequest leads the engine to the fake account.
func rootRequest(account *fakeaws.Server) *logical.Request {
	root := account.RootKey()
	return &logical.Request{Operation: logical.CreateOperation, Path: "config/root", Data: map[string]any{
		"access_key": root.AccessKeyID, "secret_key": root.SecretAccessKey, "region": "us-east-1",
		"iam_endpoint": account.URL(), "sts_endpoint": account.URL(),
	}}
}
