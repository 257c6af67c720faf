// SPDX-License-Identifier: MPL-2.0

package vaultaws

import (
	"net/http"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"vault-plugin-secrets-aws-dyn/internal/e2e/programs"
)

// This file tests what vault-aws says when something is wrong: what to do, on one line, without a secret.

func TestVaultAWSErrors(t *testing.T) {
	t.Parallel()
	h := startHelper(t)
	address := h.v.Address()
	expired := h.newToken(map[string]any{"policies": []string{"helper"}})
	h.v.Call(http.MethodPost, "auth/token/revoke", map[string]any{"token": expired})
	nobody := h.newToken(map[string]any{"policies": []string{"default"}})
	h.v.Call(http.MethodPost, "aws-dyn/roles/off", map[string]any{"policy_arns": "arn:aws:iam::aws:policy/ReadOnlyAccess", "disabled": true, "disabled_reason": "audit"})
	for _, test := range []struct {
		what, env string
		args      []string
		status    int
		want      []string
	}{
		{"no token", "HOME=/nonexistent", []string{"credential-process", "app"}, 1, []string{"aws-dyn/creds/app: no token: run vault login, or set VAULT_TOKEN"}},
		{"a token that has ended", "VAULT_TOKEN=" + expired, []string{"exec", "app", "--", "true"}, 1, []string{"the token is expired or revoked", "run vault login"}},
		{"a policy that is missing", "VAULT_TOKEN=" + nobody, []string{"console", "audit"}, 1, []string{"aws-dyn/console/audit: permission denied", `"read"`}},
		{"a policy that is missing for MFA", "VAULT_TOKEN=" + nobody, []string{"credential-process", "app", "mfa_code=123456"}, 1, []string{"aws-dyn/creds/app: permission denied", `"update"`}},
		{"a policy that is missing for a list", "VAULT_TOKEN=" + nobody, []string{"profiles"}, 1, []string{"aws-dyn/roles: permission denied", `"list"`}},
		{"another mount", "VAULT_TOKEN=" + h.v.Token, []string{"profiles", "-mount=other"}, 1, []string{"no secrets engine is mounted at other/", "-mount"}},
		{"another mount that may not be seen", "", []string{"credential-process", "-mount=other", "app"}, 1, []string{"permission denied", "-mount names the path of the engine, if it is not other/"}},
		{"an engine of another kind", "VAULT_TOKEN=" + h.v.Token, []string{"credential-process", "-mount=cubbyhole", "app"}, 1, []string{"cubbyhole/creds/app"}},
		{"no such role", "", []string{"credential-process", "none"}, 1, []string{`aws-dyn/creds/none: name: there is no role "none"`, "status 400"}},
		{"no such static role", "", []string{"credential-process", "static-creds/none"}, 1, []string{"aws-dyn/static-creds/none: there is no such role"}},
		{"a role that is switched off", "", []string{"exec", "off", "--", "true"}, 1, []string{"roles/off was disabled", "audit"}},
		{"a bad parameter", "", []string{"exec", "audit", "ttl=soon", "--", "true"}, 1, []string{"ttl: ", "status 400"}},
		{"nobody there", "VAULT_ADDR=http://127.0.0.1:1", []string{"credential-process", "app"}, 1, []string{"asking Vault at http://127.0.0.1:1", "VAULT_ADDR or -address"}},
		{"nobody there", "", []string{"credential-process", "-address=http://127.0.0.1:2", "app"}, 1, []string{"asking Vault at http://127.0.0.1:2"}},
		{"https", "VAULT_ADDR=" + strings.Replace(address, "http:", "https:", 1), []string{"profiles"}, 1, []string{"begin its address with http://"}},
		{"no certificate", "VAULT_CACERT=/none", []string{"profiles"}, 1, []string{"reading VAULT_* from the environment", "/none"}},
		{"no directory for locks", "XDG_RUNTIME_DIR=/none", []string{"credential-process", "none"}, 1, []string{"going on without a lock", "/none"}},

		{"no verb", "", nil, 2, []string{"no verb", "Usage: vault-aws VERB"}},
		{"a verb that is none", "", []string{"status"}, 2, []string{`there is no verb "status"`}},
		{"a flag before the verb", "", []string{"-print", "console"}, 2, []string{"must follow the verb"}},
		{"an unknown flag", "", []string{"console", "-token=x", "audit"}, 2, []string{"console: flag provided but not defined: -token"}},
		{"no role", "", []string{"credential-process"}, 2, []string{"no ROLE"}},
		{"no pair", "", []string{"console", "audit", "ttl"}, 2, []string{`"ttl" is not key=value, such as ttl=1h`}},
		{"no dashes", "", []string{"exec", "app", "aws", "s3", "ls"}, 2, []string{"write -- before the command, as in vault-aws exec app -- aws s3 ls"}},
		{"no command", "", []string{"exec", "app", "--"}, 2, []string{"exec: no command"}},
		{"a command too many", "", []string{"console", "audit", "--", "true"}, 2, []string{"takes no command"}},
		{"an argument too many", "", []string{"profiles", "app"}, 2, []string{`takes no argument "app"`}},
		{"no mount", "", []string{"profiles", "-mount="}, 2, []string{"-mount is empty"}},
		{"no prefix", "", []string{"profiles", "-prefix=a b"}, 2, []string{`-prefix "a b" cannot begin the name`}},
		{"no shell", "", []string{"completion", "tcsh"}, 2, []string{"name one shell: bash, zsh, fish"}},
	} {
		h.env = []string{test.env}
		got := h.run(test.args...)
		if got.status != test.status || got.out != "" {
			t.Errorf("%s: status %d, expected %d, printed %q", test.what, got.status, test.status, got.out)
		}
		for _, want := range test.want {
			if !strings.Contains(got.errs, want) {
				t.Errorf("%s: standard error lacks %q:\n%s", test.what, want, got.errs)
			}
		}
		if strings.Contains(got.errs, "hvs.") {
			t.Errorf("%s: standard error has a token:\n%s", test.what, got.errs)
		}
	}
	h.mustHaveNothing()
	h.v.Call(http.MethodPut, "sys/seal", nil)
	h.env = nil
	if got := h.run("credential-process", "app"); got.status != 1 || !strings.Contains(got.errs, address+" is sealed: an operator has to run vault operator unseal") {
		t.Errorf("sealed: status %d: %s", got.status, got.errs)
	}
}

