// SPDX-License-Identifier: MPL-2.0

package vaultaws

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"vault-plugin-secrets-aws-dyn/internal/e2e/programs"
	"vault-plugin-secrets-aws-dyn/internal/e2e/server"
	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

// This file runs vault-aws, the program for the terminal, as a user of Vault who is no operator.

// helper is a home directory in which somebody has logged in to Vault.
type helper struct {
	t       *testing.T
	v       *server.Server
	account *fakeaws.Server
	home    string
	env     []string // beside the usual
}

// helperPolicy is the policy that docs/vault-aws.md has for users of vault-aws.
func helperPolicy(t *testing.T) string {
	t.Helper()
	page, err := os.ReadFile(programs.Repository + "/docs/vault-aws.md")
	if err != nil {
		t.Fatal(err)
	}
	_, policy, _ := strings.Cut(string(page), "```hcl\n")
	policy, _, ok := strings.Cut(policy, "```")
	if !ok {
		t.Fatal("docs/vault-aws.md has lost its policy")
	}
	return policy
}

// startHelper starts a Vault with the role app of IAM users and the role audit of sessions, and logs somebody in.
func startHelper(t *testing.T) *helper {
	t.Helper()
	account := fakeaws.New(t)
	account.AddRole("audit")
	v := server.StartDev(t)
	v.Mount()
	server.ConfigureRoot(v, account)
	v.Call(http.MethodPost, "aws-dyn/roles/app", map[string]any{"policy_arns": "arn:aws:iam::aws:policy/ReadOnlyAccess"})
	v.Call(http.MethodPost, "aws-dyn/roles/audit", map[string]any{"credential_type": "assumed_role", "role_arns": "arn:aws:iam::123456789012:role/audit"})
	v.Call(http.MethodPut, "sys/policies/acl/helper", map[string]any{"policy": helperPolicy(t)})
	h := &helper{t: t, v: v, account: account, home: t.TempDir()}
	h.logIn(h.newToken(map[string]any{"policies": []string{"helper"}}))
	return h
}

// newToken makes a token of the auth method that every Vault has.
func (h *helper) newToken(body map[string]any) string {
	h.t.Helper()
	auth, _ := h.v.Call(http.MethodPost, "auth/token/create", body).Body["auth"].(map[string]any)
	token, _ := auth["client_token"].(string)
	return token
}

// logIn leaves a token where vault login does.
func (h *helper) logIn(token string) {
	h.t.Helper()
	h.write(".vault-token", token)
}

// write writes a file of the home directory.
func (h *helper) write(name, content string) {
	h.t.Helper()
	path := filepath.Join(h.home, name)
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(content), 0o600)); err != nil {
		h.t.Fatal(err)
	}
}

// command is a call of vault-aws; the mount is named after the verb.
func (h *helper) command(args ...string) *exec.Cmd {
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") && args[0] != "completion" {
		args = append([]string{args[0], "-mount=aws-dyn"}, args[1:]...)
	}
	cmd := exec.CommandContext(h.t.Context(), programs.Built.Helper, args...)
	cmd.Dir = h.home
	cmd.Env = append(os.Environ(), "HOME="+h.home, "XDG_RUNTIME_DIR="+h.home, "VAULT_ADDR="+h.v.Address(),
		"AWS_ENDPOINT_URL_STS="+h.account.URL(), "AWS_REGION=us-east-1")
	cmd.Env = append(cmd.Env, h.env...)
	return cmd
}

// said is what one call printed, and its exit status.
type said struct {
	out, errs string
	status    int
}

// run runs vault-aws to its end.
func (h *helper) run(args ...string) said {
	h.t.Helper()
	return finish(h.t, h.command(args...))
}

// finish runs a command to its end.
func finish(t testing.TB, cmd *exec.Cmd) said {
	t.Helper()
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		t.Errorf("running %s: %v", cmd.Path, err)
	}
	return said{out.String(), errs.String(), cmd.ProcessState.ExitCode()}
}

// must runs vault-aws and demands that it succeeds.
func (h *helper) must(args ...string) said {
	h.t.Helper()
	got := h.run(args...)
	if got.status != 0 {
		h.t.Fatalf("vault-aws %s: status %d\n%s%s", strings.Join(args, " "), got.status, got.out, got.errs)
	}
	return got
}

// process runs credential-process and returns what an SDK would read.
func (h *helper) process(args ...string) (fields map[string]any, got said) {
	h.t.Helper()
	got = h.must(append([]string{"credential-process"}, args...)...)
	if err := json.Unmarshal([]byte(got.out), &fields); err != nil {
		h.t.Fatalf("credential-process printed no JSON: %v\n%s", err, got.out)
	}
	return fields, got
}

// leases are the leases of a role that Vault has.
func (h *helper) leases(role string) []any {
	h.t.Helper()
	keys, _ := h.v.Call("LIST", "sys/leases/lookup/aws-dyn/creds/"+role, nil, 200, 404).Data("keys").([]any)
	return keys
}

// mustHaveNothing demands that neither a lease nor a user is left.
func (h *helper) mustHaveNothing() {
	h.t.Helper()
	for _, role := range []string{"app", "audit"} {
		if left := h.leases(role); len(left) > 0 {
			h.t.Errorf("leases of the role %s are left: %v", role, left)
		}
	}
	if users := h.account.Users(); len(users) > 0 {
		h.t.Errorf("users are left: %v", users)
	}
}

// sdkChild makes this test program a program that asks AWS for its identity with the default chain of the AWS SDK.
const sdkChild = "E2E_SDK_CHILD"

// askByDefaultChain is that program.
func askByDefaultChain() int {
	ctx := context.Background()
	settings, err := config.LoadDefaultConfig(ctx)
	if err == nil {
		var who *sts.GetCallerIdentityOutput
		if who, err = sts.NewFromConfig(settings).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{}); err == nil {
			fmt.Println(aws.ToString(who.Arn))
			return 0
		}
	}
	fmt.Fprintln(os.Stderr, err)
	return 1
}
