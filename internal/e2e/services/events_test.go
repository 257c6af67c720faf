// SPDX-License-Identifier: MPL-2.0

package services

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/vault/sdk/logical"
	"github.com/hashicorp/vault/sdk/plugin/pb"
	"google.golang.org/grpc"

	"vault-plugin-secrets-aws-dyn/internal/e2e/host"
	"vault-plugin-secrets-aws-dyn/internal/e2e/programs"
	"vault-plugin-secrets-aws-dyn/internal/e2e/server"
	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

// hostEvents is a server's event system and its observations, as Vault Enterprise has them.
type hostEvents struct {
	pb.UnimplementedEventsServer
	pb.UnimplementedObservationsServer

	mu    sync.Mutex
	heard []heard
}

// heard is one event or observation.
type heard struct {
	name   string
	fields map[string]any
}

func (e *hostEvents) register(server *grpc.Server) {
	pb.RegisterEventsServer(server, e)
	pb.RegisterObservationsServer(server, e)
}

func (e *hostEvents) SendEvent(_ context.Context, req *pb.SendEventRequest) (*pb.Empty, error) {
	return e.note(req.EventType, req.Event.Metadata.AsMap())
}

func (e *hostEvents) RecordObservation(_ context.Context, req *pb.RecordObservationRequest) (*pb.Empty, error) {
	return e.note(req.ObservationType, req.Data.AsMap())
}

func (e *hostEvents) note(name string, fields map[string]any) (*pb.Empty, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.heard = append(e.heard, heard{name, fields})
	return &pb.Empty{}, nil
}

// of are the fields of the last event or observation of a name; nil where there is none.
func (e *hostEvents) of(name string) (fields map[string]any) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, one := range e.heard {
		if one.name == name {
			fields = one.fields
		}
	}
	return fields
}

func (e *hostEvents) text() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return fmt.Sprint(e.heard)
}

