// SPDX-License-Identifier: MPL-2.0

package editions

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"vault-plugin-secrets-aws-dyn/internal/e2e/check"
	"vault-plugin-secrets-aws-dyn/internal/e2e/programs"
	"vault-plugin-secrets-aws-dyn/internal/e2e/server"
	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

// This file is a mount that goes from engine to engine, and the leases that live through it.

// rolled is such a mount.
type rolled struct {
	check.Mounted
	t         *testing.T
	v         *server.Server
	earlier   earlierEngine
	rests     stage // in which Vault's timer comes by
	now       stage
	live      []*rolledLease
	staticKey server.Key

	left    map[string]string // users that are to go, and what each is
	unknown map[string]bool   // those of them that the built-in engine has no way to know of
	pending []string          // leases whose user is to go
}

// rolledLease is a credential that has to work until it is revoked.
type rolledLease struct {
	server.Answer
	what   string
	user   bool // an IAM user
	ends   stage
	holder string
}

// Templates for the names of users: the default one, and one without a random part.
const (
	randomNames = ""
	fixedNames  = `{{ printf "fixed-%s" .PolicyName }}`
)

func newRolled(t *testing.T, v *server.Server, earlier earlierEngine, rests stage) *rolled {
	t.Helper()
	m := &rolled{t: t, v: v, earlier: earlier, rests: rests, left: map[string]string{}, unknown: map[string]bool{}}
	m.Mount = "timer-" + strings.ReplaceAll(rests.String(), " ", "-")
	m.Account = fakeaws.New(t, fakeaws.WithPageSize(100)) // the built-in engine does not read on where AWS pages
	m.Account.AddRole("deploy")
	m.Account.AddUser("nightly")
	v.CLI("secrets", "enable", "-path="+m.Mount, "-plugin-version="+earlier.version, "aws")
	if err := m.FindStorage(v); err != nil {
		t.Fatal(err)
	}
	m.names(randomNames)
	m.write("config/lease", map[string]any{"lease": "30m", "lease_max": "24h"})
	m.write("roles/user", userRole)
	m.write("roles/assumed", map[string]any{"credential_type": "assumed_role", "role_arns": "arn:aws:iam::123456789012:role/deploy"})
	m.write("roles/federated", map[string]any{"credential_type": "federation_token", "policy_document": server.PolicyText})
	m.write("roles/session", map[string]any{"credential_type": "session_token"})
	m.write("static-roles/nightly", map[string]any{"username": "nightly", "rotation_period": "24h"})
	m.staticKey = v.Call(http.MethodGet, m.Mount+"/static-creds/nightly", nil).Key()
	return m
}

// userRole is a role of the type iam_user.
var userRole = map[string]any{
	"credential_type": "iam_user", "policy_arns": "arn:aws:iam::aws:policy/ReadOnlyAccess", "policy_document": server.PolicyText,
}

func (m *rolled) write(path string, body map[string]any) {
	m.t.Helper()
	m.v.Call(http.MethodPost, m.Mount+"/"+path, body)
}

// names sets the template for the names of users.
func (m *rolled) names(template string) {
	m.t.Helper()
	root := m.Account.RootKey()
	m.write("config/root", map[string]any{
		"access_key": root.AccessKeyID, "secret_key": root.SecretAccessKey, "region": "us-east-1", "max_retries": 0,
		"iam_endpoint": m.Account.URL(), "sts_endpoint": m.Account.URL(), "username_template": template,
	})
}

