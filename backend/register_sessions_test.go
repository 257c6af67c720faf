// SPDX-License-Identifier: MPL-2.0

package backend

// The register of sessions: who holds which, and until when.

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/vault/sdk/helper/consts"
	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/engine"
	"vault-plugin-secrets-aws-dyn/backend/sessions"
)

// newRegisterMount registers sessions.
func newRegisterMount(t testing.TB) *mount {
	t.Helper()
	m := newSessionMount(t)
	m.write("config/users", map[string]any{"register_sessions": true})
	m.write("roles/revocable", map[string]any{"credential_type": "assumed_role", "role_arns": deployARN, "revoke_sessions": true})
	return m
}

// listing is the names in a list.
func (m *mount) listing(path string, data map[string]any) []string {
	m.t.Helper()
	resp := m.do(logical.ListOperation, path, data)
	names, _ := resp.Data["keys"].([]string)
	return names
}

func TestRegisterListsSessions(t *testing.T) {
	t.Parallel()
	m := newRegisterMount(t)
	m.entityID = "entity-1"
	creds := m.do(logical.ReadOperation, "creds/deploy", map[string]any{"role_session_name": "ci", "role_arn": deployARN})
	m.entityID = "entity-2"
	fed, own := m.creds("fed"), m.creds("own")
	key := func(resp *logical.Response) string { return resp.Data["access_key"].(string) }
	all := []string{key(creds), key(fed), key(own)}
	slices.Sort(all)
	if got := m.listing("issued/", nil); !slices.Equal(got, all) {
		t.Errorf("listed %v, want %v", got, all)
	}
	for path, want := range map[string]string{"issued/role/fed": key(fed), "issued/entity/entity-1": key(creds)} {
		if got := m.listing(path, nil); len(got) != 1 || got[0] != want {
			t.Errorf("%s: %v, want %s", path, got, want)
		}
	}
	got := m.read("issued/" + key(creds))
	for field, want := range map[string]any{
		"access_key_id": key(creds), "credential_type": "assumed_role", "role": "deploy", "session_name": "ci", "arn": "arn:aws:sts::123456789012:assumed-role/deploy/ci",
		"entity_id": "entity-1", "display_name": "token-test", "revocable": false, "account": "123456789012", "state": "issued",
	} {
		if got[field] != want {
			t.Errorf("%s is %v, want %v", field, got[field], want)
		}
	}
	if ends, err := time.Parse(time.RFC3339, got["ends"].(string)); err != nil || time.Until(ends).Round(time.Minute) != time.Hour {
		t.Errorf("ends %v", got["ends"])
	}
	if text := m.refused(logical.DeleteOperation, "issued/"+key(creds), nil); !strings.Contains(text, "cannot be revoked") {
		t.Error(text)
	}
	// A new process, and the end of the sessions.
	m.start()
	if got := m.listing("issued/", nil); !slices.Equal(got, all) {
		t.Errorf("a new process lists %v", got)
	}
	m.pass(40 * time.Hour)
	if got := m.listing("issued/", nil); len(got) != 0 {
		t.Errorf("ended: %v", got)
	}
	m.mustTick()
	for stored := range m.storage.dump(t) {
		if strings.HasPrefix(stored, "sessions/") {
			t.Errorf("left in storage: %s", stored)
		}
	}
}

func TestSessionsWithoutALeaseAreRevoked(t *testing.T) {
	t.Parallel()
	m := newRegisterMount(t)
	a := m.sdk("creds/revocable", nil)
	if a.AccessKeyId == nil {
		t.Fatalf("%+v", a)
	}
	creds := &logical.Response{Data: map[string]any{"access_key": *a.AccessKeyId, "secret_key": *a.SecretAccessKey, "session_token": *a.Token}}
	if !m.sessionWorks(creds) {
		t.Fatal("it does not work")
	}
	m.do(logical.DeleteOperation, "issued/"+*a.AccessKeyId, nil)
	if m.sessionWorks(creds) {
		t.Error("it works on")
	}
	if resp := m.do(logical.DeleteOperation, "issued/"+*a.AccessKeyId, nil); resp == nil || !strings.Contains(fmt.Sprint(resp.Warnings), "there is no record") {
		t.Error(resp)
	}
	leased := m.creds("revocable")
	m.revoke(leased)
	if got := m.listing("issued/", nil); len(got) != 0 {
		t.Errorf("revoked, and listed: %v", got)
	}
	m.ended()
	resp := m.write("config/users", map[string]any{"register_sessions": false})
	if resp == nil || !strings.Contains(fmt.Sprint(resp.Warnings), `register_sessions: is off, so sdk/creds refuses 1 role with revoke_sessions, such as "revocable"`) {
		t.Error(resp)
	}
	a = m.sdk("creds/revocable", nil)
	if !strings.Contains(a.Message, "set register_sessions at config/users") || a.status != http.StatusBadRequest {
		t.Errorf("%+v", a)
	}
	if resp := m.write("config/users", map[string]any{"register_sessions": false}); resp != nil && len(resp.Warnings) > 0 {
		t.Errorf("a write that changes nothing warns: %v", resp.Warnings)
	}
	// And in the other order.
	fields := map[string]any{"credential_type": "assumed_role", "role_arns": deployARN, "revoke_sessions": true}
	if resp := m.write("roles/later", fields); resp == nil || !strings.Contains(fmt.Sprint(resp.Warnings), "revoke_sessions: sdk/creds refuses the role while register_sessions of config/users is off") {
		t.Error(resp)
	}
	if resp := m.write("roles/later", fields); resp != nil && len(resp.Warnings) > 0 {
		t.Errorf("a write that changes nothing warns: %v", resp.Warnings)
	}
}

