// SPDX-License-Identifier: MPL-2.0

//go:build unix

package main

import (
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/sys/unix"
)

// terminal is the controlling terminal. It belongs to one process group at a time, which may read it and gets the
// signals of its keys. There may be none: then file is nil, and nothing is done.
type terminal struct{ file *os.File }

func openTerminal() *terminal {
	file, err := os.OpenFile("/dev/tty", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		return &terminal{}
	}
	return &terminal{file}
}

func (t *terminal) close() {
	if t.file != nil {
		_ = t.file.Close()
	}
}

// descriptor is that of an open terminal.
func (t *terminal) descriptor() int { return int(t.file.Fd()) }

// owner is the process group that has the terminal, 0 if there is none.
func (t *terminal) owner() int {
	if t.file == nil {
		return 0
	}
	group, err := unix.IoctlGetInt(t.descriptor(), unix.TIOCGPGRP)
	if err != nil {
		return 0
	}
	return group
}

// isOurs reports whether this process group has the terminal.
func (t *terminal) isOurs() bool { return t.owner() == unix.Getpgrp() }

// giveTo gives the terminal to a process group.
func (t *terminal) giveTo(group int) {
	// The kernel stops who gives a terminal away that it does not have, unless it ignores this signal.
	signal.Ignore(syscall.SIGTTOU)
	defer signal.Reset(syscall.SIGTTOU)
	_ = unix.IoctlSetPointerInt(t.descriptor(), unix.TIOCSPGRP, group) // a group that has ended needs none
}

// takeFrom takes the terminal back from a process group, if that has it.
func (t *terminal) takeFrom(group int) {
	if t.owner() == group {
		t.giveTo(unix.Getpgrp())
	}
}
