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

// stage is a server that has both, with the engine in it, and an account that it works in.
type stage struct {
	*host.Host
	account *fakeaws.Server
	events  *hostEvents
	secrets []string // that were given or replaced
}

func newStage(t *testing.T) *stage {
	t.Helper()
	s := &stage{account: fakeaws.New(t), events: new(hostEvents)}
	s.account.Adopt("vault-root")
	administrator := fakeaws.Client{Endpoint: s.account.URL(), Key: s.account.RootKey()}
	if _, err := administrator.Do(t.Context(), "iam", "CreateUser", url.Values{"UserName": {"app-user"}}); err != nil { // without a key
		t.Fatal(err)
	}
	s.account.SetDeletionLagCalls(0)
	s.secrets = []string{s.account.RootKey().SecretAccessKey}
	s.Host = host.Start(t, programs.Built.Plugin, programs.Built.SHA256, s.events.register)
	s.Do(rootRequest(s.account))
	s.write("config/root", map[string]any{"max_retries": 0})
	s.tick()
	return s
}

func (s *stage) tick() { s.Do(&logical.Request{Operation: logical.RollbackOperation}) }

func (s *stage) write(path string, data map[string]any) {
	s.Do(&logical.Request{Operation: logical.UpdateOperation, Path: path, Data: data})
}

func (s *stage) read(path string) *logical.Response {
	resp := s.Do(&logical.Request{Operation: logical.ReadOperation, Path: path, ID: "request-1", EntityID: "entity-1"})
	for _, field := range []string{"secret_key", "session_token"} {
		if secret, _ := resp.Data[field].(string); secret != "" {
			s.secrets = append(s.secrets, secret)
		}
	}
	if resp.Secret != nil {
		resp.Secret.IssueTime = time.Now() // as the server notes it
	}
	return resp
}

func (s *stage) remove(path string) {
	s.Do(&logical.Request{Operation: logical.DeleteOperation, Path: path})
}

// lease does something with the lease of a credential, as Vault does.
func (s *stage) lease(op logical.Operation, issued *logical.Response) *logical.Request {
	return &logical.Request{Operation: op, Path: "creds/x", Secret: issued.Secret, Data: issued.Data}
}

// refused sends a request while AWS refuses an action, so often.
func (s *stage) refused(action string, times int, req *logical.Request) {
	s.T.Helper()
	s.account.Inject(fakeaws.Fault{Action: action, Kind: fakeaws.Refuse, Times: times})
	if resp, err := s.Ask(req); err == nil && !resp.IsError() {
		s.T.Errorf("%s %s goes well though AWS refuses %s", req.Operation, req.Path, action)
	}
}

// user is the name of the IAM user of a credential.
func (s *stage) user(issued *logical.Response) string {
	s.T.Helper()
	for _, user := range s.account.Users() {
		if slices.ContainsFunc(s.account.Keys(user), func(key fakeaws.Key) bool { return key.AccessKeyID == issued.Data["access_key"] }) {
			return user
		}
	}
	s.T.Fatal("no user has the key")
	return ""
}

// playCreds plays what happens to credentials of roles.
func (s *stage) playCreds() {
	s.write("config/lease", map[string]any{"lease": "1h", "lease_max": "2h"})
	s.read("config/lease")
	s.read("config/root")
	for name, role := range map[string]map[string]any{
		"user":    {"policy_arns": "arn:aws:iam::aws:policy/ReadOnlyAccess"},
		"session": {"credential_type": "session_token"},
	} {
		s.write("roles/"+name, role)
		s.read("roles/" + name)
		issued := s.read("creds/" + name)
		if issued.Secret.Renewable {
			s.Do(s.lease(logical.RenewOperation, issued))
			s.refused("DeleteUser", 1, s.lease(logical.RevokeOperation, issued))
		}
		s.Do(s.lease(logical.RevokeOperation, issued))
	}
	s.remove("issued/" + s.user(s.read("creds/user")))
	s.refused("CreateUser", 2, &logical.Request{Operation: logical.ReadOperation, Path: "creds/user"}) // with tags, and without
	s.remove("roles/session")
}

// playKeys plays what happens to the keys that the engine rotates.
func (s *stage) playKeys() {
	rotate := func(path string) *logical.Request {
		return &logical.Request{Operation: logical.UpdateOperation, Path: path}
	}
	s.refused("CreateAccessKey", 1, rotate("config/rotate-root"))
	s.Do(rotate("config/rotate-root"))
	s.secrets = append(s.secrets, s.account.RootKey().SecretAccessKey)
	s.write("static-roles/app", map[string]any{"username": "app-user", "rotation_period": 3600})
	s.read("static-roles/app")
	s.refused("CreateAccessKey", 1, rotate("static-roles/app/rotate"))
	s.read("static-creds/app")
	s.Do(rotate("static-roles/app/rotate"))
	s.read("static-creds/app")
}

