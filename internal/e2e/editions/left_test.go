// SPDX-License-Identifier: MPL-2.0

package editions

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"vault-plugin-secrets-aws-dyn/internal/e2e/programs"
	"vault-plugin-secrets-aws-dyn/internal/e2e/server"
	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

// This file leaves users behind that no lease has, or that are to go, and looks who ends them.

// leaveBehind does so in all mounts, and then kills the process that serves them.
func leaveBehind(t *testing.T, v *server.Server, mounts []*rolled) {
	t.Helper()
	var crashes []*crashed
	for _, m := range mounts {
		for _, template := range []string{randomNames, fixedNames} {
			m.names(template)
			m.failToRevoke(template)
			if m.now.ours() || m.earlier.first { // the built-in engine has no records
				m.dropByForce(template)
				m.loseLease(template)
			}
		}
		m.names(randomNames)
		crashes = append(crashes, m.beginToCreate(randomNames))
		m.names(fixedNames)
		crashes = append(crashes, m.beginToCreate(fixedNames))
	}
	command := programs.PluginName
	if !mounts[0].now.ours() {
		command = mounts[0].earlier.command
	}
	server.KillProcess(t, processOf(t, v, command))
	for _, c := range crashes {
		c.end()
	}
	for _, m := range mounts {
		server.WaitFor(t, server.Soon, "the process of "+m.Mount+" to be started again", func() bool {
			a, err := v.Request(http.MethodGet, m.Mount+"/roles/user", nil)
			return err == nil && a.Status == http.StatusOK
		})
		m.names(randomNames)
	}
}

// named is the role for a user of this stage that is left in a way, by a template for names.
func (m *rolled) named(way, template string) string {
	m.t.Helper()
	role := fmt.Sprintf("%s-%d", way, m.now)
	if template == fixedNames {
		role += "-fixed"
	}
	m.write("roles/"+role, userRole)
	return role
}

// leaves notes a user that is to go.
func (m *rolled) leaves(user, template, why string) {
	m.left[user] = fmt.Sprintf("%s (%s)", why, m.now)
	// What the name does not prove, and what a lease may have as far as the record says, has no entry in the WAL.
	m.unknown[user] = m.now.ours() && (template == fixedNames || strings.HasPrefix(why, "lost"))
}

// failToRevoke has AWS away while a lease is revoked.
func (m *rolled) failToRevoke(template string) {
	m.t.Helper()
	issued := m.v.Call(http.MethodGet, m.Mount+"/creds/"+m.named("ending", template), nil)
	user := server.MustWork(m.t, m.Account, issued.Key())
	away := m.Account.Inject(fakeaws.Fault{Kind: fakeaws.Cut})
	a, err := m.v.Request(http.MethodPost, "sys/leases/revoke", map[string]any{"lease_id": issued.Lease(), "sync": true})
	away.Remove()
	if err != nil || a.Status < 400 {
		m.t.Fatalf("%s: AWS was away, and the revocation answers %d: %v", m.Mount, a.Status, err)
	}
	m.pending = append(m.pending, issued.Lease())
	if m.now.ours() || m.earlier.first {
		m.leaves(user, template, "its revocation failed")
		return
	}
	m.left[user] = "" // the built-in engine has nothing but the lease
}

// dropByForce has Vault drop a lease while AWS is away.
func (m *rolled) dropByForce(template string) {
	m.t.Helper()
	role := m.named("forced", template)
	issued := m.v.Call(http.MethodGet, m.Mount+"/creds/"+role, nil)
	user := server.MustWork(m.t, m.Account, issued.Key())
	away := m.Account.Inject(fakeaws.Fault{Kind: fakeaws.Cut})
	m.v.Call(http.MethodPut, "sys/leases/revoke-force/"+m.Mount+"/creds/"+role, nil)
	away.Remove()
	m.leaves(user, template, "its lease was dropped by force")
}

// loseLease has Vault lose a short lease, as a crash may.
func (m *rolled) loseLease(template string) {
	m.t.Helper()
	issued := m.v.Call(http.MethodPost, m.Mount+"/creds/"+m.named("lost", template), map[string]any{"ttl": "10s"})
	user := server.MustWork(m.t, m.Account, issued.Key())
	m.v.Call(http.MethodDelete, "sys/raw/sys/expire/id/"+issued.Lease(), nil)
	m.leaves(user, template, "lost by Vault")
}

// crashed is a request whose process is about to die.
type crashed struct {
	m    *rolled
	hang *fakeaws.Injected
	done chan server.Answer
}

// beginToCreate stops a request when its user has been made.
func (m *rolled) beginToCreate(template string) *crashed {
	m.t.Helper()
	role, had := m.named("crashed", template), m.Account.Users()
	fault := fakeaws.Fault{Action: "CreateUser", Kind: fakeaws.HangAfter, Times: 1} // no answer is seen
	if template == randomNames {
		fault = fakeaws.Fault{Action: "CreateAccessKey", Kind: fakeaws.Hang, Times: 1}
	}
	c := &crashed{m: m, hang: m.Account.Inject(fault), done: make(chan server.Answer, 1)}
	go func() {
		a, err := m.v.Request(http.MethodGet, m.Mount+"/creds/"+role, nil)
		if err != nil {
			a.Status = http.StatusServiceUnavailable
		}
		c.done <- a
	}()
	select {
	case <-c.hang.Reached():
	case <-time.After(server.Soon):
		m.t.Fatalf("%s: no call reached %s", m.Mount, fault.Action)
	}
	var made []string
	server.WaitFor(m.t, server.Soon, m.Mount+": the user of "+role+" to be made", func() bool {
		made = slices.DeleteFunc(m.Account.Users(), func(user string) bool { return slices.Contains(had, user) })
		return len(made) == 1
	})
	m.leaves(made[0], template, "its process died")
	return c
}

