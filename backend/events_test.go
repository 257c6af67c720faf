// SPDX-License-Identifier: MPL-2.0

package backend

// Events and observations: each moment is told once, with its fields and without a secret; a server
// that has neither is asked once; and no request waits for either.

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/vault/sdk/logical"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

func TestEachMomentIsToldWithItsFields(t *testing.T) {
	t.Parallel()
	m := newSessionMount(t)
	m.instantly()
	m.aws.Adopt("vault-root")
	secrets := m.heldBy("vault-root")
	a := new(audience)
	m.heardBy(a)
	m.entityID = "entity-1"
	creds := m.creds("developer-access")
	session := m.creds("own")
	if _, err := m.lease(logical.RenewOperation, creds); err != nil {
		t.Fatal(err)
	}
	m.aws.Inject(fakeaws.Fault{Action: "DeleteUser", Kind: fakeaws.Refuse, Times: 1})
	if _, err := m.lease(logical.RevokeOperation, creds); err == nil {
		t.Fatal("revoked")
	}
	m.revoke(creds)
	m.revoke(session)
	deleted := m.creds("developer-access")
	m.do(logical.DeleteOperation, "issued/"+m.user(deleted), nil)
	m.aws.Inject(fakeaws.Fault{Action: "CreateUser", Kind: fakeaws.Refuse, Times: 2}) // with our tags, and without
	if resp, err := m.ask(logical.ReadOperation, "creds/developer-access", nil); err == nil && !resp.IsError() {
		t.Fatal("issued")
	}
	m.write("config/rotate-root", nil)

	user := map[string]string{
		"path": "creds/developer-access", "iam_user": m.user(creds), "access_key": creds.Data["access_key"].(string), "role": "developer-access",
		"entity_id": "entity-1", "account": "123456789012", "aws_request_id": "*", "duration_ms": "*", "credential_type": "iam_user",
	}
	has(t, "create", m.heardOf(a, "aws/creds-create"), user)
	has(t, "revoke", m.heardOf(a, "aws/creds-revoke"), user)
	without := maps.Clone(user)
	without["aws_request_id"] = "" // AWS is not asked
	has(t, "renew", m.heardOf(a, "aws/creds-renew"), without)
	failed := maps.Clone(user)
	failed["error"] = "*"
	has(t, "revoke-fail", m.heardOf(a, "aws/creds-revoke-fail"), failed)
	has(t, "delete", m.heardOf(a, "aws/creds-delete"), map[string]string{"path": "issued/" + m.user(deleted), "iam_user": m.user(deleted), "entity_id": "entity-1", "aws_request_id": "*"})
	has(t, "create-fail", m.heardOf(a, "aws/creds-create-fail"), map[string]string{
		"path": "creds/developer-access", "role": "developer-access", "access_key": "", "error": "*", "aws_request_id": "*", "operation": "create",
	})
	has(t, "root-rotate", m.heardOf(a, "aws/root-rotate"), map[string]string{"path": "config/rotate-root", "iam_user": "vault-root", "access_key": "*", "old_access_key": "*", "aws_request_id": "*"})
	// What the built-in engine observes.
	has(t, "observed", m.heardOf(a, "aws/credential/create/fail"), map[string]string{"role_name": "developer-access", "credentials_type": "iam_user", "is_sts": "false"})
	has(t, "observed", m.heardOf(a, "aws/credential/renew"), map[string]string{"is_sts": "false", "credentials_type": "iam_user", "ttl": "*", "max_ttl": "*"})
	has(t, "observed", m.heardOf(a, "aws/config/root/rotate"), map[string]string{"rotation_period": "0s", "disable_automatic_rotation": "false"})
	secrets = append(secrets, m.heldBy("vault-root")...) // the new one
	m.noSecret(a, append(secrets, secretsIn(creds, session, deleted)...)...)
}

func TestMomentsOfTheClockAreTold(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t)
	m.instantly()
	m.aws.AddUser("app")
	a := new(audience)
	m.heardBy(a)
	m.write("static-roles/app", daily)
	secrets := m.heldBy("app")
	m.aws.Inject(fakeaws.Fault{Action: "CreateAccessKey", Kind: fakeaws.Refuse, Times: 1})
	m.pass(25 * time.Hour)
	m.mustTick()
	has(t, "fail", m.heardOf(a, "aws/static-creds-rotate-fail"), map[string]string{"path": "static-roles/app", "static_role": "app", "error": "*", "aws_request_id": "*"})
	m.pass(time.Hour)
	m.mustTick()
	has(t, "rotate", m.heardOf(a, "aws/static-creds-rotate"), map[string]string{
		"path": "static-roles/app", "data_path": "static-creds/app", "modified": "true", "static_role": "app", "iam_user": "app", "access_key": "*", "account": "123456789012", "aws_request_id": "*",
	})
	has(t, "observed", m.heardOf(a, "aws/static-credential/rotate"), map[string]string{"role_name": "app"})
	forgotten := m.creds("developer-access")
	m.age(800 * 24 * time.Hour)
	m.mustTick()
	has(t, "sweep", m.heardOf(a, "aws/creds-sweep"), map[string]string{
		"path": "issued/" + m.user(forgotten), "iam_user": m.user(forgotten), "role": "developer-access", "account": "123456789012", "aws_request_id": "*",
	})
	secrets = append(secrets, m.heldBy("app")...)
	m.noSecret(a, append(secrets, secretsIn(forgotten, m.do(logical.ReadOperation, "static-creds/app", nil))...)...)
	m.do(logical.DeleteOperation, "static-roles/app", nil)
}

