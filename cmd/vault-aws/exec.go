// SPDX-License-Identifier: MPL-2.0

//go:build unix

package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"syscall"
	"time"
)

const (
	// notExecutable and notFound are what shells and env exit with.
	notExecutable exitStatus = 126
	notFound      exitStatus = 127

	// signalGrace is how long a request that is under way may go on after a signal: a lease that nobody hears of would
	// stay, and a Vault that does not answer must not hold a terminal.
	signalGrace = 5 * time.Second
)

// execute runs a command with credentials of a role, and revokes them when it ends.
func execute(ctx context.Context, c *call) error {
	program, err := exec.LookPath(c.command[0])
	if err != nil { // before Vault is asked for anything
		say(c.errs, "%v", err)
		if errors.Is(err, fs.ErrPermission) {
			return notExecutable
		}
		return notFound
	}
	signals := catchSignals()
	defer signals.release()
	held := &leases{settings: &c.settings, errs: c.errs}
	defer held.revoke(ctx)
	r := c.request()
	var last *credential // asked for one at a time
	ask := func(ctx context.Context) (*credential, error) {
		v, err := c.connect() // with the token as it is by now
		if err != nil {
			return nil, err
		}
		if again := v.prolonged(ctx, last); again != nil {
			last = again
			return again, nil
		}
		got, err := v.credential(ctx, r)
		if err == nil {
			held.add(got)
			c.warn(got)
			if !got.isUser() { // whose lease is renewed
				v.endWithToken(ctx, r, got)
			}
			last = got
		}
		return got, err
	}
	asking, stop := signals.within(ctx, signalGrace)
	got, err := ask(asking)
	stop()
	if s := signals.pending(); s != nil {
		return signalled(s)
	}
	if err != nil {
		return err
	}
	return c.withCredential(ctx, signals, held, program, got, ask)
}

// withCredential runs the command: the key of an IAM user in its environment, all else by an endpoint.
func (c *call) withCredential(ctx context.Context, signals *signals, held *leases, program string, got *credential, ask func(context.Context) (*credential, error)) error {
	env := childEnvironment(os.Environ())
	if got.isUser() {
		env = append(env, "AWS_ACCESS_KEY_ID="+got.accessKey, "AWS_SECRET_ACCESS_KEY="+got.secretKey)
		v, err := c.connect()
		if err != nil {
			return err
		}
		renewing, cancel := context.WithCancel(ctx)
		stopped := make(chan struct{})
		go func() {
			defer close(stopped)
			_, ownTTL := c.request().parameters["ttl"]
			held.renew(renewing, v, got, ownTTL)
		}()
		defer func() { cancel(); <-stopped }()
	} else {
		e, err := serveCredentials(ctx, got, ask)
		if err != nil {
			return err
		}
		defer e.close()
		hidden, notes := hideDefaultProfile(env)
		for _, note := range notes {
			say(c.errs, "%s", note)
		}
		env = append(env, hidden...)
		env = append(env, "AWS_CONTAINER_CREDENTIALS_FULL_URI="+e.url, "AWS_CONTAINER_AUTHORIZATION_TOKEN="+e.token)
	}
	if err := runCommand(signals, program, c.command, env); err != nil {
		return fmt.Errorf("running %s: %w", c.command[0], err)
	}
	return nil
}

// warn shows the warnings of an answer.
func (c *call) warn(got *credential) {
	if got.lease == nil {
		return
	}
	for _, warning := range got.lease.Warnings {
		say(c.errs, "warning: %s", warning)
	}
}

// signalError says that a signal ended the command, or asked for the end before there was one. vault-aws ends by it too, or
// else with the exit status that shells give it.
type signalError struct{ number syscall.Signal }

func (s signalError) Error() string { return s.number.String() }

func (s signalError) status() int { return 128 + int(s.number) }

func signalled(s os.Signal) error {
	number, _ := s.(syscall.Signal) // all are, on Unix
	return signalError{number}
}
