// SPDX-License-Identifier: MPL-2.0

// Command fakeaws is an AWS account on a loopback address, for the demo, for scripts and for trying the plugin at
// home. Its subcommands ask such an account, or AWS itself, what the aws command line would.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

const usage = `Usage:
  fakeaws [flags]                    serves a fake AWS account until it is interrupted
  fakeaws whoami [-endpoint URL]     prints the ARN that the key in the environment belongs to
  fakeaws users  [-endpoint URL] [-except NAME]
                                     prints the IAM users, one a line, except the caller
  fakeaws user   [-endpoint URL] [NAME]
                                     prints an IAM user with its tags and policies; the key's own without a name
  fakeaws sessions [-endpoint URL]   prints what a fake account was given with each session: whose name, tags, policy
  fakeaws lag    [-endpoint URL] DURATION
                                     sets for how long a fake account does not know a new key, such as 3s

whoami, users and user take AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN from the environment. The
endpoint is that of AWS_ENDPOINT_URL_STS or AWS_ENDPOINT_URL_IAM, or else AWS_ENDPOINT_URL.

Flags:
`

var more = `
Beside IAM and STS (POST /) it serves instance metadata (/latest/...), the credentials of a container
(/container-credentials), and for people and scripts:
` + fakeaws.Controls + `

Kinds of faults, for POST /_faults:
` + fakeaws.Kinds + `

` + fakeaws.Unchecked + `
`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
	default:
		fmt.Fprintln(os.Stderr, err)
		stop()
		os.Exit(1)
	}
}

// run does what the arguments say until it is done or ctx ends.
func run(ctx context.Context, args []string, out, errs io.Writer) error {
	if len(args) > 0 {
		switch args[0] {
		case "whoami":
			return whoami(ctx, args[1:], out, errs)
		case "users":
			return users(ctx, args[1:], out, errs)
		case "user":
			return user(ctx, args[1:], out, errs)
		case "sessions":
			return sessions(ctx, args[1:], out, errs)
		case "lag":
			return lag(ctx, args[1:], errs)
		}
	}
	return serve(ctx, args, out, errs)
}
