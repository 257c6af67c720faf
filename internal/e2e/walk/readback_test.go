// SPDX-License-Identifier: MPL-2.0

package walk

import (
	"net/http"
	"strings"
	"testing"

	"vault-plugin-secrets-aws-dyn/internal/e2e/server"
	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

// TestReadsBackOverHTTP looks at statuses and bodies where Vault itself takes part: what comes out of the plugin
// as nil, as a warning or as data passes through gRPC and Vault's own handler before a client sees it.
func TestReadsBackOverHTTP(t *testing.T) {
	t.Parallel()
	account := fakeaws.New(t)
	v := server.StartDev(t)
	v.Mount()

	// What is not there yet.
	for _, path := range []string{"config/root", "config/lease", "roles/nobody"} {
		v.Call(http.MethodGet, "aws-dyn/"+path, nil, http.StatusNotFound)
	}
	v.Call("LIST", "aws-dyn/roles", nil, http.StatusNotFound)

	server.ConfigureRoot(v, account)
	root := v.Call(http.MethodGet, "aws-dyn/config/root", nil, http.StatusOK)
	if got := root.Data("access_key"); got != account.RootKey().AccessKeyID {
		t.Errorf("access_key reads back as %v", got)
	}
	if got := root.Data("iam_endpoint"); got != account.URL() {
		t.Errorf("iam_endpoint reads back as %v", got)
	}
	if strings.Contains(root.Text, account.RootKey().SecretAccessKey) || strings.Contains(root.Text, `"secret_key"`) {
		t.Errorf("config/root gives its secret away: %s", root.Text)
	}

	// A write that names other fields keeps the secret: the engine still works.
	v.Call(http.MethodPost, "aws-dyn/config/root", map[string]any{"max_retries": 3})
	server.WriteRole(v)
	issued := v.Issue()
	server.MustWork(t, account, issued.Key())
	for _, empty := range []string{"security_token", "session_token"} { // null would fail a script that serves sessions, too
		if got := issued.Data(empty); got != "" {
			t.Errorf("an IAM user has no %s, and %v was answered", empty, got)
		}
		if got := v.CLI("read", "-field="+empty, "aws-dyn/creds/developer-access"); strings.TrimSpace(got) != "" {
			t.Errorf("vault read -field=%s of an IAM user prints %q", empty, got)
		}
	}
	v.Revoke(issued.Lease())
	v.Call(http.MethodPut, "sys/leases/revoke-prefix/aws-dyn/creds", map[string]any{"sync": true})

	listed, _ := v.Call("LIST", "aws-dyn/roles", nil, http.StatusOK).Data("keys").([]any)
	if len(listed) != 1 || listed[0] != "developer-access" {
		t.Errorf("the roles are listed as %v", listed)
	}
}

// TestAnUnknownFieldEarnsAWarning makes sure that the warning reaches the client, and that data beside it is an
// object: clients index into it.
func TestAnUnknownFieldEarnsAWarning(t *testing.T) {
	t.Parallel()
	v := server.StartDev(t)
	v.Mount()
	written := v.Call(http.MethodPost, "aws-dyn/roles/developer-access", map[string]any{
		"policy_arns": "arn:aws:iam::aws:policy/ReadOnlyAccess", "polcy_arns": "arn:aws:iam::aws:policy/AdministratorAccess",
	}, http.StatusOK)
	warnings, _ := written.Body["warnings"].([]any)
	if len(warnings) == 0 || !strings.Contains(written.Text, "polcy_arns") {
		t.Errorf("no warning names the field polcy_arns: %s", written.Text)
	}
	if data, isObject := written.Body["data"].(map[string]any); !isObject {
		t.Errorf("data beside a warning is %v, not an object", data)
	}

	// Without a warning there is nothing to say.
	plain := v.Call(http.MethodPost, "aws-dyn/roles/developer-access", map[string]any{"user_path": "/people/"})
	if plain.Status != http.StatusNoContent {
		t.Errorf("a plain write answers %d: %s", plain.Status, plain.Text)
	}
}

// TestMistakesAreTheCallers: what the caller got wrong is a 400 that names it, and not a 500, which clients repeat.
func TestMistakesAreTheCallers(t *testing.T) {
	t.Parallel()
	account := fakeaws.New(t)
	v := server.StartDev(t)
	v.Mount()
	server.ConfigureRoot(v, account)

	refused := v.Call(http.MethodPost, "aws-dyn/roles/bad", map[string]any{"policy_arns": "no-arn", "policy_document": "{"}, http.StatusBadRequest)
	for _, field := range []string{"policy_arns", "policy_document"} {
		if !strings.Contains(refused.Text, field) {
			t.Errorf("two mistakes in one write, and the answer does not name %s: %s", field, refused.Text)
		}
	}
	v.Call(http.MethodGet, "aws-dyn/roles/bad", nil, http.StatusNotFound)
	unknown := v.Call(http.MethodGet, "aws-dyn/creds/nobody", nil, http.StatusBadRequest)
	if !strings.Contains(unknown.Text, "nobody") {
		t.Errorf("the answer does not name the role that is missing: %s", unknown.Text)
	}

	// What AWS refuses reaches the caller with AWS's own code, and leaves nothing behind.
	server.WriteRole(v)
	fault := account.Inject(fakeaws.Fault{Action: "CreateUser", Kind: fakeaws.Refuse, Code: "AccessDenied"})
	denied := v.Call(http.MethodGet, "aws-dyn/creds/developer-access", nil, http.StatusBadRequest, http.StatusForbidden)
	if !strings.Contains(denied.Text, "AccessDenied") {
		t.Errorf("the answer does not give AWS's code: %s", denied.Text)
	}
	fault.Remove()
}