// A token helper of ~/.vault is asked for the token.
func TestVaultAWSTokenHelper(t *testing.T) {
	t.Parallel()
	h := startHelper(t)
	h.write("keep", "#!/bin/sh\n[ \"$1\" = get ] && cat "+h.home+"/kept\n")
	h.write("kept", h.newToken(map[string]any{"policies": []string{"helper"}}))
	h.write(".vault", `token_helper = "`+h.home+`/keep"`)
	h.logIn("none")
	if out, err := exec.CommandContext(t.Context(), "chmod", "700", h.home+"/keep").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	h.process("audit")
}

// What the completion of bash offers, as bash runs it.
func TestVaultAWSCompletion(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		words string // the last one is being completed
		want  []string
	}{
		{"vault-aws ''", []string{"credential-process", "exec", "console", "profiles", "completion"}},
		{"vault-aws co", []string{"console", "completion"}},
		{"vault-aws console -", []string{"-address=", "-mount=", "-namespace=", "-print"}},
		{"vault-aws completion z", []string{"zsh"}},
		{"vault-aws exec app -- ec", nil},
	} {
		cmd := exec.CommandContext(t.Context(), "bash", "-c", `source <("$0" completion bash) || exit
			COMP_WORDS=(`+test.words+`) COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
			_vault_aws; printf '%s\n' "${COMPREPLY[@]}"`, programs.Built.Helper)
		got := finish(t, cmd)
		if words := strings.Fields(got.out); !slices.Equal(words, test.want) || got.errs != "" {
			t.Errorf("%s: %q, expected %q: %s", test.words, words, test.want, got.errs)
		}
	}
}
