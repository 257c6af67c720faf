// SPDX-License-Identifier: MPL-2.0

package engine

// An identity without any key of AWS: the engine shows AWS a token that says who it
// is, and role_arn trusts whoever issued it. The token comes from Vault itself, where
// the server issues such tokens to plugins, or from a file that the platform keeps
// (token_file.go).
// What is configured here always wins over the environment.

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/hashicorp/vault/sdk/framework"
	"github.com/hashicorp/vault/sdk/helper/pluginidentityutil"
	"github.com/hashicorp/vault/sdk/helper/pluginutil"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// leastTokenTTL is the shortest life of a token that is of any use: it is shown to
// STS at once.
const leastTokenTTL = 10 * time.Second

// IdentityFields are those of config/root about tokens.
func IdentityFields() map[string]*framework.FieldSchema {
	return map[string]*framework.FieldSchema{
		"identity_token_audience": {
			Type:        framework.TypeString,
			Description: "Audience of the identity tokens that Vault issues to the engine, which AWS accepts for role_arn. Vault Enterprise only.",
		},
		"identity_token_ttl": {
			Type:         framework.TypeDurationSecond,
			Default:      3600,
			Description:  "Lifetime of those tokens. 0: an hour.",
			DisplayAttrs: &framework.DisplayAttributes{Name: "Identity token TTL"},
		},
		"web_identity_token_file": {
			Type:        framework.TypeString,
			Description: "Absolute path of a file in which the platform keeps a token that AWS accepts for role_arn. The server's operator has to allow it.",
		},
	}
}

// updateIdentity takes what the request names about tokens.
func (c *RootConfig) updateIdentity(d *framework.FieldData) {
	Set(d, "identity_token_audience", &c.IdentityTokenAudience)
	SetSeconds(d, "identity_token_ttl", &c.IdentityTokenTTL)
	Set(d, "web_identity_token_file", &c.TokenFile)
}

func (c *RootConfig) checkIdentity(m *Mistakes) {
	check := func(field string) {
		if c.RoleARN == "" {
			m.Add("role_arn", "is missing; %s needs the ARN of the IAM role to assume", field)
		}
		if c.AccessKey != "" {
			m.Add(field, "cannot be set together with access_key; the engine has one identity")
		}
	}
	switch {
	case c.IdentityTokenAudience != "" && c.TokenFile != "":
		m.Add("web_identity_token_file", "cannot be set together with identity_token_audience; the token comes from one place")
	case c.IdentityTokenAudience != "":
		check("identity_token_audience")
	case c.TokenFile != "":
		check("web_identity_token_file")
	}
	if c.TokenFile != "" && !filepath.IsAbs(c.TokenFile) {
		m.Add("web_identity_token_file", "%q is not an absolute path", c.TokenFile)
	}
	if c.IdentityTokenTTL != 0 && c.IdentityTokenTTL < leastTokenTTL {
		m.Add("identity_token_ttl", "%s is too short; use at least %s, or 0 for an hour", c.IdentityTokenTTL, leastTokenTTL)
	}
}

// token returns where the engine's identity comes from; nil when it is not a token.
func (m *Mount) token(cfg *RootConfig) func(context.Context) (string, error) {
	switch {
	case cfg.IdentityTokenAudience != "":
		return func(ctx context.Context) (string, error) { return m.VaultToken(ctx, cfg) }
	case cfg.TokenFile != "":
		return func(context.Context) (string, error) { return m.fileToken(cfg) }
	}
	return nil
}

// VaultToken asks Vault for a token of this mount.
func (m *Mount) VaultToken(ctx context.Context, cfg *RootConfig) (string, error) {
	resp, err := m.Vault.GenerateIdentityToken(ctx, &pluginutil.IdentityTokenRequest{
		Audience: cfg.IdentityTokenAudience,
		TTL:      cfg.IdentityTokenTTL,
	})
	if err != nil {
		if noIdentityTokens(err) {
			return "", UserErrorf("identity_token_audience: this server issues no identity tokens to plugins, which is a feature of Vault Enterprise; "+
				"use web_identity_token_file, access_key, or the identity of the instance (%v)", err)
		}
		return "", fmt.Errorf("asking Vault for an identity token: %w", err)
	}
	return resp.Token.Token(), nil
}

// noIdentityTokens reports whether a server cannot issue tokens at all. OpenBao has
// no such call, which gRPC tells by its code; of Vault's community edition, only the text of
// the error comes through to an external plugin.
func noIdentityTokens(err error) bool {
	return status.Code(err) == codes.Unimplemented ||
		strings.Contains(err.Error(), pluginidentityutil.ErrPluginWorkloadIdentityUnsupported.Error())
}
