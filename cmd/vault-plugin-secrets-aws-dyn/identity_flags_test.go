// SPDX-License-Identifier: MPL-2.0

package main

import (
	"flag"
	"io"
	"slices"
	"testing"

	"vault-plugin-secrets-aws-dyn/backend"
)

func TestIdentityFlags(t *testing.T) {
	t.Parallel()
	parse := func(args ...string) (backend.Options, error) {
		var opts backend.Options
		flags := flag.NewFlagSet("plugin", flag.ContinueOnError)
		flags.SetOutput(io.Discard)
		identityFlags(flags, &opts)
		return opts, flags.Parse(args)
	}
	opts, err := parse("-web-identity-token-files=/run/token, /var/run/secrets/", "-web-identity-token-files=/third",
		"-web-identity-sts-endpoints=https://sts.example.com")
	if err != nil || !slices.Equal(opts.WebIdentityTokenFiles, []string{"/run/token", "/var/run/secrets/", "/third"}) ||
		!slices.Equal(opts.WebIdentitySTSEndpoints, []string{"https://sts.example.com"}) {
		t.Errorf("read %+v, %v", opts, err)
	}
	for _, arg := range []string{
		"-web-identity-token-files=token", "-web-identity-token-files=", "-web-identity-token-files=/a,,/b",
		"-web-identity-sts-endpoints=sts.example.com", "-web-identity-sts-endpoints=ftp://example.com", "-web-identity-sts-endpoints=https://",
	} {
		if opts, err := parse(arg); err == nil {
			t.Errorf("%s was read as %+v", arg, opts)
		}
	}
}
