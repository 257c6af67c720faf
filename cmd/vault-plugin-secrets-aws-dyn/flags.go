// SPDX-License-Identifier: MPL-2.0

package main

// The plugin's flags. Whoever registers the plugin writes them, and sees neither its standard
// error nor its exit code, so a mistake has to be told where Vault shows it.

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/vault/api"

	"vault-plugin-secrets-aws-dyn/backend"
)

// command is what the command line says.
type command struct {
	meta        api.PluginAPIClientMeta // Vault's own flags
	options     backend.Options
	showVersion bool
}

// parse reads Vault's own plugin flags, and ours beside them: an operator sets those with
// "vault plugin register -args=-wal-min-age=1m". It prints help where that is asked for.
func parse(args []string) (*command, error) {
	c := &command{options: backend.Options{Version: currentVersion()}}
	flags := c.meta.FlagSet()
	flags.SetOutput(io.Discard) // a mistake is told in one line, not with all flags behind it
	flags.BoolVar(&c.showVersion, "version", false, "Print the version and exit.")
	durations := []struct {
		name  string
		value *time.Duration
		or    time.Duration
		usage string
	}{
		{"wal-min-age", &c.options.WALMinAge, backend.DefaultWALMinAge, "Minimum age of an IAM user's record before \"no such user\" from AWS ends it."},
		{"sweep-grace", &c.options.SweepGrace, backend.DefaultSweepGrace, "How long after the latest end of its lease an IAM user is left to Vault, before the engine deletes it. Must be longer than a request to Vault may take."},
		{"late-window", &c.options.LateWindow, backend.DefaultLateWindow, "How long the record of an IAM user stays, even if the user was deleted, when AWS never answered an attempt to create it and may still perform it."},
		{"gap-caution", &c.options.GapCaution, backend.DefaultGapCaution, "How long scheduled rotations delete no key and auto-tidy deletes no user after a gap of more than 5 minutes in the engine's heartbeat, because this may be a copy of the storage."},
	}
	for _, d := range durations {
		flags.DurationVar(d.value, d.name, d.or, d.usage)
	}
	identityFlags(flags, &c.options)
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			flags.SetOutput(os.Stderr)
			flags.PrintDefaults()
		}
		return nil, err //nolint:wrapcheck // names the flag and what is wrong with it
	}
	if rest := flags.Args(); len(rest) > 0 {
		return nil, fmt.Errorf("%q is not a flag; flags begin with -, such as -wal-min-age=5m", rest[0])
	}
	for _, d := range durations {
		if *d.value <= 0 {
			return nil, fmt.Errorf("-%s must be positive, such as 5m", d.name)
		}
	}
	return c, nil
}

// pluginCookie is the variable by which Vault and OpenBao tell a plugin that they start it.
const pluginCookie = "VAULT_BACKEND_PLUGIN"

// refuse tells why the plugin does not start. Vault takes the first line of a plugin's standard
// output for its address, and where that is none, shows it in its error; standard error goes to
// its log.
func refuse(mistake error) {
	if os.Getenv(pluginCookie) == "" {
		fmt.Fprintln(os.Stderr, mistake)
		return
	}
	text := strings.NewReplacer("|", "/", "\n", " ").Replace("the plugin's flags (-args at vault plugin register) cannot be used: " + mistake.Error())
	fmt.Println(text)
	hclog.New(&hclog.LoggerOptions{JSONFormat: true}).Error(text)
}
