// SPDX-License-Identifier: MPL-2.0

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// This file clones, runs the demo, and looks at the clock.

// way is one way to a Vault.
type way struct {
	name string
	env  func(m measure) []string
	kept bool // it takes the caches of "build"
}

var ways = []way{
	{name: "VAULT_BIN", env: func(m measure) []string { return []string{"VAULT_BIN=" + m.vault} }},
	{name: "PATH", env: func(measure) []string { return nil }},
	{name: "download", env: func(m measure) []string { return m.releases(m.web.server.URL+"/good", m.web.sums) }},
	{name: "build", env: func(m measure) []string { return m.releases(m.closed, m.web.sums) }},
	{name: "wrong", env: func(m measure) []string { return m.releases(m.web.server.URL+"/good", m.web.wrong) }, kept: true},
	{name: "missing", env: func(m measure) []string { return m.releases(m.web.server.URL+"/none", m.web.sums) }, kept: true},
}

func names() []string {
	var all []string
	for _, w := range ways {
		all = append(all, w.name)
	}
	return all
}

// measure is what all rows share.
type measure struct {
	root, dir, vault string
	web              web
	closed           string // address where nobody listens
	warm, verbose    bool
}

func (measure) releases(address, sums string) []string {
	return []string{"AWSDYN_RELEASES=" + address, "AWSDYN_RELEASE_SUMS=" + sums}
}

// times are those of one row, from the beginning of the clone.
type times struct {
	caches, vault                   string
	firstLine, firstCredential, end time.Duration
	processor                       time.Duration
}

// row measures one way. If the demo fails, all that it said is shown.
func (m measure) row(ctx context.Context, w way) (times, error) {
	dir := filepath.Join(m.dir, w.name)
	r := times{caches: "of this machine"}
	env := append(os.Environ(), w.env(m)...)
	if !m.warm {
		caches := filepath.Join(dir, "caches")
		r.caches = "empty"
		if build := filepath.Join(m.dir, "build", "caches"); w.kept && exists(build) {
			caches, r.caches = build, "of the row build"
		}
		env = append(env, "GOCACHE="+filepath.Join(caches, "build"), "GOMODCACHE="+filepath.Join(caches, "modules"),
			"GOFLAGS="+strings.TrimSpace(os.Getenv("GOFLAGS")+" -modcacherw")) // so that they can be removed
		if w.name != "build" {
			defer func() { _ = os.RemoveAll(dir) }() // the run removes what is left
		}
	}
	// Of the Vaults on PATH this is the first: the real one in one row, one that will not do in all others.
	bin := filepath.Join(dir, "bin")
	if err := os.MkdirAll(bin, 0o750); err != nil {
		return times{}, fmt.Errorf("making a directory: %w", err)
	}
	vault := filepath.Join(bin, "vault")
	err := os.WriteFile(vault, []byte("#!/bin/sh\necho 'Vault v1.0.0, which is too old'\n"), 0o700) //nolint:gosec // it is run
	if w.name == "PATH" {
		_ = os.Remove(vault)
		err = os.Symlink(m.vault, vault)
	}
	if err != nil {
		return times{}, fmt.Errorf("making a vault for PATH: %w", err)
	}
	env = append(env, "PATH="+bin+string(filepath.ListSeparator)+os.Getenv("PATH"), "TMPDIR="+dir)

	began := time.Now()
	clone := filepath.Join(dir, "clone")
	if _, err := output(ctx, "git", "clone", "-q", m.root, clone); err != nil {
		return times{}, err
	}
	cmd := exec.CommandContext(ctx, "make", "-s", "demo")
	cmd.Dir, cmd.Env = clone, env
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	err = r.watch(cmd, began, m.verbose)
	return r, err
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// watch runs the demo, and notes when its lines come.
func (r *times) watch(cmd *exec.Cmd, began time.Time, verbose bool) error {
	read, write := io.Pipe()
	cmd.Stdout, cmd.Stderr = write, write
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("starting the demo: %w", err)
	}
	ended := make(chan error, 1)
	go func() {
		ended <- cmd.Wait()
		_ = write.Close() // a pipe's never fails
	}()
	var said []string
	for lines := bufio.NewScanner(read); lines.Scan(); {
		line, now := lines.Text(), time.Since(began)
		said = append(said, fmt.Sprintf("%6.1f s  %s", now.Seconds(), line))
		switch {
		case r.firstLine == 0:
			r.firstLine = now
		case r.firstCredential == 0 && strings.HasPrefix(line, "access_key "):
			r.firstCredential = now
		case strings.HasPrefix(line, "Vault v") && strings.Contains(line, " is /"):
			_, path, _ := strings.Cut(line, " is ")
			r.vault = filepath.Base(filepath.Dir(path)) + "/" + filepath.Base(path)
		}
	}
	err := <-ended
	r.end = time.Since(began)
	r.processor = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	if err == nil && r.firstCredential == 0 {
		err = errors.New("it showed no credential")
	}
	if verbose || err != nil {
		fmt.Fprintln(os.Stderr, strings.Join(said, "\n"))
	}
	return err
}
