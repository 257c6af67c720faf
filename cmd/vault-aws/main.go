// SPDX-License-Identifier: MPL-2.0

//go:build unix

// Command vault-aws brings AWS credentials of Vault to the terminal: to the AWS SDKs, to one command, to a browser.
// It is a client of Vault as the vault command is, with the same environment and the same token, and knows the paths of
// an AWS secrets engine.
//
// START HERE: verbs.go has the table of verbs and reads the arguments. Each verb has a file: credential_process.go,
// exec.go, console.go, profiles.go, completion.go. What they stand on: vault.go asks Vault, explain.go says what its
// refusals mean, credential.go reads credentials, lock.go lets parallel runs take turns.
//
// Of exec: environment.go is what the command finds in its environment, endpoint.go answers it on loopback, leases.go
// renews and revokes what was issued for it, process.go runs it and passes signals on, terminal.go is the
// terminal that it runs at. Of profiles: configuration.go finds, locks and replaces AWS's configuration file, block.go is
// the marked block in it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
)

// version is set by the build: -ldflags "-X main.version=v1.2.3".
var version = "v0.0.0-dev"

func main() {
	os.Exit(run(context.Background(), os.Args[1:], os.Stdout, os.Stderr))
}

// run does what the arguments say, and returns the exit status: 2 where they are wrong, and that of the command of exec.
func run(ctx context.Context, args []string, out, errs io.Writer) int {
	err := dispatch(ctx, args, out, errs)
	var status exitStatus
	var ended signalError
	var wrong usageError
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return 0
	case errors.As(err, &status):
		return int(status)
	case errors.As(err, &ended):
		dieOf(ended.number)
		return ended.status()
	case errors.As(err, &wrong):
		say(errs, "%v", err)
		return 2
	}
	say(errs, "%v", err)
	return 1
}

// say writes one line to standard error.
func say(errs io.Writer, format string, args ...any) {
	fmt.Fprintf(errs, "vault-aws: "+format+"\n", args...)
}

// exitStatus ends the program with this status, and without a word.
type exitStatus int

func (s exitStatus) Error() string { return fmt.Sprintf("exit status %d", int(s)) }

// usageError is what is wrong with the arguments.
type usageError struct{ text string }

func (e usageError) Error() string { return e.text }

// usagef says what is wrong with the arguments.
func usagef(format string, args ...any) error { return usageError{fmt.Sprintf(format, args...)} }
