// SPDX-License-Identifier: MPL-2.0

//go:build unix

package main

import (
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// terminal is the controlling terminal. It belongs to one process group at a time, which may read it and gets the
// signals of its keys. There may be none: then file is nil.
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

// owner is the process group that has the terminal; it fails where the terminal has hung up.
func (t *terminal) owner() (int, error) { return unix.IoctlGetInt(int(t.file.Fd()), unix.TIOCGPGRP) }

// isOurs reports whether this process group has the terminal.
func (t *terminal) isOurs() bool {
	if t.file == nil {
		return false
	}
	owner, err := t.owner()
	return err == nil && owner == unix.Getpgrp()
}

// works reports whether the terminal has not hung up.
func (t *terminal) works() bool {
	_, err := t.owner()
	return err == nil
}
