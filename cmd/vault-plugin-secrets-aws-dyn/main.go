// SPDX-License-Identifier: MPL-2.0

// Command vault-plugin-secrets-aws-dyn is the AWS secrets engine as a plugin for
// Vault and OpenBao. Vault starts it; by hand it only tells its version.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/vault/api"
	"github.com/hashicorp/vault/sdk/plugin"

	"vault-plugin-secrets-aws-dyn/backend"
)

func main() {
	c, err := parse(os.Args[1:])
	switch {
	case errors.Is(err, flag.ErrHelp):
		return
	case err != nil:
		refuse(err)
		os.Exit(2)
	case c.showVersion:
		fmt.Println(currentVersion())
		return
	}
	logger := hclog.New(&hclog.LoggerOptions{JSONFormat: true}) // Vault reads it so, and logs it as its own
	exitWithParent(logger)
	if err := trustBundledRoots(systemRoots); err != nil {
		logger.Error("only certificates of AWS_CA_BUNDLE are trusted", "error", err)
	}
	err = plugin.ServeMultiplex(&plugin.ServeOpts{
		BackendFactoryFunc: backend.New(c.options),
		TLSProviderFunc:    api.VaultPluginTLSProvider(c.meta.GetTLSConfig()),
	})
	if err != nil {
		logger.Error("serving the plugin", "error", err)
		os.Exit(1)
	}
}
