// SPDX-License-Identifier: MPL-2.0

//go:build unix

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// configuration is the path of AWS's configuration file, where links to it lead.
type configuration string

// findConfiguration finds it. A last link may lead to a file that is still to be made.
func findConfiguration() (configuration, error) {
	if _, err := os.UserHomeDir(); err != nil && os.Getenv(configFile.variable) == "" {
		return "", fmt.Errorf("finding ~/.aws/config: %w", err)
	}
	path := configFile.path(os.Environ())
	for range 40 { // as many links as Linux follows
		dir, err := filepath.EvalSymlinks(filepath.Dir(path))
		if errors.Is(err, fs.ErrNotExist) {
			return configuration(path), nil
		}
		if err != nil {
			return "", fmt.Errorf("finding AWS's configuration: %w", err)
		}
		path = filepath.Join(dir, filepath.Base(path))
		target, err := os.Readlink(path)
		if errors.Is(err, syscall.EINVAL) || errors.Is(err, fs.ErrNotExist) { // it is no link, or not there
			return configuration(path), nil
		}
		if err != nil {
			return "", fmt.Errorf("finding AWS's configuration: %w", err)
		}
		if !filepath.IsAbs(target) {
			target = filepath.Join(dir, target)
		}
		path = target
	}
	return "", fmt.Errorf("finding AWS's configuration: the links at %s lead in a circle", path)
}

// read reads it; a file that is not there is empty. What is no regular file, as a device or a pipe, is refused: it would
// not be replaced by what replaces it.
func (c configuration) read() (string, error) {
	info, err := os.Stat(string(c))
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err == nil && !info.Mode().IsRegular() {
		return "", fmt.Errorf("%s is not a regular file: set AWS_CONFIG_FILE to AWS's configuration file, or unset it (in a command of vault-aws exec it may be %s)", c, os.DevNull)
	}
	content, err := os.ReadFile(string(c))
	if err != nil {
		return "", fmt.Errorf("reading AWS's configuration: %w", err)
	}
	return string(content), nil
}

// lock lets the runs that write to the file take turns, whatever their environment: the lock is on the directory, which is made.
func (c configuration) lock(ctx context.Context, errs io.Writer) (unlock func(), err error) {
	dir := filepath.Dir(string(c))
	if _, _, err := c.keep(); err != nil {
		return nil, fmt.Errorf("writing %s: %w", c, err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("writing %s: %w", c, err)
	}
	file, err := os.Open(dir) //nolint:gosec // the directory of whoever runs this
	if err != nil {
		return nil, fmt.Errorf("writing %s: %w", c, err)
	}
	waiting, cancel := context.WithTimeout(ctx, lockTime)
	defer cancel()
	switch err := turn(waiting, file); {
	case waiting.Err() != nil:
		return nil, fmt.Errorf("waiting for another run that writes %s: %w", c, err)
	case err != nil: // not every file system of a network has locks
		say(errs, "going on without a lock: locking %s: %v", dir, err)
	}
	return func() { _ = file.Close() }, nil // which unlocks it
}

// replace writes a file that nobody sees half written, with the owner, the group and the mode that it had.
func (c configuration) replace(content string) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("writing %s: %w", c, err)
		}
	}()
	mode, group, err := c.keep()
	if err != nil {
		return err
	}
	file, err := os.CreateTemp(filepath.Dir(string(c)), "."+filepath.Base(string(c))+".*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(file.Name()) // the first error says more
		}
	}()
	_, err = file.WriteString(content)
	if made, statErr := file.Stat(); statErr != nil {
		err = errors.Join(err, statErr)
	} else if group >= 0 && int(made.Sys().(*syscall.Stat_t).Gid) != group {
		if err := file.Chown(-1, group); err != nil {
			return errors.Join(fmt.Errorf("keeping its group %d: %w", group, err), file.Close())
		}
	}
	err = errors.Join(err, file.Chmod(mode), file.Sync(), file.Close())
	if err != nil {
		return err
	}
	return os.Rename(file.Name(), string(c))
}

// keep is the mode and the group that the file keeps; a new one has mode 0600, and group -1 stands for any. It refuses
// what another file in its place would change: who owns it, and its other names.
func (c configuration) keep() (mode fs.FileMode, group int, err error) {
	what := string(c)
	mode, group = 0o600, -1
	info, err := os.Stat(what)
	for errors.Is(err, fs.ErrNotExist) { // then whose directory it is, or is made in
		what = filepath.Dir(what)
		info, err = os.Stat(what)
	}
	if err != nil {
		return 0, 0, err
	}
	is := info.Sys().(*syscall.Stat_t)
	owner, links := int(is.Uid), is.Nlink
	switch {
	case owner != os.Geteuid() && (!info.IsDir() || os.Geteuid() == 0):
		return 0, 0, fmt.Errorf("%s belongs to the user %d, and a file of the user %d would take its place: run vault-aws as the user %d", what, owner, os.Geteuid(), owner)
	case info.IsDir():
		return mode, group, nil
	case links > 1:
		return 0, 0, fmt.Errorf("the file has %d names (hard links), and the others would keep what it holds now: remove them, or use symbolic links", links)
	}
	return info.Mode().Perm(), int(is.Gid), nil
}
