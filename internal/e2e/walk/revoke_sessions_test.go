// SPDX-License-Identifier: MPL-2.0

package walk

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"vault-plugin-secrets-aws-dyn/internal/e2e/server"
	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

// This file revokes sessions in a real Vault: by a prefix, as an operator does after an incident, and while the plugin dies.

// sessionsOf issues so many sessions.
func sessionsOf(v *server.Server, role string, count int) (sessions []server.Answer) {
	v.T.Helper()
	for range count {
		sessions = append(sessions, v.Call(http.MethodGet, "aws-dyn/creds/"+role, nil))
	}
	return sessions
}

// denied reports whether a policy of the role denies a session what it asks for.
func denied(t testing.TB, account *fakeaws.Server, session server.Answer) bool {
	t.Helper()
	text := func(key string) string { s, _ := session.Data(key).(string); return s }
	key := fakeaws.Key{AccessKeyID: text("access_key"), SecretAccessKey: text("secret_key"), SessionToken: text("session_token")}
	_, err := fakeaws.Client{Endpoint: account.URL(), Key: key}.Do(t.Context(), "iam", "ListUsers", nil)
	if err != nil && !strings.Contains(err.Error(), "with an explicit deny") {
		t.Fatal(err)
	}
	return err != nil
}

// newRevocable is a Vault whose role deploy has sessions that can be revoked.
func newRevocable(t *testing.T) (*server.Server, *fakeaws.Server) {
	t.Helper()
	account := fakeaws.New(t)
	account.AddRole("deploy")
	t.Cleanup(account.Forgive) // the policies stand for as long as the sessions would live
	v := server.StartDev(t)
	v.Mount()
	server.ConfigureRoot(v, account)
	v.Call(http.MethodPost, "aws-dyn/config/users", map[string]any{"register_sessions": true})
	for role, revocable := range map[string]bool{"deploy": true, "plain": false} {
		v.Call(http.MethodPost, "aws-dyn/roles/"+role, map[string]any{
			"credential_type": "assumed_role", "role_arns": "arn:aws:iam::123456789012:role/deploy", "revoke_sessions": revocable,
		})
	}
	return v, account
}

func TestSessionsRevokedByPrefix(t *testing.T) {
	t.Parallel()
	const count = 100
	v, account := newRevocable(t)
	sessions, plain := sessionsOf(v, "deploy", count), sessionsOf(v, "plain", 1)
	if n := len(v.Call("LIST", "aws-dyn/issued?limit=60", nil).Data("keys").([]any)); n != 60 {
		t.Errorf("a list of 60 has %d", n)
	}
	account.ResetCalls()
	v.CLI("lease", "revoke", "-prefix", "aws-dyn/creds/deploy")
	server.WaitFor(t, server.Soon, "all leases to end", func() bool { return v.Leases("deploy") == 0 })
	writes := 0
	for _, action := range account.Actions() {
		if action == "PutRolePolicy" {
			writes++
		}
	}
	t.Logf("%d sessions revoked by prefix: %d writes of the role's policy, %d calls in all", count, writes, len(account.Calls()))
	if writes > count/4 {
		t.Errorf("%d writes", writes)
	}
	for i, session := range sessions {
		if !denied(t, account, session) {
			t.Errorf("session %d works", i)
		}
	}
	if denied(t, account, plain[0]) {
		t.Error("a session that nobody revoked is denied")
	}
	if keys, _ := v.Call("LIST", "aws-dyn/issued", nil).Data("keys").([]any); !slices.Equal(keys, []any{plain[0].Data("access_key")}) {
		t.Errorf("registered: %v", keys)
	}
}

// TestPluginKilledWhileRevokingASession kills the plugin between storage and AWS, before and after AWS did what it was asked.
func TestPluginKilledWhileRevokingASession(t *testing.T) {
	t.Parallel()
	v, account := newRevocable(t)
	for _, fault := range []fakeaws.Fault{
		{Action: "PutRolePolicy", Kind: fakeaws.Hang, Times: 1}, {Action: "PutRolePolicy", Kind: fakeaws.HangAfter, Times: 1},
	} {
		sessions := sessionsOf(v, "deploy", 2)
		hanging := account.Inject(fault)
		v.Call(http.MethodPost, "sys/leases/revoke", map[string]any{"lease_id": sessions[0].Lease()})
		select {
		case <-hanging.Reached():
		case <-time.After(server.Soon):
			t.Fatal("no call reached PutRolePolicy")
		}
		server.KillProcess(t, v.Plugin())
		account.ClearFaults()
		hanging.Release()
		server.WaitFor(t, server.RollbackTime, "the session to be denied and its lease to end", func() bool {
			return denied(t, account, sessions[0]) && v.Call("POST", "sys/leases/lookup", map[string]any{"lease_id": sessions[0].Lease()}, http.StatusOK, http.StatusBadRequest).Status != http.StatusOK
		})
		if denied(t, account, sessions[1]) {
			t.Errorf("%v: another session is denied", fault.Kind)
		}
	}
}
