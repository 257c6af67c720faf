// SPDX-License-Identifier: MPL-2.0

// Command vault-plugin-secrets-aws-dyn is the AWS secrets engine as a plugin for
// Vault and OpenBao. Vault starts it; by hand it only tells its version.
package main

import (
	"fmt"
	"os"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/vault/api"
	"github.com/hashicorp/vault/sdk/plugin"

	"vault-plugin-secrets-aws-dyn/backend"
)

func main() {
	// Vault's own plugin flags, and ours beside them: an operator sets those with
	// "vault plugin register -args=-wal-min-age=1m".
	var meta api.PluginAPIClientMeta
	flags := meta.FlagSet()
	showVersion := flags.Bool("version", false, "Print the version and exit.")
	walMinAge := flags.Duration("wal-min-age", backend.DefaultWALMinAge,
		"How old the record of an IAM user must be before AWS's word that there is no such user ends it.")
	sweepGrace := flags.Duration("sweep-grace", backend.DefaultSweepGrace,
		"How long after the last moment of its lease an IAM user that still exists is left to Vault before the engine deletes it; longer than a request of Vault's may take.")
	lateWindow := flags.Duration("late-window", backend.DefaultLateWindow,
		"How long the record of an IAM user stays after its deletion where AWS never answered an attempt to create it, and may perform that late.")
	gapCaution := flags.Duration("gap-caution", backend.DefaultGapCaution,
		"How long after a gap of more than 5 minutes in the engine's heartbeat rotations by schedule delete no key and auto-tidy deletes no user: this may be a copy of the storage.")
	opts := backend.Options{Version: currentVersion()}
	identityFlags(flags, &opts)
	if err := flags.Parse(os.Args[1:]); err != nil {
		os.Exit(2) // the flag set has said what is wrong
	}
	if *showVersion {
		fmt.Println(currentVersion())
		return
	}
	for _, f := range []struct {
		name string
		d    time.Duration
	}{{"wal-min-age", *walMinAge}, {"sweep-grace", *sweepGrace}, {"late-window", *lateWindow}, {"gap-caution", *gapCaution}} {
		if f.d <= 0 {
			fmt.Fprintf(os.Stderr, "-%s must be positive, such as 5m\n", f.name)
			os.Exit(2)
		}
	}
	opts.WALMinAge, opts.SweepGrace, opts.LateWindow, opts.GapCaution = *walMinAge, *sweepGrace, *lateWindow, *gapCaution
	logger := hclog.New(&hclog.LoggerOptions{JSONFormat: true}) // Vault reads it so, and logs it as its own
	exitWithParent(logger)
	err := plugin.ServeMultiplex(&plugin.ServeOpts{
		BackendFactoryFunc: backend.New(opts),
		TLSProviderFunc:    api.VaultPluginTLSProvider(meta.GetTLSConfig()),
	})
	if err != nil {
		logger.Error("serving the plugin", "error", err)
		os.Exit(1)
	}
}