// playTime plays what happens only later: a user without a record, one without a lease, and a key that an operator has to
// decide about.
func (s *stage) playTime() {
	s.tick()
	orphan := s.user(s.read("creds/user"))
	s.account.Age(2 * time.Hour)
	s.Older(2*time.Hour, "terms")              // the engine was there when it was made
	s.Older(-30*time.Second, "register-watch") // and there was a heartbeat after its lease began
	s.Lose(orphan)
	s.Again()
	s.tick()
	s.write("tidy", map[string]any{"delete": true})
	server.WaitFor(s.T, server.Soon, "the orphan", func() bool { return s.events.of("aws/orphan-found") != nil })
	const later = 800 * 24 * time.Hour
	s.read("creds/user")
	s.tick()
	s.account.Age(later)
	s.Older(later, "")
	s.account.AddKey("app-user")
	s.Again()
	s.tick()
}

// TestEventsAndObservationsArrive: the shipped binary tells a server that has both, over gRPC, each with its fields, and
// no secret in any. Of time, which the binary takes from the system, storage and account are made older instead.
func TestEventsAndObservationsArrive(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.playCreds()
	s.playKeys()
	s.playTime()
	took := []string{"duration_ms", "path", "operation"}
	asked := append([]string{"aws_request_id"}, took...)
	user := append([]string{"iam_user", "account", "role"}, asked...)
	key := append([]string{"iam_user", "access_key", "account"}, asked...)
	for name, fields := range map[string][]string{
		"aws/creds-create":              append([]string{"role", "access_key", "entity_id", "credential_type"}, asked...),
		"aws/creds-create-fail":         append([]string{"role", "credential_type", "error"}, asked...),
		"aws/creds-renew":               append([]string{"role", "iam_user", "account", "ttl"}, took...),
		"aws/creds-revoke":              append([]string{"role", "access_key"}, took...),
		"aws/creds-revoke-fail":         append([]string{"error", "access_key"}, user...),
		"aws/creds-delete":              user,
		"aws/creds-sweep":               append([]string{"ends"}, user...),
		"aws/orphan-found":              append([]string{"deleted", "created"}, user...),
		"aws/root-rotate":               append([]string{"old_access_key"}, key...),
		"aws/root-rotate-fail":          append([]string{"error"}, asked...),
		"aws/static-creds-rotate":       append([]string{"static_role", "data_path", "modified"}, key...),
		"aws/static-creds-rotate-fail":  append([]string{"static_role", "error"}, asked...),
		"aws/rotation-wait":             append([]string{"static_role", "reason"}, took...),
		"aws/credential/create/success": {"role_name", "credentials_type", "is_sts", "ttl", "max_ttl", "entity_id", "request_id", "path"},
		"aws/credential/create/fail":    {"role_name", "credentials_type", "is_sts", "error", "path"},
		"aws/credential/renew":          {"role_name", "is_sts", "credentials_type", "ttl", "max_ttl"},
		"aws/credential/revoke":         {"role_name", "is_sts"},
		"aws/static-credential/rotate":  {"role_name"},
		"aws/static-credential/read":    {"role_name", "path", "request_id"},
		"aws/config/root/rotate":        {"rotation_period", "rotation_window", "disable_automatic_rotation"},
		"aws/config/root/write":         {"rotation_period", "path"},
		"aws/config/root/read":          {"rotation_period", "path"},
		"aws/config/lease/write":        {"lease", "lease_max", "path"},
		"aws/config/lease/read":         {"lease", "lease_max", "path"},
		"aws/role/write":                {"role_name", "credentials_type", "path"},
		"aws/role/read":                 {"role_name", "credentials_type", "path"},
		"aws/role/delete":               {"role_name", "path"},
		"aws/static-role/write":         {"role_name", "rotation_period", "path"},
		"aws/static-role/read":          {"role_name", "rotation_period", "path"},
		"aws/static-role/delete":        {"role_name", "path"},
	} {
		if name == "aws/static-role/delete" {
			s.remove("static-roles/app")
		}
		server.WaitFor(t, server.Soon, name, func() bool { return s.events.of(name) != nil })
		for _, field := range fields {
			if value := s.events.of(name)[field]; value == nil || value == "" {
				t.Errorf("%s lacks %s: %v", name, field, s.events.of(name))
			}
		}
	}
	if len(s.InVain()) > 0 {
		t.Errorf("the engine asked in vain for %q", s.InVain())
	}
	if text := s.events.text(); len(s.secrets) < 10 || slices.ContainsFunc(s.secrets, func(secret string) bool { return strings.Contains(text, secret) }) {
		t.Errorf("a secret of %d is told", len(s.secrets))
	}
	s.account.RemoveUser("app-user")
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
	server.WaitFor(t, server.Soon, "the end of the lease in the log", func() bool { return strings.Contains(log(), "deleted an IAM user at the end of its lease") })
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