// end waits for the request. Vault may have repeated it, and then there is another user, with a lease.
func (c *crashed) end() {
	c.m.t.Helper()
	c.hang.Release()
	select {
	case a := <-c.done:
		if a.Status == http.StatusOK {
			c.m.v.Revoke(a.Lease())
		}
	case <-time.After(2 * server.Soon):
		c.m.t.Fatalf("%s: the request did not end with its process", c.m.Mount)
	}
}

// awaitTick waits until Vault's timer has come by, and nobody is there any more who is to go.
func (m *rolled) awaitTick() {
	m.t.Helper()
	stays := m.holders()
	for user, why := range m.left {
		if why == "" || !m.now.ours() && !m.earlier.first && m.unknown[user] {
			stays = append(stays, user)
		}
	}
	slices.Sort(stays)
	left := func() []string {
		return slices.DeleteFunc(m.Account.Users(), func(user string) bool { return slices.Contains(stays, user) })
	}
	m.t.Cleanup(func() {
		for _, user := range left() {
			if m.t.Failed() {
				m.t.Logf("%s: %s is still there: %s", m.Mount, user, m.left[user])
			}
		}
	})
	server.WaitFor(m.t, server.RollbackTime, m.Mount+": the timer to have ended who is to go", func() bool { return len(left()) == 0 })
	m.useAll()
	for _, user := range stays {
		if !slices.Contains(m.Account.Users(), user) {
			m.t.Errorf("%s: %s was to stay and is gone", m.Mount, user)
		}
	}
}

// builtInAge is longer than the built-in engine leaves an entry of the WAL alone, which is 5 minutes.
const builtInAge = 10 * time.Minute

// ageWAL makes the entries of the WAL older that the built-in engine is to roll back. Each has to stand for a user that is
// to go.
func (m *rolled) ageWAL() {
	m.t.Helper()
	if m.now.ours() || m.earlier.first {
		return
	}
	base := "logical/" + m.UUID + "/wal/"
	ids, err := m.v.StoredNames(base)
	if err != nil {
		m.t.Fatal(err)
	}
	mirrors := map[string]bool{}
	for _, id := range ids {
		entry := map[string]any{}
		if there, err := m.v.Stored(base+id, &entry); err != nil || !there {
			m.t.Fatalf("%s: reading the entry %s: %v", m.Mount, id, err)
		}
		data, _ := entry["data"].(map[string]any)
		user, _ := data["UserName"].(string)
		if m.left[user] == "" {
			m.t.Errorf("%s: the WAL has %q, which is not to go", m.Mount, user)
		}
		mirrors[user] = strings.HasPrefix(id, "issued-")
		created, _ := entry["created_at"].(float64)
		entry["created_at"] = int64(created) - int64(builtInAge.Seconds())
		m.v.Call(http.MethodPut, "sys/raw/"+base+id, map[string]any{"value": server.AsJSON(entry)})
	}
	for user, why := range m.left {
		if mirrors[user] == m.unknown[user] && strings.HasSuffix(why, "("+up.String()+")") {
			m.t.Errorf("%s: an entry of the WAL stands for %s: %v; %s", m.Mount, user, mirrors[user], why)
		}
	}
}

// end ends what lives until here. Then nothing may be left: no lease, no user, no record.
func (m *rolled) end() {
	m.t.Helper()
	for _, lease := range m.pending {
		m.v.Revoke(lease)
	}
	m.v.Call(http.MethodDelete, m.Mount+"/static-roles/nightly", nil)
	server.MustBeRefused(m.t, m.Account, m.staticKey)
	leases, err := m.v.StoredLeases(m.Mount)
	if err != nil || len(leases) > 0 {
		m.t.Errorf("%s: %d leases are left: %v", m.Mount, len(leases), err)
	}
	if !m.earlier.first {
		m.forget()
	}
	if left := m.Account.Users(); len(left) > 0 {
		m.t.Errorf("%s: left in AWS: %q", m.Mount, left)
	}
	written, others, err := m.v.StoredRecords(m.UUID)
	if err != nil || len(written)+others > 0 {
		m.t.Errorf("%s: records are left: %v, and %d of keys: %v", m.Mount, written, others, err)
	}
	m.t.Logf("%s: %d users were left behind in %d stages; %d leases, %d users and %d records are left",
		m.Mount, len(m.left), up+1, len(leases), len(m.Account.Users()), len(written)+others)
}

// forget waits until our engine has forgotten the users that the built-in engine has deleted: that one knows of no
// records. Ours looks after two of these whenever Vault's timer comes by, and Vault lets it come by when it moves a mount.
func (m *rolled) forget() {
	m.t.Helper()
	for range len(m.left) {
		if written, _, err := m.v.StoredRecords(m.UUID); err != nil || len(written) == 0 {
			return // or it is told by who looks next
		}
		m.move(m.Mount + "-moved")
	}
}
