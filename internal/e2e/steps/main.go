// SPDX-License-Identifier: MPL-2.0

// Command steps is the plugin as it ships, but for three things: before and after every write to storage, and before
// every answer, it asks at the URL of -steps whether it may go on, and waits until it is told so. The crash matrix kills
// it there. What it asks is in storage.go. Its clock is ahead by as much as the leave to go on says. And tidy makes its
// calls without a pause that one would notice.
package main

import (
	"fmt"
	"os"
	"time"

	"github.com/hashicorp/vault/api"
	"github.com/hashicorp/vault/sdk/plugin"

	"vault-plugin-secrets-aws-dyn/backend"
)

func main() {
	var (
		meta api.PluginAPIClientMeta
		opts = backend.Options{TidyPause: time.Millisecond, Now: func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }}
	)
	flags := meta.FlagSet()
	url := flags.String("steps", "", "Where to ask before every step.")
	flags.DurationVar(&opts.WALMinAge, "wal-min-age", backend.DefaultWALMinAge, "As of the plugin that ships.")
	flags.DurationVar(&opts.LateWindow, "late-window", backend.DefaultLateWindow, "As of the plugin that ships.")
	flags.DurationVar(&opts.SweepGrace, "sweep-grace", backend.DefaultSweepGrace, "As of the plugin that ships.")
	if err := flags.Parse(os.Args[1:]); err != nil {
		os.Exit(2) // the flag set has said what is wrong
	}
	go exitWithParent()
	err := plugin.ServeMultiplex(&plugin.ServeOpts{
		BackendFactoryFunc: stepping(backend.New(opts), *url),
		TLSProviderFunc:    api.VaultPluginTLSProvider(meta.GetTLSConfig()),
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, "serving the stepping plugin:", err)
		os.Exit(1)
	}
}

// exitWithParent ends the process once Vault is gone, as that of the plugin that ships ends.
func exitWithParent() {
	parent := os.Getppid()
	for range time.Tick(time.Second) {
		if os.Getppid() != parent {
			os.Exit(1)
		}
	}
}
