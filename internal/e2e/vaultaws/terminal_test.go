// SPDX-License-Identifier: MPL-2.0

//go:build linux

package vaultaws

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"vault-plugin-secrets-aws-dyn/internal/e2e/programs"
)

// This file runs vault-aws exec at a terminal, with the job control of a shell.

// openTerminal opens a terminal: the side of whoever sits there, and that of the programs.
func openTerminal(t *testing.T) (person, programs *os.File) {
	t.Helper()
	person, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetPointerInt(int(person.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	number, err := unix.IoctlGetInt(int(person.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	programs, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = person.Close(), programs.Close() })
	return person, programs
}

// The command has the terminal: it reads lines, and the keys reach it, once. Ctrl-Z gives the terminal back to the
// shell, and fg to the command.
func TestVaultAWSExecAtATerminal(t *testing.T) {
	t.Parallel()
	h := startHelper(t)
	person, programs := openTerminal(t)
	h.write("command", `n=0; trap 'n=$((n + 1))' INT
		echo ask 1; read a; echo "got $a"
		echo ask 2; read b; echo "got $b after $n"
		echo ask 3; read c; exit 9`)
	template := h.command("exec", "app", "--", "sh", h.home+"/command")
	shell := exec.CommandContext(t.Context(), "bash", "--norc", "--noprofile", "-c", `set -m; "$@"; echo "back $?"; fg >/dev/null; echo "status $?"; read d; echo "shell has $d"`, "bash")
	shell.Args = append(shell.Args, template.Args...)
	shell.Env, shell.Dir = template.Env, template.Dir
	shell.Stdin, shell.Stdout, shell.Stderr = programs, programs, programs
	shell.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := shell.Start(); err != nil {
		t.Fatal(err)
	}
	_ = programs.Close()
	screen := bufio.NewScanner(person)
	until := func(want string) {
		t.Helper()
		for screen.Scan() {
			if strings.Contains(screen.Text(), want) {
				return
			}
			t.Logf("screen: %s", screen.Text())
		}
		t.Fatalf("the screen ends without %q", want)
	}
	send := func(keys string) {
		t.Helper()
		if _, err := person.WriteString(keys); err != nil {
			t.Fatal(err)
		}
	}
	until("ask 1")
	send("\x03one\n") // Ctrl-C, which the command survives
	until("got one")
	until("ask 2")
	send("\x1a") // Ctrl-Z
	until("back")
	send("two\n") // fg has run by then, or runs before the line is read
	until("got two after 1")
	until("ask 3")
	send("three\n")
	until("status 9")
	send("four\n")
	until("shell has four")
	_ = shell.Wait()
	h.mustHaveNothing()
}

// vault-aws exec … | less: the pager is of the process group that has the terminal, until exec gives that to the command alone.
// Then the pager's first look at the keyboard stops the whole pipeline. As without vault-aws, it has to get the keys.
func TestExecBeforeAPager(t *testing.T) {
	t.Parallel()
	s := startStub(t)
	for name, program := range map[string][]string{
		"without vault-aws": {"sh", "command"},
		"with vault-aws":    {programs.Built.Helper, "exec", "app", "--", "sh", "command"},
	} {
		t.Run(name, func(t *testing.T) {
			person, ptys := openTerminal(t)
			fifo := filepath.Join(s.home, "fifo"+strings.ReplaceAll(name, " ", ""))
			if err := unix.Mkfifo(fifo, 0o600); err != nil {
				t.Fatal(err)
			}
			s.write("command", "echo up; read x <$FIFO\n")
			s.write("pager", "read line; echo pager sees $line; read key </dev/tty; echo pager key $key; echo x >$FIFO\n")
			shell := s.helperCommand()
			shell.Path = "/bin/bash"
			shell.Args = append([]string{"bash", "--norc", "--noprofile", "-c", `set -m; "$@" | sh pager; echo "job $?"; kill -9 %1 2>/dev/null; echo the end`, "bash"}, program...)
			shell.Env = append(shell.Env, "FIFO="+fifo)
			shell.Stdin, shell.Stdout, shell.Stderr = ptys, ptys, ptys
			shell.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
			if err := shell.Start(); err != nil {
				t.Fatal(err)
			}
			_ = ptys.Close()
			stop := time.AfterFunc(time.Minute, func() { _ = shell.Process.Kill() })
			defer stop.Stop()
			var lines []string
			for screen := bufio.NewScanner(person); screen.Scan(); {
				lines = append(lines, screen.Text())
				if strings.Contains(screen.Text(), "pager sees up") {
					_, _ = person.WriteString("q\n")
				}
				if strings.Contains(screen.Text(), "the end") {
					break
				}
			}
			_ = shell.Wait()
			if w, err := os.OpenFile(fifo, os.O_WRONLY|syscall.O_NONBLOCK, 0); err == nil { // the command is still there
				_, _ = w.WriteString("x\n")
				_ = w.Close()
			}
			if all := strings.Join(lines, "\n"); !strings.Contains(all, "pager key q") {
				t.Errorf("the pager gets no key:\n%s", all)
			}
		})
	}
}

// Ctrl-C in a script. Without vault-aws the script hears it as well and ends. With it the key reaches the command alone, whose end by
// a signal becomes an exit status, so the script goes on with the next round. docs/vault-aws.md says that Ctrl-C works as without.
func TestExecInALoopAndCtrlC(t *testing.T) {
	t.Parallel()
	s := startStub(t)
	for name, program := range map[string][]string{
		"without vault-aws": {"sh", "-c", "echo up; sleep 20"},
		"with vault-aws":    {programs.Built.Helper, "exec", "app", "--", "sh", "-c", "echo up; sleep 20"},
	} {
		t.Run(name, func(t *testing.T) {
			person, ptys := openTerminal(t)
			shell := s.helperCommand()
			shell.Path = "/bin/bash"
			shell.Args = append([]string{"bash", "--norc", "--noprofile", "-c", `for i in 1 2; do "$@"; echo round $i; exit; done`, "bash"}, program...)
			shell.Stdin, shell.Stdout, shell.Stderr = ptys, ptys, ptys
			shell.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
			if err := shell.Start(); err != nil {
				t.Fatal(err)
			}
			_ = ptys.Close()
			for screen := bufio.NewScanner(person); screen.Scan(); {
				if strings.Contains(screen.Text(), "up") {
					_, _ = person.WriteString("\x03")
				}
				if strings.Contains(screen.Text(), "round") {
					t.Error("the script goes on after Ctrl-C")
				}
			}
			_ = shell.Wait()
		})
	}
}
