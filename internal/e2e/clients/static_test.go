// SPDX-License-Identifier: MPL-2.0

package clients

import (
	"net/http"
	"testing"
	"time"

	"vault-plugin-secrets-aws-dyn/internal/e2e/server"
	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

// This file is about clients that read the keys of static roles.

// mountStatic mounts the engine with the static role app of the IAM user app-user.
func mountStatic(t *testing.T) (*server.Server, *fakeaws.Server) {
	t.Helper()
	account := fakeaws.New(t)
	account.AddUser("app-user")
	account.Adopt("app-user")
	v := server.StartDev(t)
	v.Mount()
	server.ConfigureRoot(v, account)
	v.Call(http.MethodPost, "aws-dyn/static-roles/app", map[string]any{"name": "app", "username": "app-user", "rotation_period": 86400})
	return v, account
}

// TestTerraformStaticRole is resource vault_aws_secret_backend_static_role, which forgets the role if a read fails, and
// data vault_aws_static_access_credentials.
func TestTerraformStaticRole(t *testing.T) {
	t.Parallel()
	v, account := mountStatic(t)
	reads := func(period float64) {
		t.Helper()
		role := v.Call(http.MethodGet, "aws-dyn/static-roles/app", nil, http.StatusOK)
		if role.Data("name") != "app" || role.Data("username") != "app-user" || role.Data("rotation_period") != period {
			t.Errorf("Terraform reads the role as %s", role.Text)
		}
	}
	reads(86400)
	v.Call(http.MethodPut, "aws-dyn/static-roles/app", map[string]any{"name": "app", "username": "app-user", "rotation_period": 7200})
	reads(7200)

	// AWS is away: reads do not depend on it.
	away := account.Inject(fakeaws.Fault{Action: "*", Kind: fakeaws.Unavailable})
	reads(7200)
	creds := v.Call(http.MethodGet, "aws-dyn/static-creds/app", nil, http.StatusOK)
	away.Remove()
	if user := server.MustWork(t, account, creds.Key()); user != "app-user" {
		t.Errorf("the key is %s's", user)
	}
	v.Call(http.MethodDelete, "aws-dyn/static-roles/app", nil)
	v.Call(http.MethodGet, "aws-dyn/static-roles/app", nil, http.StatusNotFound)
	v.Call(http.MethodGet, "aws-dyn/static-creds/app", nil, http.StatusNotFound)
}

// TestSecretsOperatorReadsStaticCreds: with allowStaticCreds the operator wants a time in last_vault_rotation that
// changes with the key, and numbers in rotation_period and ttl. consul-template goes by the absence of a lease and by
// the same two numbers.
func TestSecretsOperatorReadsStaticCreds(t *testing.T) {
	t.Parallel()
	v, account := mountStatic(t)
	read := func() (server.Answer, time.Time) {
		t.Helper()
		creds := v.Call(http.MethodGet, "aws-dyn/static-creds/app", nil, http.StatusOK)
		server.MustWork(t, account, creds.Key())
		said, _ := creds.Data("last_vault_rotation").(string)
		rotated, err := time.Parse(time.RFC3339Nano, said)
		if err != nil || time.Since(rotated) > time.Minute || time.Since(rotated) < 0 {
			t.Errorf("last_vault_rotation %q: %v", said, err)
		}
		ttl, _ := creds.Data("ttl").(float64)
		if creds.Data("rotation_period") != 86400.0 || ttl > 86400 || ttl < 86400-60 || creds.Lease() != "" {
			t.Errorf("rotation_period %v, ttl %v, lease %q", creds.Data("rotation_period"), creds.Data("ttl"), creds.Lease())
		}
		return creds, rotated
	}
	first, at := read()
	if again, still := read(); again.Key() != first.Key() || !still.Equal(at) {
		t.Errorf("two reads without a rotation give %s of %s and %s of %s", first.Key().ID, at, again.Key().ID, still)
	}
	v.Call(http.MethodPost, "aws-dyn/static-roles/app/rotate", nil)
	if second, later := read(); second.Key() == first.Key() || !later.After(at) {
		t.Errorf("a rotation turns %s of %s into %s of %s", first.Key().ID, at, second.Key().ID, later)
	}
	// AWS allows a user two keys. One is the user's own, which stays, so the role's went when it was rotated.
	own := account.Keys("app-user")[0]
	server.MustWork(t, account, server.Key{ID: own.AccessKeyID, Secret: own.SecretAccessKey})
	server.MustBeRefused(t, account, first.Key())

	v.Call(http.MethodPost, "aws-dyn/static-roles/app", map[string]any{"rotation_period": 0, "rotation_schedule": "0 3 * * *"})
	creds := v.Call(http.MethodGet, "aws-dyn/static-creds/app", nil, http.StatusOK)
	if ttl, _ := creds.Data("ttl").(float64); creds.Data("rotation_schedule") != "0 3 * * *" || ttl <= 0 || ttl > 86400 {
		t.Errorf("by schedule: %v, ttl %v", creds.Data("rotation_schedule"), creds.Data("ttl"))
	}
	v.Call(http.MethodDelete, "aws-dyn/static-roles/app", nil)
}

// TestVaultAgentRendersStaticCredentials: the agent sleeps for ttl, and renders the key that it finds then, which the
// engine has made at the moment when the one before was due.
func TestVaultAgentRendersStaticCredentials(t *testing.T) {
	t.Parallel()
	v, account := mountStatic(t)
	v.Call(http.MethodPost, "aws-dyn/static-roles/app", map[string]any{"rotation_period": "1m"})
	a := startAgent(t, v, map[string]string{"static": "aws-dyn/static-creds/app"})
	first := a.rendered("static", server.Key{}, server.Soon)
	server.MustWork(t, account, first)
	second := a.rendered("static", first, 2*time.Minute)
	v.Call(http.MethodPost, "aws-dyn/static-roles/app", map[string]any{"rotation_period": "24h"}) // no further one
	if rotated := v.Call(http.MethodGet, "aws-dyn/static-creds/app", nil).Key(); second != rotated {
		t.Errorf("the agent renders %s, and the role has %s", second.ID, rotated.ID)
	}
	if user := server.MustWork(t, account, second); user != "app-user" {
		t.Errorf("the key is %s's", user)
	}
	a.stop()
	v.Call(http.MethodDelete, "aws-dyn/static-roles/app", nil)
}
