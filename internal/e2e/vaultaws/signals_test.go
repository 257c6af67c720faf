// SPDX-License-Identifier: MPL-2.0

//go:build unix

package vaultaws

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"vault-plugin-secrets-aws-dyn/internal/e2e/programs"
	"vault-plugin-secrets-aws-dyn/internal/e2e/server"
	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

// This file sends signals to vault-aws exec. Those of a terminal are in terminal_test.go.

// endOf waits for a command, and is the signal that ended it; 0 if none did.
func endOf(cmd *exec.Cmd) syscall.Signal {
	_ = cmd.Wait() // the status says it
	if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return status.Signal()
	}
	return 0
}

// Without a terminal a signal reaches the command and all that it started, once; whatever the command makes of it, nothing is left. vault-aws ends by
// the signal that ended the command.
func TestVaultAWSExecSignals(t *testing.T) {
	t.Parallel()
	h := startHelper(t)
	for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
		for _, role := range []string{"app", "audit"} {
			cmd := h.command("exec", role, "--", "sh", "-c", "sh -c 'echo $$; exec sleep 300'; true")
			cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // without a terminal
			next := lines(t, cmd)
			grandchild := next()
			if err := cmd.Process.Signal(signal); err != nil {
				t.Fatal(err)
			}
			if got := endOf(cmd); got != signal {
				t.Errorf("%v, role %s: vault-aws ends by %v", signal, role, got)
			}
			h.mustHaveNothing()
			server.WaitFor(t, server.Soon, "what the command started to end", func() bool {
				state, err := os.ReadFile("/proc/" + grandchild + "/stat")
				return err != nil || strings.Contains(string(state), ") Z ")
			})
		}
	}
	cmd := h.command("exec", "app", "--", "sh", "-c", `n=0; trap 'n=$((n + 1)); echo caught $n' TERM; trap 'exit $n' USR1; echo ready; while :; do sleep 0.05; done`)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	next := lines(t, cmd)
	for _, step := range []struct {
		wait string
		send syscall.Signal
	}{{"ready", syscall.SIGTERM}, {"caught 1", syscall.SIGUSR1}} {
		if got := next(); got != step.wait {
			t.Errorf("the command prints %q, expected %q", got, step.wait)
		}
		if err := cmd.Process.Signal(step.send); err != nil {
			t.Fatal(err)
		}
	}
	if got := statusOf(cmd); got != 1 {
		t.Errorf("the command handled %d signals of one", got)
	}
	h.mustHaveNothing()
}

// A signal that arrives while Vault makes the credential waits for it: else nobody would know its lease.
func TestVaultAWSExecSignalBeforeTheCommand(t *testing.T) {
	t.Parallel()
	h := startHelper(t)
	hung := h.account.Inject(fakeaws.Fault{Action: "CreateAccessKey", Kind: fakeaws.Hang})
	cmd := h.command("exec", "app", "--", "echo", "the command ran")
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	server.WaitFor(t, server.Soon, "AWS to be asked for a key", func() bool { return hung.Hits() > 0 })
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	hung.Remove()
	hung.Release()
	if got := endOf(cmd); got != syscall.SIGTERM || out.String() != "" {
		t.Errorf("it ends by %v, printed %q", got, out.String())
	}
	h.mustHaveNothing()
}

// nohup: whoever starts vault-aws with SIGHUP ignored wants the command to outlive the terminal. vault-aws takes the signal
// again, and its command has the default action.
func TestExecUnderNohup(t *testing.T) {
	t.Parallel()
	s := startStub(t)
	s.write("command", "trap 'touch usr1' USR1; touch started; until read x; do :; done; echo got $x\n")
	for name, program := range map[string][]string{
		"without vault-aws": {"sh", "command"},
		"with vault-aws":    {programs.Built.Helper, "exec", "app", "--", "sh", "command"},
	} {
		t.Run(name, func(t *testing.T) {
			_, _ = os.Remove(filepath.Join(s.home, "started")), os.Remove(filepath.Join(s.home, "usr1"))
			cmd := s.helperCommand()
			cmd.Path, cmd.Args = "/bin/sh", append([]string{"sh", "-c", `trap "" HUP; exec "$@"`, "sh"}, program...)
			var out strings.Builder
			cmd.Stdout = &out
			in, err := cmd.StdinPipe()
			if err == nil {
				err = cmd.Start()
			}
			if err != nil {
				t.Fatal(err)
			}
			exists := func(file string) func() bool {
				return func() bool { _, err := os.Stat(filepath.Join(s.home, file)); return err == nil }
			}
			server.WaitFor(t, server.Soon, "the command", exists("started"))
			ended := make(chan struct{})
			go func() { _ = cmd.Wait(); close(ended) }()
			_ = cmd.Process.Signal(syscall.SIGHUP)
			_ = cmd.Process.Signal(syscall.SIGUSR1) // which comes after it
			server.WaitFor(t, server.Soon, "the signals", func() bool {
				select {
				case <-ended:
					return true
				default:
					return exists("usr1")()
				}
			})
			_, _ = in.Write([]byte("line\n"))
			<-ended
			if out.String() != "got line\n" {
				t.Errorf("the command is ended by a SIGHUP that its user ignores: %q, %v", out.String(), cmd.ProcessState)
			}
		})
	}
}
