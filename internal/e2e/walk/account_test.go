// SPDX-License-Identifier: MPL-2.0

package walk

import (
	"net/http"
	"testing"

	"vault-plugin-secrets-aws-dyn/internal/e2e/server"
	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

// TestStaticRoleThroughAnotherAccountsRole adopts a user as an operator of several accounts does: the role there asks
// for an external ID, and its CloudTrail knows the session by the name that was given. In Vault's own engine this is
// Enterprise's.
func TestStaticRoleThroughAnotherAccountsRole(t *testing.T) {
	t.Parallel()
	account := fakeaws.New(t)
	account.AddUser("app")
	account.Adopt("app")
	account.AddRoleExternalID("key-keeper", "external-1")
	v := server.StartDev(t)
	v.Mount()
	server.ConfigureRoot(v, account)

	sent := map[string]any{
		"username": "app", "rotation_period": "24h", "external_id": "external-1",
		"assume_role_arn":          "arn:aws:iam::123456789012:role/key-keeper",
		"assume_role_session_name": "vault-of-payments",
	}
	v.Call(http.MethodPost, "aws-dyn/static-roles/app", sent, http.StatusOK)
	read := v.Call(http.MethodGet, "aws-dyn/static-roles/app", nil, http.StatusOK)
	for _, name := range []string{"username", "external_id", "assume_role_arn", "assume_role_session_name"} {
		if got := read.Data(name); got != sent[name] {
			t.Errorf("%s reads back as %v", name, got)
		}
	}
	sessions := account.Sessions()
	if len(sessions) == 0 || sessions[0].SessionName != "vault-of-payments" || sessions[0].ExternalID != "external-1" {
		t.Errorf("AWS gave the sessions %+v", sessions)
	}
	creds := v.Call(http.MethodGet, "aws-dyn/static-creds/app", nil, http.StatusOK)
	if user := server.MustWork(t, account, creds.Key()); user != "app" {
		t.Errorf("the key is %s's", user)
	}
	v.Call(http.MethodDelete, "aws-dyn/static-roles/app", nil)
}
