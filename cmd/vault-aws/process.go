// SPDX-License-Identifier: MPL-2.0

//go:build unix

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// signals are those that arrive from the first request to the last revocation.
type signals struct{ arrived chan os.Signal }

// catchSignals begins to collect signals. A terminal or a pipe that is gone must not keep leases from being revoked, so
// a SIGPIPE is taken and dropped; it is not ignored, since the command would inherit that.
func catchSignals() *signals {
	s := &signals{make(chan os.Signal, 16)}
	signal.Notify(s.arrived, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGUSR1, syscall.SIGUSR2,
		syscall.SIGCONT, syscall.SIGPIPE)
	return s
}

// release lets signals do again what they do by default.
func (s *signals) release() { signal.Stop(s.arrived) }

// ends reports whether a signal asks for the end.
func ends(s os.Signal) bool {
	switch s {
	case syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT:
		return true
	}
	return false
}

// pending is a signal that asked for the end before there was a command; nil if none did.
func (s *signals) pending() os.Signal {
	for {
		select {
		case got := <-s.arrived:
			if ends(got) {
				return got
			}
		default:
			return nil
		}
	}
}

// within is ctx until some time after the first signal that asks for the end. The signal stays pending. Until stop is
// called, no other signal is kept.
func (s *signals) within(ctx context.Context, grace time.Duration) (within context.Context, stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-ctx.Done():
				return
			case got := <-s.arrived:
				if !ends(got) {
					continue
				}
				s.arrived <- got
				select {
				case <-ctx.Done():
				case <-time.After(grace):
				}
				cancel()
				return
			}
		}
	}()
	return ctx, func() { cancel(); <-stopped }
}

// runCommand runs the command in a process group of its own, which has the terminal if this one had it, and passes
// signals on to the whole group, each once. It returns the exit status.
func runCommand(s *signals, program string, command, env []string) (exitStatus, error) {
	t := openTerminal()
	defer t.close()
	cmd := &exec.Cmd{Path: program, Args: command, Env: env, Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if t.isOurs() {
		cmd.SysProcAttr.Foreground, cmd.SysProcAttr.Ctty = true, t.descriptor()
	}
	if err := cmd.Start(); err != nil {
		return 0, fmt.Errorf("starting it: %w", err)
	}
	group := cmd.Process.Pid
	defer t.takeFrom(group)
	changes := make(chan change)
	go watch(group, changes)
	for {
		select {
		case got := <-s.arrived:
			s.pass(got, t, group)
		case now := <-changes:
			switch {
			case now.err != nil:
				return 0, fmt.Errorf("waiting for it: %w", now.err)
			case now.status.Stopped():
				s.suspend(t, group)
			case now.status.Signaled():
				return signalled(now.status.Signal()), nil
			case now.status.Exited():
				return exitStatus(now.status.ExitStatus()), nil
			}
		}
	}
}

// pass passes a signal on to the command.
func (s *signals) pass(got os.Signal, t *terminal, group int) {
	switch number := got.(syscall.Signal); number {
	case syscall.SIGPIPE: // of our own writing
	case syscall.SIGCONT: // fg and bg of a shell
		if t.isOurs() {
			t.giveTo(group)
		}
		_ = unix.Kill(-group, number) // it may have ended, which is told next
	default:
		_ = unix.Kill(-group, number)
	}
}

// suspend stops this process group because the command's was stopped, so that the shell hears of it, and goes on with
// the command when the shell continues this one. Where no shell could, nothing is stopped.
func (s *signals) suspend(t *terminal, group int) {
	t.takeFrom(group)
	_ = unix.Kill(0, unix.SIGTSTP) // it cannot fail for ourselves
	resumed := time.After(time.Second / 5)
	for {
		select {
		case got := <-s.arrived:
			s.pass(got, t, group)
			if got == syscall.SIGCONT {
				return
			}
		case <-resumed:
			s.pass(syscall.SIGCONT, t, group)
			return
		}
	}
}

// change is what became of the command: it was stopped, or it ended.
type change struct {
	status unix.WaitStatus
	err    error
}

// watch tells what becomes of a child until it has ended.
func watch(pid int, changes chan<- change) {
	for {
		var now change
		_, now.err = unix.Wait4(pid, &now.status, unix.WUNTRACED, nil)
		if errors.Is(now.err, unix.EINTR) {
			continue
		}
		changes <- now
		if now.err != nil || now.status.Exited() || now.status.Signaled() {
			return
		}
	}
}
