// SPDX-License-Identifier: MPL-2.0

//go:build unix

package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// lockTime is how long a run waits for others that ask the same: as long as a request may take.
const lockTime = time.Minute

// runtimeDir is a directory of this user alone, which ends with the session as a rule. It holds locks and notes, and
// nothing secret.
func runtimeDir() (string, error) {
	dir := filepath.Join(os.TempDir(), "vault-aws-"+strconv.Itoa(os.Getuid()))
	if base := os.Getenv("XDG_RUNTIME_DIR"); filepath.IsAbs(base) {
		dir = filepath.Join(base, "vault-aws")
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) { //nolint:gosec // in the user's own environment
		return "", fmt.Errorf("making a directory for locks: %w", err)
	}
	info, err := os.Lstat(dir) //nolint:gosec // anybody may have made it, in /tmp: hence this look at it
	if err != nil {
		return "", fmt.Errorf("looking at the directory for locks: %w", err)
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !ok || !info.IsDir() || info.Mode().Perm()&0o077 != 0 || int(owner.Uid) != os.Getuid() {
		return "", fmt.Errorf("%s is not a directory of this user alone: remove it, or set XDG_RUNTIME_DIR", dir)
	}
	return dir, nil
}

// fileOf is where notes about a subject are kept. Its name says nothing of it.
func fileOf(ending string, subject ...string) (string, error) {
	dir, err := runtimeDir()
	if err != nil {
		return "", err
	}
	return filepath.Join(dir, fmt.Sprintf("%x", sha256.Sum256(fmt.Appendf(nil, "%q", subject)))[:32]+ending), nil
}

// lock waits for its turn among the runs with the same subject. It returns what ends the turn; a process that dies
// ends its own.
func lock(ctx context.Context, subject ...string) (unlock func(), err error) {
	path, err := fileOf(".lock", subject...)
	if err != nil {
		return nil, err
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600) //nolint:gosec // a hash in a directory of our own
	if err != nil {
		return nil, fmt.Errorf("opening a lock: %w", err)
	}
	if err := turn(ctx, file); err != nil {
		return nil, fmt.Errorf("waiting for the runs that ask the same: %w", err)
	}
	return func() { _ = file.Close() }, nil // which unlocks it
}

// turn locks a file, or waits in vain until ctx ends.
func turn(ctx context.Context, file *os.File) error {
	locked := make(chan error, 1)
	go func() { locked <- flock(file) }()
	select {
	case err := <-locked:
		return err
	case <-ctx.Done():
		return ctx.Err() // the wait goes on until the process ends, which is soon
	}
}

// flock locks a file, whatever signals arrive meanwhile.
func flock(file *os.File) error {
	for {
		if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX); !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}

// first reports whether nobody has noted the subject so far, and notes it.
func first(subject ...string) bool {
	path, err := fileOf(".told", subject...)
	if err != nil {
		return true
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600) //nolint:gosec // a hash in a directory of our own
	if err != nil {
		return !errors.Is(err, fs.ErrExist)
	}
	_ = file.Close()
	return true
}

// noted reports whether somebody has noted the subject.
func noted(subject ...string) bool {
	path, err := fileOf(".told", subject...)
	if err != nil {
		return false
	}
	_, err = os.Stat(path)
	return err == nil
}
