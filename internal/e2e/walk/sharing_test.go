// SPDX-License-Identifier: MPL-2.0

package walk

import (
	"net/http"
	"testing"

	"vault-plugin-secrets-aws-dyn/internal/e2e/server"
	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

// TestWhoSharesInARealVault: two logins to one AppRole are one entity, and share; another AppRole's is another one. The
// root token has no entity and shares with itself; a batch token without an entity has no accessor, and shares with
// nobody.
func TestWhoSharesInARealVault(t *testing.T) {
	t.Parallel()
	account := fakeaws.New(t)
	v := server.StartDev(t)
	v.Mount()
	server.ConfigureRoot(v, account)
	v.Call(http.MethodPost, "aws-dyn/roles/shared", map[string]any{"policy_arns": "arn:aws:iam::aws:policy/ReadOnlyAccess", "share_for": "10m"})
	v.Call(http.MethodPost, "sys/policies/acl/aws", map[string]any{"policy": `path "aws-dyn/creds/*" { capabilities = ["read"] }`})
	v.Call(http.MethodPost, "sys/auth/approle", map[string]any{"type": "approle"})
	batch := map[string]any{"type": "batch", "policies": []string{"aws"}}
	tokens := []*server.Server{
		login(v, "ci"), login(v, "ci"), login(v, "deploy"), v, v,
		as(v, v.Call(http.MethodPost, "auth/token/create", batch)), as(v, v.Call(http.MethodPost, "auth/token/create", batch)),
	}
	var keys []server.Key
	var leases []string
	for _, token := range tokens {
		issued := token.Call(http.MethodGet, "aws-dyn/creds/shared", nil)
		keys, leases = append(keys, issued.Key()), append(leases, issued.Lease())
	}
	if keys[0] != keys[1] || keys[3] != keys[4] {
		t.Error("one caller has two keys")
	}
	server.WaitForUsers(t, account, 5) // of ci, deploy, root, and each batch token
	for i, lease := range leases {
		server.MustWork(t, account, keys[i])
		v.Revoke(lease)
	}
	server.WaitForUsers(t, account, 0)
	v.MustNotHaveLogged(keys[0].Secret, keys[3].Secret)
}

// login logs in by an AppRole.
func login(v *server.Server, role string) *server.Server {
	v.T.Helper()
	v.Call(http.MethodPost, "auth/approle/role/"+role, map[string]any{"token_policies": "aws"})
	id := v.Call(http.MethodGet, "auth/approle/role/"+role+"/role-id", nil).Data("role_id")
	secret := v.Call(http.MethodPost, "auth/approle/role/"+role+"/secret-id", nil).Data("secret_id")
	return as(v, v.Call(http.MethodPost, "auth/approle/login", map[string]any{"role_id": id, "secret_id": secret}))
}

// as is the server as it answers a token that was just given.
func as(v *server.Server, given server.Answer) *server.Server {
	auth, _ := given.Body["auth"].(map[string]any)
	caller := *v
	caller.Token, _ = auth["client_token"].(string)
	return &caller
}
