// SPDX-License-Identifier: MPL-2.0

//go:build unix

package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"strings"

	"github.com/hashicorp/vault/api"
	"github.com/hashicorp/vault/api/cliconfig"
)

// vault is Vault as one run sees it.
type vault struct {
	*api.Client
	mount string
}

// connect makes a client as the vault command makes one. The token is looked for each time, so that whoever logs in
// again need not start a long exec anew.
func (s *settings) connect() (*vault, error) {
	config := api.DefaultConfig()
	if config.Error != nil {
		return nil, fmt.Errorf("reading VAULT_* from the environment: %w", config.Error)
	}
	if s.address != "" {
		config.Address, config.AgentAddress = s.address, ""
	}
	if os.Getenv(api.EnvVaultMaxRetries) == "" {
		config.MaxRetries = 0 // a request that is repeated may make a second IAM user
	}
	client, err := api.NewClient(config)
	if err != nil {
		return nil, fmt.Errorf("using VAULT_ADDR or -address: %w", err)
	}
	if s.namespace != "" {
		client.SetNamespace(s.namespace)
	}
	client.SetWrappingLookupFunc(func(string, string) string { return "" }) // VAULT_WRAP_TTL is for the vault command
	if client.Token() == "" {
		helper, err := cliconfig.DefaultTokenHelper()
		if err != nil {
			return nil, fmt.Errorf("finding the token helper: %w", err)
		}
		token, err := helper.Get()
		if err != nil {
			return nil, fmt.Errorf("asking the token helper: %w", err)
		}
		client.SetToken(strings.TrimSpace(token))
	}
	return &vault{Client: client, mount: s.mount}, nil
}

// path is a path of the mount.
func (v *vault) path(parts ...string) string {
	return v.mount + "/" + strings.Join(parts, "/")
}

// read reads a path with query parameters. Unlike the client's own, it keeps what Vault says with a 404.
func (v *vault) read(ctx context.Context, path string, parameters map[string][]string) (*api.Secret, error) {
	ctx, cancel := context.WithTimeout(ctx, v.ClientTimeout())
	defer cancel()
	resp, err := v.Logical().ReadRawWithDataWithContext(ctx, path, parameters)
	return v.parse(resp, err, "read", path)
}

// list lists a path.
func (v *vault) list(ctx context.Context, path string) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, v.ClientTimeout())
	defer cancel()
	resp, err := v.Logical().ReadRawWithDataWithContext(ctx, path, map[string][]string{"list": {"true"}})
	if resp != nil && resp.StatusCode == http.StatusNotFound && !unrouted(err) {
		_ = resp.Body.Close() // an empty list
		return nil, nil
	}
	secret, err := v.parse(resp, err, "list", path)
	if err != nil {
		return nil, err
	}
	return texts(secret.Data["keys"]), nil
}

// write writes to a path.
func (v *vault) write(ctx context.Context, path string, body map[string]any) (*api.Secret, error) {
	secret, err := v.Logical().WriteWithContext(ctx, path, body)
	if err != nil {
		return nil, v.explain(err, "update", path)
	}
	return secret, nil
}

// parse reads an answer, or says what its error means.
func (v *vault) parse(resp *api.Response, err error, capability, path string) (*api.Secret, error) {
	if resp != nil {
		defer func() { _ = resp.Body.Close() }()
	}
	if err != nil {
		return nil, v.explain(err, capability, path)
	}
	secret, err := api.ParseSecret(resp.Body)
	switch {
	case err != nil:
		return nil, fmt.Errorf("reading Vault's answer to %s: %w", path, err)
	case secret == nil || secret.Data == nil:
		return nil, fmt.Errorf("reading %s: Vault's answer holds no data", path)
	}
	return secret, nil
}

// texts are the texts in a list of an answer.
func texts(list any) (all []string) {
	items, _ := list.([]any)
	for _, item := range items {
		if text, ok := item.(string); ok {
			all = append(all, text)
		}
	}
	return all
}