// A server that may not write passes a request on before it has asked AWS for anything.
func TestRegisteredSessionsAreMadeWhereTheyCanBeWritten(t *testing.T) {
	t.Parallel()
	m := newRegisterMount(t)
	m.knowAccount()
	m.system.(*logical.StaticSystemView).ReplicationStateVal = consts.ReplicationPerformanceSecondary
	for _, path := range []string{"creds/own", "sdk/creds/own"} {
		_, err := m.ask(logical.ReadOperation, path, nil)
		if err == nil || err.Error() != logical.ErrReadOnly.Error() || len(m.aws.Sessions()) != 0 {
			t.Errorf("%s: %v, and %d sessions", path, err, len(m.aws.Sessions()))
		}
	}
}

func TestListsInParts(t *testing.T) {
	t.Parallel()
	m := newRegisterMount(t)
	const many = 5000
	for i := range many {
		id := fmt.Sprintf("ASIA%016d", i)
		m.leave(engine.PrefixSessions+id, fmt.Sprintf(`{"role":"r","display_name":"d","entity_id":"e","ends":%q}`, time.Now().Add(time.Hour).Format(time.RFC3339)))
	}
	began := time.Now()
	if got := m.listing("issued/", nil); len(got) != many {
		t.Fatalf("%d listed", len(got))
	}
	first := time.Since(began)
	began = time.Now()
	m.storage.breaks("get", engine.PrefixSessions)
	if got := m.listing("issued/", map[string]any{"details": false}); len(got) != many {
		t.Errorf("%d listed", len(got))
	}
	m.storage.mend()
	t.Logf("a list of %d with details: %s, from storage; the names alone: %s", many, first.Round(time.Millisecond), time.Since(began).Round(time.Millisecond))
	var all []string
	for after := ""; ; after = all[len(all)-1] {
		part := m.listing("issued/", map[string]any{"after": after, "limit": 1999})
		all = append(all, part...)
		if len(part) < 1999 {
			break
		}
	}
	if len(all) != many || !slices.IsSorted(all) {
		t.Errorf("in parts: %d", len(all))
	}
	if got := m.listing("issued/", map[string]any{"after": "ASIA000000000000499", "limit": 2}); fmt.Sprint(got) != "[ASIA0000000000004990 ASIA0000000000004991]" {
		t.Errorf("after a name that is not there: %v", got)
	}
	if text := m.refused(logical.ListOperation, "issued/", map[string]any{"limit": -1}); !strings.Contains(text, "limit: -1 is not possible") {
		t.Error(text)
	}
}

// One record that nobody can read hides none.
func TestUnreadableSession(t *testing.T) {
	t.Parallel()
	m := newRegisterMount(t)
	m.leave(engine.PrefixSessions+"ASIAX", "{")
	if got := m.listing("issued/", nil); len(got) != 1 {
		t.Errorf("listed %v", got)
	}
	if !sessions.CanDeny("AROAX:ci") || sessions.CanDeny("ci") {
		t.Error("CanDeny")
	}
}

// A session that ended by itself is not denied by whoever deletes it, before a tick drops its record.
func TestDeleteOfAnEndedSessionCallsNobody(t *testing.T) {
	t.Parallel()
	m := newRegisterMount(t)
	creds := m.creds("revocable")
	m.pass(2 * time.Hour)
	m.aws.ResetCalls()
	m.do(logical.DeleteOperation, "issued/"+creds.Data["access_key"].(string), nil)
	m.mustNotCall()
}
