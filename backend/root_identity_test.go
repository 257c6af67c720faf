// SPDX-License-Identifier: MPL-2.0

package backend

// An identity without any key of AWS: a token of Vault's, or one in a file.

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/vault/sdk/helper/pluginidentityutil"
	"github.com/hashicorp/vault/sdk/helper/pluginutil"
	"github.com/hashicorp/vault/sdk/logical"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

const (
	someJWT  = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ2YXVsdCJ9.c2lnbmF0dXJl"
	otherJWT = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJvdGhlciJ9.c2lnbmF0dXJl"
	vaultARN = "arn:aws:iam::123456789012:role/vault"
)

// tokenIssuer is a Vault that issues identity tokens, or says why it does not.
type tokenIssuer struct {
	logical.SystemView
	err   error
	asked []pluginutil.IdentityTokenRequest
}

func (i *tokenIssuer) GenerateIdentityToken(_ context.Context, req *pluginutil.IdentityTokenRequest) (*pluginutil.IdentityTokenResponse, error) {
	i.asked = append(i.asked, *req)
	return &pluginutil.IdentityTokenResponse{Token: someJWT}, i.err
}

// newTokenMount has endpoints, a role in AWS that trusts a token, and one of ours.
func newTokenMount(t *testing.T, system func(logical.SystemView) logical.SystemView, config map[string]any) *mount {
	t.Helper()
	m := newMount(t)
	if system != nil {
		m.system = system(m.system)
		m.start()
	}
	m.aws.AddRole("vault")
	m.aws.SetWebIdentityToken(someJWT)
	m.write("config/root", map[string]any{"iam_endpoint": m.aws.URL(), "sts_endpoint": m.aws.URL(), "max_retries": 0})
	m.write("roles/developer-access", map[string]any{"policy_arns": readOnly})
	if config != nil {
		m.write("config/root", config)
	}
	return m
}

func TestIdentityFromATokenOfVaults(t *testing.T) {
	vault := new(tokenIssuer)
	m := newTokenMount(t, func(s logical.SystemView) logical.SystemView { vault.SystemView = s; return vault },
		map[string]any{"role_arn": vaultARN, "identity_token_audience": "sts.amazonaws.com", "identity_token_ttl": "10m"})
	// What is configured wins over everything in the environment.
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "not the one")
	t.Setenv("AWS_WEB_IDENTITY_TOKEN_FILE", os.DevNull)
	t.Setenv("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/other")
	m.revoke(m.creds("developer-access"))
	last := vault.asked[len(vault.asked)-1]
	if last.Audience != "sts.amazonaws.com" || last.TTL != 10*time.Minute {
		t.Errorf("Vault was asked for %+v", last)
	}
	if calls := m.aws.Calls(); calls[0].Action != "AssumeRoleWithWebIdentity" || !strings.HasPrefix(calls[1].AccessKeyID, "ASIA") {
		t.Errorf("AWS was called %v", m.aws.Actions())
	}
	if data := m.read("config/root"); data["identity_token_audience"] != "sts.amazonaws.com" || data["identity_token_ttl"] != int64(600) {
		t.Errorf("read %v", data)
	}
}

// A server that issues no tokens is told when the configuration is written.
func TestServerWithoutIdentityTokensIsTold(t *testing.T) {
	for name, err := range map[string]error{
		"Vault's community edition": status.Error(codes.Internal, pluginidentityutil.ErrPluginWorkloadIdentityUnsupported.Error()),
		"OpenBao":                   status.Error(codes.Unimplemented, "unknown method GenerateIdentityToken"),
	} {
		t.Run(name, func(t *testing.T) {
			m := newTokenMount(t, func(s logical.SystemView) logical.SystemView { return &tokenIssuer{SystemView: s, err: err} }, nil)
			before := m.storage.dump(t)
			text := m.refused(logical.UpdateOperation, "config/root", map[string]any{"role_arn": vaultARN, "identity_token_audience": "sts.amazonaws.com"})
			if !strings.Contains(text, "identity_token_audience: ") || !strings.Contains(text, "Enterprise") {
				t.Errorf("refused with %s", text)
			}
			if after := m.storage.dump(t); len(after) != len(before) || after["config/root"] != before["config/root"] {
				t.Error("it was stored anyway")
			}
		})
	}
	t.Run("another error", func(t *testing.T) {
		m := newTokenMount(t, func(s logical.SystemView) logical.SystemView {
			return &tokenIssuer{SystemView: s, err: errors.New("busy")}
		}, nil)
		text, code := outcome(m.ask(logical.UpdateOperation, "config/root", map[string]any{"role_arn": vaultARN, "identity_token_audience": "x"}))
		if code != 500 || !strings.Contains(text, "busy") {
			t.Errorf("%d %s", code, text)
		}
	})
}

// The platform replaces the token in the file; the engine reads it each time.
func TestIdentityFromATokenInAFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	write := func(text string) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(otherJWT)
	m := newTokenMount(t, nil, map[string]any{"role_arn": vaultARN, "web_identity_token_file": file})
	if text := m.refused(logical.ReadOperation, "creds/developer-access", nil); !strings.Contains(text, "InvalidIdentityToken") {
		t.Errorf("refused with %s", text)
	}
	write(someJWT + "\n")
	m.revoke(m.creds("developer-access"))
}

// Whoever may write config/root may not read the server's files by way of an
// sts_endpoint of theirs: only tokens leave.
func TestOnlyATokenLeavesTheFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "secrets")
	for _, content := range []string{"password=hunter2", "a.b.c", "eyJhbGciOiJSUzI1NiJ9.eyJz dWIi.c2ln", "", someJWT + "." + someJWT} {
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		m := newTokenMount(t, nil, map[string]any{"role_arn": vaultARN, "web_identity_token_file": file})
		text := m.fails(logical.ReadOperation, "creds/developer-access", nil)
		if content != "" && strings.Contains(text, content) {
			t.Errorf("the answer holds the file: %s", text)
		}
		if n := len(m.aws.Calls()); n != 0 {
			t.Errorf("%q: AWS was called %d times", content, n)
		}
	}
}

func TestIdentityFieldsThatExcludeEachOther(t *testing.T) {
	t.Parallel()
	m := newMount(t)
	for want, data := range map[string]map[string]any{
		"role_arn: ":                   {"identity_token_audience": "x"},
		"role_arn: is":                 {"web_identity_token_file": "/token"},
		"identity_token_audience: ":    {"identity_token_audience": "x", "role_arn": vaultARN, "access_key": goodAccessKey, "secret_key": goodSecretKey},
		"web_identity_token_file: ":    {"web_identity_token_file": "/token", "role_arn": vaultARN, "access_key": goodAccessKey, "secret_key": goodSecretKey},
		"together with identity_token": {"web_identity_token_file": "/token", "identity_token_audience": "x", "role_arn": vaultARN},
		"absolute":                     {"web_identity_token_file": "token", "role_arn": vaultARN},
		"identity_token_ttl: ":         {"identity_token_ttl": 1},
	} {
		if text := m.refused(logical.UpdateOperation, "config/root", data); !strings.Contains(text, want) {
			t.Errorf("want %q: %s", want, text)
		}
	}
	m.write("config/root", map[string]any{"identity_token_audience": "", "identity_token_ttl": 0}) // as the Vault UI sends them
}
