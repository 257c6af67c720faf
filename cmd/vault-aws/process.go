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
// a SIGPIPE is taken and dropped; it is not ignored, since the command would inherit that. What whoever started this
// ignores, as nohup does, stays ignored, here and in the command.
func catchSignals() *signals {
	s := &signals{make(chan os.Signal, 16)}
	for _, one := range []os.Signal{
		syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGUSR1, syscall.SIGUSR2,
		syscall.SIGCONT, syscall.SIGPIPE,
	} {
		if !signal.Ignored(one) { // Go tells of SIGHUP and SIGINT alone
			signal.Notify(s.arrived, one)
		}
	}
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

// runCommand runs the command and returns how it ended. At a terminal it stays in this process group, so that a shell,
// its pipeline and the keys find what they would find without vault-aws. Where there is none it has a group of its own,
// and a signal reaches all of it.
func runCommand(s *signals, program string, command, env []string) error {
	t := openTerminal()
	defer t.close()
	cmd := &exec.Cmd{Path: program, Args: command, Env: env, Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: t.file == nil}
	if t.file != nil {
		s.keepRunning()
	}
	if got := s.pending(); got != nil { // a key that was meant for the command, too
		return signalled(got)
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("starting it: %w", err)
	}
	target := cmd.Process.Pid
	if t.file == nil {
		target = -target
	}
	changes := make(chan change)
	go watch(cmd.Process.Pid, changes)
	for {
		select {
		case got := <-s.arrived:
			s.pass(got, t, target)
		case now := <-changes:
			switch {
			case now.err != nil:
				return fmt.Errorf("waiting for it: %w", now.err)
			case now.status.Stopped() && t.file != nil:
				suspend()
			case now.status.Signaled():
				return signalled(now.status.Signal())
			case now.status.Exited() && now.status.ExitStatus() != 0:
				return exitStatus(now.status.ExitStatus())
			case now.status.Exited():
				return nil
			}
		}
	}
}

// pass passes a signal on to the command, except for what the command has already.
func (s *signals) pass(got os.Signal, t *terminal, target int) {
	switch number := got.(syscall.Signal); number {
	case syscall.SIGPIPE: // of our own writing
	case syscall.SIGTSTP, syscall.SIGTTIN: // the command's answer to it counts
	case syscall.SIGINT, syscall.SIGQUIT: // a key at the terminal is for the whole group that has it
		if !t.isOurs() {
			_ = unix.Kill(target, number)
		}
	case syscall.SIGHUP: // so is the end of the terminal, which the kernel tells the leader of the session first
		if t.file == nil || t.works() || leadsSession() {
			_ = unix.Kill(target, number)
		}
	default:
		_ = unix.Kill(target, number) // it may have ended, which is told next
	}
}

// leadsSession reports whether this process is the first of its session, as what a window or ssh -t starts.
func leadsSession() bool {
	session, err := unix.Getsid(0)
	return err == nil && session == os.Getpid()
}

// keepRunning takes the signals that stop a process at its terminal: whether there is a stop is the command's to say.
func (s *signals) keepRunning() { signal.Notify(s.arrived, syscall.SIGTSTP, syscall.SIGTTIN) }

// suspend stops this process because the command has stopped, if a shell with job control hears of it and can continue it.
// The SIGCONT that ends the stop is passed on as any other. SIGSTOP is sent, since Go cannot give SIGTSTP its default back.
func suspend() {
	parent := os.Getppid()
	session, err := unix.Getsid(0)
	theirs, err2 := unix.Getsid(parent)
	group, err3 := unix.Getpgid(parent)
	if err == nil && err2 == nil && err3 == nil && session == theirs && group != unix.Getpgrp() {
		_ = unix.Kill(os.Getpid(), unix.SIGSTOP) // it cannot fail for ourselves
	}
}

// dieOf ends this process by the signal that ended the command, so that a script that waits for it hears of a Ctrl-C and
// ends too. It returns where that is not possible: where the signal is ignored, and in the first process of a container.
// Other signals than these would leave a core or a trace of this process, and their number is in the exit status alone.
func dieOf(number syscall.Signal) {
	switch number {
	case syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP:
		signal.Reset(number)
		_ = unix.Kill(os.Getpid(), number)
		time.Sleep(time.Second / 5) // until the kernel has delivered it
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