// enter gives the mount to the engine of a stage, which has to serve all that is there, and issues more.
func (m *rolled) enter(now stage) {
	m.t.Helper()
	m.now = now
	if now > first {
		version := m.earlier.version
		if now.ours() {
			version = programs.Built.Version
		}
		m.v.CLI("secrets", "tune", "-plugin-version="+version, m.Mount+"/")
		m.v.CLI("write", "sys/plugins/reload/backend", "mounts="+m.Mount+"/")
		server.WaitFor(m.t, server.Soon, m.Mount+" to run version "+version, func() bool {
			return m.v.Call(http.MethodGet, "sys/mounts/"+m.Mount, nil).Data("running_plugin_version") == version
		})
	}
	m.useAll()
	for ends := now; ends <= lastChange; ends++ {
		m.issue("user", nil, ends)
	}
	m.issue("assumed", map[string]any{}, lastChange)
	m.issue("federated", map[string]any{}, lastChange)
	m.issue("session", map[string]any{}, lastChange)
	m.names(fixedNames)
	for ends := now; ends <= lastChange; ends++ {
		role := fmt.Sprintf("held-%d-%d", now, ends)
		m.write("roles/"+role, userRole)
		m.issue(role, nil, ends)
	}
	m.names(randomNames)
	m.endDue()
}

// issue issues a credential that lives until a stage; a body is for one of STS.
func (m *rolled) issue(role string, body map[string]any, ends stage) {
	m.t.Helper()
	method := http.MethodGet
	if body != nil {
		method = http.MethodPost
	}
	l := &rolledLease{Answer: m.v.Call(method, m.Mount+"/creds/"+role, body), user: body == nil, ends: ends}
	l.what = fmt.Sprintf("%s: the credential of %s, issued %s", m.Mount, role, m.now)
	l.holder = server.CallerOf(m.t, m.Account, l.Answer)
	if l.holder == "" {
		m.t.Fatalf("%s does not work", l.what)
	}
	m.live = append(m.live, l)
}

// useAll looks at every credential, and renews the leases of users.
func (m *rolled) useAll() {
	m.t.Helper()
	for _, l := range m.live {
		if l.user {
			m.v.Renew(l.Lease())
		}
		if who := server.CallerOf(m.t, m.Account, l.Answer); who != l.holder {
			m.t.Errorf("%s: it was %s's, and %s it is %q's", l.what, l.holder, m.now, who)
		}
	}
	if k := m.v.Call(http.MethodGet, m.Mount+"/static-creds/nightly", nil).Key(); k != m.staticKey {
		m.t.Errorf("%s: the static role's key was %s, and %s it is %s", m.Mount, m.staticKey.ID, m.now, k.ID)
	}
	server.MustWork(m.t, m.Account, m.staticKey)
}

// endDue renews and revokes the leases that end in this stage.
func (m *rolled) endDue() {
	m.t.Helper()
	for _, l := range m.live {
		if l.ends != m.now {
			continue
		}
		if l.user {
			m.v.Renew(l.Lease())
		}
		m.v.Revoke(l.Lease())
		if l.user && server.CallerOf(m.t, m.Account, l.Answer) != "" {
			m.t.Errorf("%s works after its lease was revoked %s", l.what, m.now)
		}
	}
	m.live = slices.DeleteFunc(m.live, func(l *rolledLease) bool { return l.ends == m.now })
}

// holders are the users that have to be there.
func (m *rolled) holders() (users []string) {
	for _, l := range m.live {
		if l.user {
			users = append(users, nameIn(l.holder))
		}
	}
	slices.Sort(users)
	return users
}

// nameIn is the name in the ARN of a user.
func nameIn(arn string) string { return arn[strings.LastIndexByte(arn, '/')+1:] }

// move gives the mount another path, and waits until it has it. Vault's command line would look every 10 s only.
func (m *rolled) move(to string) {
	m.t.Helper()
	id := m.v.Call(http.MethodPost, "sys/remount", map[string]any{"from": m.Mount, "to": to}).Data("migration_id")
	server.WaitFor(m.t, server.Soon, m.Mount+" to be moved", func() bool {
		is, _ := m.v.Call(http.MethodGet, fmt.Sprintf("sys/remount/status/%v", id), nil).Data("migration_info").(map[string]any)
		return is["status"] == "success"
	})
	m.Mount = to
}
