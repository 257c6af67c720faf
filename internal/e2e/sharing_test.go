// SPDX-License-Identifier: MPL-2.0

package e2e

import (
	"net/http"
	"testing"

	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

// TestWhoSharesInARealVault: two logins to one AppRole are one entity, and share; another AppRole's is another one. The
// root token has no entity and shares with itself; a batch token without an entity has no accessor, and shares with
// nobody.
func TestWhoSharesInARealVault(t *testing.T) {
	t.Parallel()
	account := fakeaws.New(t)
	v := startDev(t)
	v.mount()
	configureRoot(v, account)
	v.call(http.MethodPost, "aws-dyn/roles/shared", map[string]any{"policy_arns": "arn:aws:iam::aws:policy/ReadOnlyAccess", "share_for": "10m"})
	v.call(http.MethodPost, "sys/policies/acl/aws", map[string]any{"policy": `path "aws-dyn/creds/*" { capabilities = ["read"] }`})
	v.call(http.MethodPost, "sys/auth/approle", map[string]any{"type": "approle"})
	batch := map[string]any{"type": "batch", "policies": []string{"aws"}}
	tokens := []*server{
		v.login("ci"), v.login("ci"), v.login("deploy"), v, v,
		v.as(v.call(http.MethodPost, "auth/token/create", batch)), v.as(v.call(http.MethodPost, "auth/token/create", batch)),
	}
	var keys []key
	var leases []string
	for _, token := range tokens {
		issued := token.call(http.MethodGet, "aws-dyn/creds/shared", nil)
		keys, leases = append(keys, issued.key()), append(leases, issued.lease())
	}
	if keys[0] != keys[1] || keys[3] != keys[4] {
		t.Error("one caller has two keys")
	}
	waitForUsers(t, account, 5) // of ci, deploy, root, and each batch token
	for i, lease := range leases {
		mustWork(t, account, keys[i])
		v.revoke(lease)
	}
	waitForUsers(t, account, 0)
	v.mustNotHaveLogged(keys[0].secret, keys[3].secret)
}

// login logs in by an AppRole.
func (v *server) login(role string) *server {
	v.t.Helper()
	v.call(http.MethodPost, "auth/approle/role/"+role, map[string]any{"token_policies": "aws"})
	id := v.call(http.MethodGet, "auth/approle/role/"+role+"/role-id", nil).data("role_id")
	secret := v.call(http.MethodPost, "auth/approle/role/"+role+"/secret-id", nil).data("secret_id")
	return v.as(v.call(http.MethodPost, "auth/approle/login", map[string]any{"role_id": id, "secret_id": secret}))
}

// as is the server as it answers a token that was just given.
func (v *server) as(given answer) *server {
	auth, _ := given.body["auth"].(map[string]any)
	caller := *v
	caller.token, _ = auth["client_token"].(string)
	return &caller
}
