// SPDX-License-Identifier: MPL-2.0

package e2e

import (
	"net/http"
	"testing"

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
	v := startDev(t)
	v.mount()
	configureRoot(v, account)

	sent := map[string]any{
		"username": "app", "rotation_period": "24h", "external_id": "external-1",
		"assume_role_arn":          "arn:aws:iam::123456789012:role/key-keeper",
		"assume_role_session_name": "vault-of-payments",
	}
	v.call(http.MethodPost, "aws-dyn/static-roles/app", sent, http.StatusOK)
	read := v.call(http.MethodGet, "aws-dyn/static-roles/app", nil, http.StatusOK)
	for _, name := range []string{"username", "external_id", "assume_role_arn", "assume_role_session_name"} {
		if got := read.data(name); got != sent[name] {
			t.Errorf("%s reads back as %v", name, got)
		}
	}
	sessions := account.Sessions()
	if len(sessions) == 0 || sessions[0].SessionName != "vault-of-payments" || sessions[0].ExternalID != "external-1" {
		t.Errorf("AWS gave the sessions %+v", sessions)
	}
	creds := v.call(http.MethodGet, "aws-dyn/static-creds/app", nil, http.StatusOK)
	if user := mustWork(t, account, creds.key()); user != "app" {
		t.Errorf("the key is %s's", user)
	}
	v.call(http.MethodDelete, "aws-dyn/static-roles/app", nil)
}