func TestOrphansAreTold(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t)
	a := new(audience)
	m.events = a
	user := m.orphan()
	secrets := m.heldBy(user)
	for _, deleted := range []string{"false", "true"} {
		m.tidy(map[string]any{"delete": deleted})
		m.waitUntil("the orphan", func() bool { return m.lastOf(a, "aws/orphan-found")["deleted"] == deleted })
		has(t, "orphan", m.lastOf(a, "aws/orphan-found"), map[string]string{
			"path": "tidy", "iam_user": user, "role": "developer-access", "account": "123456789012", "aws_request_id": "*", "created": "*",
		})
	}
	m.noSecret(a, secrets...)
}

func TestRotationsThatWaitOrFailAreTold(t *testing.T) {
	t.Parallel()
	m := newTickingMount(t)
	m.instantly()
	a := new(audience)
	m.events = a
	m.pass(26 * time.Hour) // a gap in the heartbeat, and a key that this engine did not make: an operator has to decide
	m.aws.AddKey("app")
	m.start()
	m.mustTick()
	has(t, "wait", m.heardOf(a, "aws/rotation-wait"), map[string]string{"path": "static-roles/app", "static_role": "app", "reason": "*", "until": ""}) // no time ends it
	m.aws.Inject(fakeaws.Fault{Action: "CreateAccessKey", Kind: fakeaws.Refuse, Times: 1})
	if resp, err := m.ask(logical.UpdateOperation, "config/rotate-root", nil); err == nil && !resp.IsError() {
		t.Fatal("rotated")
	}
	has(t, "root", m.heardOf(a, "aws/root-rotate-fail"), map[string]string{"path": "config/rotate-root", "error": "*", "aws_request_id": "*"})
	m.noSecret(a, append(m.heldBy("app"), secretsIn(m.do(logical.ReadOperation, "static-creds/app", nil))...)...)
}

// docs/events.md has a row for each event and each observation, and for no other.
func TestDocsEvents(t *testing.T) {
	t.Parallel()
	told := map[string]bool{}
	add := func(pattern, file string, prefixes ...string) {
		for _, match := range regexp.MustCompile(pattern).FindAllStringSubmatch(readDoc(t, file), -1) {
			for i, prefix := range prefixes {
				if match[i+1] != "" {
					told[prefix+match[i+1]] = true
				}
			}
		}
	}
	add(`= Kind\{"([^"]+)", "([^"]*)"`, "engine/events.go", "aws/", "")
	for _, dir := range rooms {
		for _, file := range sources(t, dir) {
			add(`Observe\(req, "([^"]+)"`, file, "")
		}
	}
	doc := map[string]bool{}
	for line := range strings.Lines(readDoc(t, "../docs/events.md")) {
		first, _, _ := strings.Cut(strings.TrimPrefix(line, "|"), "|")
		for _, match := range regexp.MustCompile("`(aws/[a-z/-]+)`").FindAllStringSubmatch(first, -1) {
			if strings.HasPrefix(line, "|") {
				doc[match[1]] = true
			}
		}
	}
	if want, got := slices.Sorted(maps.Keys(told)), slices.Sorted(maps.Keys(doc)); !slices.Equal(want, got) || len(want) < 25 {
		t.Errorf("docs/events.md has\n%q, want\n%q", got, want)
	}
}

func TestRequestsAreObservedAsTheBuiltInEngineDoes(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t)
	m.aws.AddUser("app")
	a := new(audience)
	m.heardBy(a)
	m.write("config/root", map[string]any{"max_retries": 2})
	m.read("config/root")
	m.write("config/lease", map[string]any{"lease": "1h", "lease_max": "2h"})
	m.read("config/lease")
	m.write("roles/other", map[string]any{"credential_type": "iam_user", "policy_arns": "arn:aws:iam::aws:policy/ReadOnlyAccess"})
	m.read("roles/other")
	m.do(logical.DeleteOperation, "roles/other", nil)
	m.write("static-roles/app", daily)
	m.read("static-roles/app")
	m.read("static-creds/app")
	m.do(logical.DeleteOperation, "static-roles/app", nil)
	has(t, "root", m.heardOf(a, "aws/config/root/read"), map[string]string{"rotation_period": "0s", "rotation_window": "0s", "path": "config/root"})
	has(t, "lease", m.heardOf(a, "aws/config/lease/write"), map[string]string{"lease": "1h0m0s", "lease_max": "2h0m0s"})
	has(t, "role", m.heardOf(a, "aws/role/write"), map[string]string{"role_name": "other", "credentials_type": "iam_user"})
	has(t, "static role", m.heardOf(a, "aws/static-role/write"), map[string]string{"role_name": "app", "rotation_period": "24h0m0s"})
	has(t, "static creds", m.heardOf(a, "aws/static-credential/read"), map[string]string{"role_name": "app"})
	m.heardOf(a, "aws/static-role/delete")
	_, observed := a.heard()
	want := []string{
		"aws/config/root/write", "aws/config/root/read", "aws/config/lease/write", "aws/config/lease/read", "aws/role/write", "aws/role/read", "aws/role/delete",
		"aws/static-role/write", "aws/static-role/read", "aws/static-credential/read", "aws/static-role/delete",
	}
	if !slices.Equal(observed, want) {
		t.Errorf("observed %q, want %q", observed, want)
	}
}

