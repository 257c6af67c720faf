// SPDX-License-Identifier: MPL-2.0

// Command acceptance walks every kind of credential in a real AWS account, through a real Vault with the built plugin,
// measures how long AWS takes to know a new key and to forget a deleted one, and leaves nothing, not even after Ctrl-C.
// make acceptance runs it; docs/acceptance.md says what it needs.
//
// START HERE: walk in walk.go is the order. account.go is what it makes in AWS and takes away again, server.go the Vault,
// measure.go the waiting.
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
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
)

// settings are what a run is told.
type settings struct {
	vault, plugin string
	endpoint      string // of IAM and STS where that is not AWS; for tests
	assume        string // the ARN of a role to assume, where none is to be made
	rounds        int    // IAM users whose key is measured
	patience      time.Duration
	pause         time.Duration // between two looks whether anything is left
	clean         bool          // only remove what earlier runs have left
	operator      aws.Config    // who asks AWS for what the run needs
	out           io.Writer
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := command(ctx, os.Args[1:])
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "acceptance:", err)
		os.Exit(1)
	}
}

// command reads the command line and the environment.
func command(ctx context.Context, args []string) error {
	s := settings{vault: os.Getenv("VAULT_BIN"), plugin: os.Getenv("PLUGIN_BIN"), pause: 10 * time.Second, out: os.Stdout}
	flags := flag.NewFlagSet("acceptance", flag.ContinueOnError)
	flags.StringVar(&s.endpoint, "endpoint", "", "For tests: a URL that answers for IAM and STS in place of AWS.")
	flags.StringVar(&s.assume, "assume", "", "The ARN of a role that the account may assume, in place of one made for the run.")
	flags.IntVar(&s.rounds, "rounds", 5, "How many IAM users to measure.")
	flags.DurationVar(&s.patience, "patience", 2*time.Minute, "How long to wait for AWS to know or forget a key.")
	flags.BoolVar(&s.clean, "clean", false, "Only remove what earlier runs have left.")
	if err := flags.Parse(args); err != nil {
		return err //nolint:wrapcheck // names the flag
	}
	if os.Getenv("AWSDYN_ACCEPTANCE") != "yes" {
		return errors.New("this makes IAM users and a role in a real AWS account, and deletes them; set AWSDYN_ACCEPTANCE=yes if that is what you want, and read docs/acceptance.md")
	}
	if os.Getenv("AWS_PROFILE") == "" && os.Getenv("AWS_ACCESS_KEY_ID") == "" {
		return errors.New("set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY: the account must be named, not found")
	}
	if s.vault == "" || s.plugin == "" {
		return errors.New("set VAULT_BIN and PLUGIN_BIN, or run make acceptance")
	}
	var err error
	if s.operator, err = config.LoadDefaultConfig(ctx); err != nil {
		return fmt.Errorf("reading the AWS settings: %w", err)
	}
	return run(ctx, s)
}

// run does the walk, and takes away what it made, whatever happened.
func run(ctx context.Context, s settings) (err error) {
	a, err := openAccount(ctx, s)
	if err != nil {
		return err
	}
	if s.clean {
		return a.sweep(ctx, common)
	}
	left, err := a.users(ctx, common)
	if err != nil {
		return err
	}
	if len(left) > 0 {
		return fmt.Errorf("an earlier run has left %q, or is under way; remove them by -clean", left)
	}
	defer func() {
		// Ctrl-C ends the walk, not this.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Minute)
		defer cancel()
		if swept := a.sweep(ctx, a.prefix); swept != nil {
			err = errors.Join(err, fmt.Errorf("something is left in AWS; run it again with -clean: %w", swept))
		}
		if err == nil {
			a.say("passed, and nothing is left in account %s", a.id)
		}
	}()
	if err := a.prepare(ctx); err != nil {
		return err
	}
	v, err := startVault(ctx, s)
	if err != nil {
		return err
	}
	defer v.stop()
	return errors.Join(walk(ctx, s, a, v), v.end(context.WithoutCancel(ctx)), a.left(context.WithoutCancel(ctx)))
}
