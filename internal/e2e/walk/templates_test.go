// SPDX-License-Identifier: MPL-2.0

package walk

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"vault-plugin-secrets-aws-dyn/internal/e2e/server"
	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

// This file is about one role for all teams: what it gives depends on who asks, as a real Vault knows them.

const teamPolicy = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::teams/{{identity.entity.metadata.team}}/*"}]}`

// TestOneRoleForTwoCallers has two users log in, asks one role for a session and one for an IAM user, and looks at what AWS got.
func TestOneRoleForTwoCallers(t *testing.T) {
	t.Parallel()
	account := fakeaws.New(t)
	account.AddRole("deploy")
	v := server.StartDev(t)
	v.Mount()
	server.ConfigureRoot(v, account)
	v.Call(http.MethodPost, "sys/policies/acl/aws", map[string]any{"policy": `path "aws-dyn/creds/*" { capabilities = ["read", "update"] }`})
	v.Call(http.MethodPost, "sys/auth/userpass", map[string]any{"type": "userpass"})
	mounts, _ := v.Call(http.MethodGet, "sys/auth", nil).Data("userpass/").(map[string]any)
	accessor, _ := mounts["accessor"].(string)
	v.Call(http.MethodPost, "aws-dyn/roles/session", map[string]any{
		"credential_type": "assumed_role", "role_arns": "arn:aws:iam::123456789012:role/deploy", "templates": true, "require_entity": true, "policy_document": teamPolicy,
		"session_name": "{{identity.entity.aliases." + accessor + ".name}}", "allow_session_name": false, "source_identity": "v-{{identity.entity.name}}",
		"session_tags": map[string]any{"desk": "{{identity.entity.aliases." + accessor + ".custom_metadata.desk}}", "env": "{{identity.groups.names.developers.metadata.env}}"},
	})
	v.Call(http.MethodPost, "aws-dyn/roles/user", map[string]any{"templates": true, "policy_document": teamPolicy, "user_path": "/{{identity.entity.metadata.team}}/"})

	callers := map[string]*server.Server{}
	var ids []any
	for user, team := range map[string]string{"anna": "payments", "ben": "search"} {
		v.Call(http.MethodPost, "auth/userpass/users/"+user, map[string]any{"password": user, "token_policies": "aws"})
		entity := v.Call(http.MethodPost, "identity/entity", map[string]any{"name": "entity-" + user, "metadata": map[string]any{"team": team}}).Data("id")
		v.Call(http.MethodPost, "identity/entity-alias", map[string]any{
			"name": user, "canonical_id": entity, "mount_accessor": accessor, "custom_metadata": map[string]any{"desk": "desk-" + user},
		})
		ids = append(ids, entity)
	}
	v.Call(http.MethodPost, "identity/group", map[string]any{"name": "developers", "member_entity_ids": ids, "metadata": map[string]any{"env": "test"}})
	for _, user := range []string{"anna", "ben"} {
		login := v.Call(http.MethodPost, "auth/userpass/login/"+user, map[string]any{"password": user})
		auth, _ := login.Body["auth"].(map[string]any)
		caller := *v
		caller.Token, _ = auth["client_token"].(string)
		callers[user] = &caller
	}

	for user, team := range map[string]string{"anna": "payments", "ben": "search"} {
		callers[user].Call(http.MethodGet, "aws-dyn/creds/session", nil)
		all := account.Sessions()
		s := all[len(all)-1]
		if s.SessionName != user || s.SourceIdentity != "v-entity-"+user || fmt.Sprint(s.Tags) != "map[desk:desk-"+user+" env:test]" || !strings.Contains(s.Policy, "teams/"+team+"/*") {
			t.Errorf("for %s AWS got %+v", user, s)
		}
		issued := callers[user].Call(http.MethodGet, "aws-dyn/creds/user", nil)
		made, _ := account.User(account.Users()[0])
		if made.Path != "/"+team+"/" || !strings.Contains(made.InlinePolicies["user"], "teams/"+team+"/*") {
			t.Errorf("for %s AWS made %+v", user, made)
		}
		v.Call(http.MethodPut, "sys/leases/revoke", map[string]any{"lease_id": issued.Lease()})
		server.WaitForUsers(t, account, 0)
	}
	refused := callers["anna"].Call(http.MethodPost, "aws-dyn/creds/session", map[string]any{"role_session_name": "ben"}, http.StatusBadRequest)
	if !strings.Contains(refused.Text, "role_session_name") {
		t.Errorf("told %s", refused.Text)
	}
	refused = v.Call(http.MethodGet, "aws-dyn/creds/session", nil, http.StatusBadRequest)
	if !strings.Contains(refused.Text, "require_entity") {
		t.Errorf("the root token is told %s", refused.Text)
	}
}