// A server without events and observations is asked once for each, and the log has nothing of it.
func TestServerWithoutEventsIsAskedOnce(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t)
	m.instantly()
	a := &audience{answer: fmt.Errorf("sending: %w", status.Error(codes.Unimplemented, "unknown service pb.Events"))}
	m.events, m.observations = a, a
	log := m.logged(hclog.Trace)
	for range 3 {
		m.revoke(m.creds("developer-access"))
	}
	m.b.Cleanup(t.Context()) // waits for what is under way
	events, observations := a.heard()
	if len(events) != 1 || len(observations) != 1 {
		t.Errorf("asked for %q and %q", events, observations)
	}
	for _, word := range []string{"nimplemented", "an event", "events", "observation"} {
		if strings.Contains(log.String(), word) {
			t.Errorf("the log says %q:\n%s", word, log)
		}
	}
}

// In Vault's community edition nobody can hear of anything; any other server may have who does.
func TestEventsGoWhereSomebodyCanHear(t *testing.T) {
	t.Parallel()
	for _, server := range []struct {
		version, metadata string
		told              bool
	}{
		{"1.21.0", "", false}, {"1.18.5", "", false},
		{"1.21.0", "ent", true}, {"1.21.0", "ent.hsm.fips1402", true}, {"2.6.2", "", true}, {"", "", true},
	} {
		t.Run(server.version+"+"+server.metadata, func(t *testing.T) {
			t.Parallel()
			m := newConfiguredMount(t)
			m.instantly()
			m.system.(*logical.StaticSystemView).PluginEnvironment = &logical.PluginEnvironment{VaultVersion: server.version, VaultVersionMetadata: server.metadata}
			a := new(audience)
			m.heardBy(a)
			m.revoke(m.creds("developer-access"))
			m.b.Cleanup(t.Context()) // waits for what is under way
			events, observations := a.heard()
			if told := len(events) == 2 && len(observations) == 2; told != server.told || !told && len(events)+len(observations) > 0 {
				t.Errorf("it hears %q and %q", events, observations)
			}
		})
	}
}

// A server that takes events and never answers, or fails, keeps nobody waiting and fails nothing.
func TestNoRequestWaitsForEvents(t *testing.T) {
	t.Parallel()
	for what, a := range map[string]*audience{"hangs": {hold: make(chan struct{})}, "fails": {answer: errors.New("no room")}} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			m := newConfiguredMount(t)
			m.instantly()
			m.heardBy(a)
			creds := m.creds("developer-access")
			m.revoke(creds)
			if a.hold != nil {
				m.waitUntil("the first event", func() bool { events, _ := a.heard(); return len(events) > 0 })
				close(a.hold)
			}
			m.waitUntil("the rest", func() bool {
				events, observations := a.heard()
				return slices.Equal(events, []string{"aws/creds-create", "aws/creds-revoke"}) && len(observations) == 2
			})
		})
	}
}

// The mistake of a caller is told, and no warning to an operator; what AWS refuses is one.
func TestFailuresAreLoggedByWhoseTheyAre(t *testing.T) {
	t.Parallel()
	m := newSessionMount(t)
	log := m.logged(hclog.Debug)
	for _, try := range []func() (*logical.Response, error){
		func() (*logical.Response, error) {
			return m.ask(logical.UpdateOperation, "creds/own", map[string]any{"mfa_code": "123456"})
		},
		func() (*logical.Response, error) {
			m.aws.Inject(fakeaws.Fault{Action: "GetSessionToken", Kind: fakeaws.Refuse, Times: 1})
			return m.ask(logical.ReadOperation, "creds/own", nil)
		},
	} {
		if resp, err := try(); err == nil && !resp.IsError() && resp.Data[logical.HTTPStatusCode] != http.StatusBadRequest {
			t.Fatalf("issued: %v", resp)
		}
	}
	once(t, log.String(), "[DEBUG] getting a session failed")
	if line := once(t, log.String(), "[WARN]  getting a session failed"); !strings.Contains(line, "aws_request_id=") {
		t.Error(line)
	}
}
