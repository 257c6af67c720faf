// SPDX-License-Identifier: MPL-2.0

//go:build linux

package e2e

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
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