// TestEventsAndObservationsArrive: the shipped binary tells a server that has both, over gRPC, each with its fields, and
// no secret in any.
func TestEventsAndObservationsArrive(t *testing.T) {
	t.Parallel()
	account := fakeaws.New(t)
	account.Adopt("vault-root")
	secrets := []string{account.RootKey().SecretAccessKey}
	administrator := fakeaws.Client{Endpoint: account.URL(), Key: account.RootKey()}
	if _, err := administrator.Do(t.Context(), "iam", "CreateUser", url.Values{"UserName": {"app-user"}}); err != nil {
		t.Fatal(err)
	}
	events := new(hostEvents)
	h := host.Start(t, programs.Built.Plugin, programs.Built.SHA256, events.register)
	h.Do(rootRequest(account))
	for name, role := range map[string]map[string]any{
		"user":    {"policy_arns": "arn:aws:iam::aws:policy/ReadOnlyAccess"},
		"session": {"credential_type": "session_token"},
	} {
		h.Do(&logical.Request{Operation: logical.UpdateOperation, Path: "roles/" + name, Data: role})
		issued := h.Do(&logical.Request{Operation: logical.ReadOperation, Path: "creds/" + name, ID: "request-1", EntityID: "entity-1"})
		for _, field := range []string{"secret_key", "session_token"} {
			secrets = append(secrets, issued.Data[field].(string))
		}
		issued.Secret.IssueTime = time.Now() // as the server notes it
		if issued.Secret.Renewable {
			h.Do(&logical.Request{Operation: logical.RenewOperation, Path: "creds/" + name, Secret: issued.Secret})
		}
		h.Do(&logical.Request{Operation: logical.RevokeOperation, Path: "creds/" + name, Secret: issued.Secret, Data: issued.Data}) // as Vault does
	}
	h.Do(&logical.Request{Operation: logical.UpdateOperation, Path: "static-roles/app", Data: map[string]any{"username": "app-user", "rotation_period": 3600}})
	h.Do(&logical.Request{Operation: logical.UpdateOperation, Path: "static-roles/app/rotate"})
	static := h.Do(&logical.Request{Operation: logical.ReadOperation, Path: "static-creds/app"})
	h.Do(&logical.Request{Operation: logical.DeleteOperation, Path: "static-roles/app"})
	h.Do(&logical.Request{Operation: logical.UpdateOperation, Path: "config/rotate-root"})
	account.RemoveUser("app-user")
	secrets = append(secrets, static.Data["secret_key"].(string), account.RootKey().SecretAccessKey)

	common := []string{"duration_ms", "path"}
	withUser := append([]string{"iam_user", "access_key", "account", "aws_request_id"}, common...)
	for name, fields := range map[string][]string{
		"aws/creds-create":              append([]string{"role", "access_key", "entity_id", "credential_type", "operation", "aws_request_id"}, common...),
		"aws/creds-renew":               append([]string{"role", "iam_user", "account"}, common...),
		"aws/creds-revoke":              append([]string{"role", "access_key"}, common...),
		"aws/static-creds-rotate":       append([]string{"static_role", "data_path", "modified"}, withUser...),
		"aws/root-rotate":               append([]string{"old_access_key"}, withUser...),
		"aws/credential/create/success": {"role_name", "credentials_type", "is_sts", "ttl", "max_ttl", "entity_id", "request_id", "path"},
		"aws/credential/renew":          {"is_sts", "credentials_type"},
		"aws/credential/revoke":         {"is_sts"},
		"aws/static-credential/rotate":  {"role_name"},
		"aws/static-credential/read":    {"role_name"},
		"aws/config/root/rotate":        {"rotation_period", "rotation_schedule", "rotation_window", "disable_automatic_rotation"},
		"aws/config/root/write":         {"rotation_period"},
		"aws/role/write":                {"role_name", "credentials_type"},
		"aws/static-role/write":         {"role_name", "rotation_period"},
		"aws/static-role/delete":        {"role_name"},
	} {
		server.WaitFor(t, 10*time.Second, name, func() bool { return events.of(name) != nil })
		for _, field := range fields {
			if value, ok := events.of(name)[field]; !ok || value == nil {
				t.Errorf("%s lacks %s: %v", name, field, events.of(name))
			}
		}
	}
	text := events.text()
	if text == "" || len(h.InVain()) > 0 {
		t.Errorf("the engine asked in vain for %q", h.InVain())
	}
	for _, secret := range secrets {
		if secret != "" && strings.Contains(text, secret) {
			t.Error("a secret is told")
		}
	}
}

// TestEventsInARealVault: the community's server would drop events and observations, and is sent none. Nothing fails, and the
// log has the moments and not a word of events.
func TestEventsInARealVault(t *testing.T) {
	t.Parallel()
	account := fakeaws.New(t)
	v := server.StartDev(t)
	v.Mount()
	server.ConfigureRoot(v, account)
	v.Call(http.MethodPost, "aws-dyn/roles/user", map[string]any{"policy_arns": "arn:aws:iam::aws:policy/ReadOnlyAccess"})
	issued := v.Call(http.MethodGet, "aws-dyn/creds/user", nil)
	v.Revoke(issued.Lease())
	server.WaitForUsers(t, account, 0)
	log := func() string {
		text, err := os.ReadFile(v.LogFile())
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	server.WaitFor(t, 10*time.Second, "the end of the lease in the log", func() bool { return strings.Contains(log(), "deleted an IAM user at the end of its lease") })
	lines := slices.DeleteFunc(strings.Split(log(), "\n"), func(line string) bool { return !strings.Contains(line, "vault-plugin-secrets-aws-dyn") })
	for _, word := range []string{"nimplemented", "an event", "observation"} {
		if i := slices.IndexFunc(lines, func(line string) bool { return strings.Contains(line, word) }); i >= 0 {
			t.Errorf("the log says %q: %s", word, lines[i])
		}
	}
	if !slices.ContainsFunc(lines, func(line string) bool {
		return strings.Contains(line, "issued an IAM user") && strings.Contains(line, "aws_request_id=")
	}) {
		t.Errorf("the log does not tell that a user was issued:\n%s", strings.Join(lines, "\n"))
	}
	v.MustNotHaveLogged(issued.Key().Secret)
}
