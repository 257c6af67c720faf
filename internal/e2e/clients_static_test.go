// SPDX-License-Identifier: MPL-2.0

package e2e

import (
	"net/http"
	"testing"
	"time"

	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

// This file is about clients that read the keys of static roles.

// mountStatic mounts the engine with the static role app of the IAM user app-user.
func mountStatic(t *testing.T) (*server, *fakeaws.Server) {
	t.Helper()
	account := fakeaws.New(t)
	account.AddUser("app-user")
	account.Adopt("app-user")
	v := startDev(t)
	v.mount()
	configureRoot(v, account)
	v.call(http.MethodPost, "aws-dyn/static-roles/app", map[string]any{"name": "app", "username": "app-user", "rotation_period": 86400})
	return v, account
}

// TestTerraformStaticRole is resource vault_aws_secret_backend_static_role, which forgets the role if a read fails, and
// data vault_aws_static_access_credentials.
func TestTerraformStaticRole(t *testing.T) {
	t.Parallel()
	v, account := mountStatic(t)
	reads := func(period float64) {
		t.Helper()
		role := v.call(http.MethodGet, "aws-dyn/static-roles/app", nil, http.StatusOK)
		if role.data("name") != "app" || role.data("username") != "app-user" || role.data("rotation_period") != period {
			t.Errorf("Terraform reads the role as %s", role.text)
		}
	}
	reads(86400)
	v.call(http.MethodPut, "aws-dyn/static-roles/app", map[string]any{"name": "app", "username": "app-user", "rotation_period": 7200})
	reads(7200)

	// AWS is away: reads do not depend on it.
	away := account.Inject(fakeaws.Fault{Action: "*", Kind: fakeaws.Unavailable})
	reads(7200)
	creds := v.call(http.MethodGet, "aws-dyn/static-creds/app", nil, http.StatusOK)
	away.Remove()
	if user := mustWork(t, account, creds.key()); user != "app-user" {
		t.Errorf("the key is %s's", user)
	}
	v.call(http.MethodDelete, "aws-dyn/static-roles/app", nil)
	v.call(http.MethodGet, "aws-dyn/static-roles/app", nil, http.StatusNotFound)
	v.call(http.MethodGet, "aws-dyn/static-creds/app", nil, http.StatusNotFound)
}

// TestSecretsOperatorReadsStaticCreds: with allowStaticCreds the operator wants a time in last_vault_rotation that
// changes with the key, and numbers in rotation_period and ttl. consul-template goes by the absence of a lease and by
// the same two numbers.
func TestSecretsOperatorReadsStaticCreds(t *testing.T) {
	t.Parallel()
	v, account := mountStatic(t)
	read := func() (answer, time.Time) {
		t.Helper()
		creds := v.call(http.MethodGet, "aws-dyn/static-creds/app", nil, http.StatusOK)
		mustWork(t, account, creds.key())
		said, _ := creds.data("last_vault_rotation").(string)
		rotated, err := time.Parse(time.RFC3339Nano, said)
		if err != nil || time.Since(rotated) > time.Minute || time.Since(rotated) < 0 {
			t.Errorf("last_vault_rotation %q: %v", said, err)
		}
		ttl, _ := creds.data("ttl").(float64)
		if creds.data("rotation_period") != 86400.0 || ttl > 86400 || ttl < 86400-60 || creds.lease() != "" {
			t.Errorf("rotation_period %v, ttl %v, lease %q", creds.data("rotation_period"), creds.data("ttl"), creds.lease())
		}
		return creds, rotated
	}
	first, at := read()
	if again, still := read(); again.key() != first.key() || !still.Equal(at) {
		t.Errorf("two reads without a rotation give %s of %s and %s of %s", first.key().id, at, again.key().id, still)
	}
	v.call(http.MethodPost, "aws-dyn/static-roles/app/rotate", nil)
	if second, later := read(); second.key() == first.key() || !later.After(at) {
		t.Errorf("a rotation turns %s of %s into %s of %s", first.key().id, at, second.key().id, later)
	}
	// AWS allows a user two keys. One is the user's own, which stays, so the role's went when it was rotated.
	own := account.Keys("app-user")[0]
	mustWork(t, account, key{own.AccessKeyID, own.SecretAccessKey})
	mustBeRefused(t, account, first.key())

	v.call(http.MethodPost, "aws-dyn/static-roles/app", map[string]any{"rotation_period": 0, "rotation_schedule": "0 3 * * *"})
	creds := v.call(http.MethodGet, "aws-dyn/static-creds/app", nil, http.StatusOK)
	if ttl, _ := creds.data("ttl").(float64); creds.data("rotation_schedule") != "0 3 * * *" || ttl <= 0 || ttl > 86400 {
		t.Errorf("by schedule: %v, ttl %v", creds.data("rotation_schedule"), creds.data("ttl"))
	}
	v.call(http.MethodDelete, "aws-dyn/static-roles/app", nil)
}

// TestVaultAgentRendersStaticCredentials: the agent sleeps for ttl, and renders the key that it finds then, which the
// engine has made at the moment when the one before was due.
func TestVaultAgentRendersStaticCredentials(t *testing.T) {
	t.Parallel()
	v, account := mountStatic(t)
	v.call(http.MethodPost, "aws-dyn/static-roles/app", map[string]any{"rotation_period": "1m"})
	a := startAgent(t, v, map[string]string{"static": "aws-dyn/static-creds/app"})
	first := a.rendered("static", key{}, soon)
	mustWork(t, account, first)
	second := a.rendered("static", first, 2*time.Minute)
	v.call(http.MethodPost, "aws-dyn/static-roles/app", map[string]any{"rotation_period": "24h"}) // no further one
	if rotated := v.call(http.MethodGet, "aws-dyn/static-creds/app", nil).key(); second != rotated {
		t.Errorf("the agent renders %s, and the role has %s", second.id, rotated.id)
	}
	if user := mustWork(t, account, second); user != "app-user" {
		t.Errorf("the key is %s's", user)
	}
	a.stop()
	v.call(http.MethodDelete, "aws-dyn/static-roles/app", nil)
}
