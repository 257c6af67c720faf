// SPDX-License-Identifier: MPL-2.0

package backend

// The environment gives the server an identity of another account, while the process runs: a container's endpoint or a
// credential_process may. What was known of the first account is true of the second no more.

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

// givenIdentity has a container's endpoint give the server a key, which can be changed.
func givenIdentity(t *testing.T) (m *mount, give func(fakeaws.Key)) {
	t.Helper()
	var now atomic.Pointer[fakeaws.Key]
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		key := now.Load()
		_, _ = fmt.Fprintf(w, `{"AccessKeyId":%q,"SecretAccessKey":%q,"Expiration":%q}`, key.AccessKeyID, key.SecretAccessKey, time.Now().Add(time.Minute).UTC().Format(time.RFC3339))
	}))
	t.Cleanup(server.Close)
	t.Setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", server.URL)
	give = func(key fakeaws.Key) { now.Store(&key) }
	m = newUnconfiguredMount(t)
	give(m.aws.RootKey())
	return m, give
}

func TestIdentityThatMovesProvesNothing(t *testing.T) {
	m, give := givenIdentity(t)
	elsewhere := m.aws.Account(otherNumber)
	stranger := elsewhere.AddUser("vault")
	elsewhere.AddRole("deploy")
	m.write("roles/deploy", map[string]any{"credential_type": "assumed_role", "role_arns": deployARN, "revoke_sessions": true})
	m.aws.AddRole("deploy")
	creds, session := m.creds("developer-access"), m.creds("deploy")
	m.mustTick()
	m.age(30 * time.Minute)
	give(stranger)
	for range 3 {
		_ = m.tick() // which looks for users that are gone
	}
	m.registered(1)
	for _, lease := range []*logical.Response{creds, session} {
		text, _ := outcome(m.lease(logical.RevokeOperation, lease))
		namesBoth(t, text)
	}
	m.registered(1)
	if left := elsewhere.RolePolicies("deploy"); len(left) > 0 {
		t.Errorf("wrote policies of a stranger's role: %v", left)
	}
	give(m.aws.RootKey())
	m.revoke(creds)
	m.revoke(session)
	m.noUsers()
	m.registered(0)
	m.aws.Forgive()
}
