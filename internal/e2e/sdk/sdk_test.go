// SPDX-License-Identifier: MPL-2.0

package sdk

import (
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"vault-plugin-secrets-aws-dyn/internal/e2e/server"
	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

// This file has AWS SDKs read Vault by themselves, as their users run them.

// sdkReaders may read for AWS SDKs, and nothing else.
const sdkReaders = `path "aws-dyn/sdk/*" { capabilities = ["read"] }`

// sdkPath is where the programs get their sessions.
const sdkPath = "/v1/aws-dyn/sdk/creds/deploy?role_session_name="

// startForSDKs runs a Vault with the roles deploy, own and developer-access, and the static role app.
func startForSDKs(t *testing.T) (*server.Server, *fakeaws.Server) {
	t.Helper()
	account := fakeaws.New(t)
	v := server.StartDev(t)
	v.Mount()
	server.ConfigureRoot(v, account)
	server.WriteRole(v)
	account.AddRole("deploy")
	v.Call(http.MethodPost, "aws-dyn/roles/deploy", map[string]any{"credential_type": "assumed_role", "role_arns": "arn:aws:iam::123456789012:role/deploy"})
	account.AddUser("app")
	account.Adopt("app")
	v.Call(http.MethodPost, "aws-dyn/static-roles/app", map[string]any{"username": "app", "rotation_period": "24h"})
	v.Call(http.MethodPost, "sys/policies/acl/sdk", map[string]any{"policy": sdkReaders})
	return v, account
}

// sdkToken is a new token that may read for AWS SDKs.
func sdkToken(v *server.Server) string {
	v.T.Helper()
	auth, _ := v.Call(http.MethodPost, "auth/token/create", map[string]any{"policies": []string{"sdk"}}).Body["auth"].(map[string]any)
	token, _ := auth["client_token"].(string)
	return token
}

// TestAWSSDKsReadVault: a program runs on while its sessions end, and the tokens in its file too. The SDK gets new
// ones; the program has no part in it, and no word of Vault in it.
func TestAWSSDKsReadVault(t *testing.T) {
	t.Parallel()
	for _, s := range sdks {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			s.command(t) // is skipped before anything is started
			v, account := startForSDKs(t)
			account.SetSessionLife(s.early + 5*time.Second) // AWS's shortest would take a quarter of an hour
			file := filepath.Join(t.TempDir(), "token")
			token := sdkToken(v)
			put(t, file, "Bearer "+token)
			direct := s.start(t, account, "directly", "AWS_CONTAINER_CREDENTIALS_FULL_URI="+v.Address()+sdkPath+"direct", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE="+file)
			proxied := s.start(t, account, "through Vault Proxy", "AWS_CONTAINER_CREDENTIALS_FULL_URI="+startProxy(t, v)+sdkPath+"proxied")
			static := s.start(t, account, "as a static role", "AWS_CONTAINER_CREDENTIALS_FULL_URI="+v.Address()+"/v1/aws-dyn/sdk/static-creds/app", "AWS_CONTAINER_AUTHORIZATION_TOKEN=Bearer "+token)
			if id, arn := static.nextKey(""); arn != "arn:aws:iam::123456789012:user/app" {
				t.Errorf("the static role's key %s works as %s", id, arn)
			}
			static.stop()
			for program, arn := range map[*program]string{direct: "direct", proxied: "proxied"} {
				first, as := program.nextKey("")
				if as != "arn:aws:sts::123456789012:assumed-role/deploy/"+arn {
					t.Errorf("%s: AWS takes the program for %s", program.name, as)
				}
				if program == direct {
					next := sdkToken(v)
					put(t, file, "Bearer "+next)
					v.Call(http.MethodPost, "auth/token/revoke", map[string]any{"token": token})
				}
				second, _ := program.nextKey(first)
				account.ExpireSessions(first)
				third, _ := program.nextKey(second)
				account.ExpireSessions(second)
				program.nextKey(third)
				program.stop()
			}
			checkReuse(t, account)
		})
	}
}

// checkReuse checks that a program used its sessions more than once: an SDK that asks Vault for each of its calls
// would pass all else.
func checkReuse(t *testing.T, account *fakeaws.Server) {
	t.Helper()
	uses := map[string]int{}
	for _, call := range account.Calls() {
		if call.Action == "GetCallerIdentity" {
			uses[call.AccessKeyID]++
		}
	}
	for _, session := range account.Sessions() {
		if session.Kind == "AssumeRole" && uses[session.AccessKeyID] > 2 {
			return
		}
	}
	t.Errorf("no session was used more than twice: %v", uses)
}

// TestAWSCLIReadsVault: each run of the command line reads a session of its own.
func TestAWSCLIReadsVault(t *testing.T) {
	t.Parallel()
	need(t, "aws", "--version")
	v, account := startForSDKs(t)
	for i, path := range []string{sdkPath + "cli", "/v1/aws-dyn/sdk/static-creds/app"} {
		cmd := exec.CommandContext(t.Context(), "aws", "sts", "get-caller-identity", "--endpoint-url", account.URL(), "--query", "Arn", "--output", "text")
		cmd.Env = append(sdkEnvironment(account), "AWS_CONTAINER_CREDENTIALS_FULL_URI="+v.Address()+path, "AWS_CONTAINER_AUTHORIZATION_TOKEN=Bearer "+sdkToken(v))
		said, err := cmd.CombinedOutput()
		want := []string{"arn:aws:sts::123456789012:assumed-role/deploy/cli", "arn:aws:iam::123456789012:user/app"}[i]
		if err != nil || strings.TrimSpace(string(said)) != want {
			t.Errorf("the AWS CLI says %q (%v), want %s", said, err, want)
		}
	}
}
