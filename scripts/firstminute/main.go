// SPDX-License-Identifier: MPL-2.0

// Command firstminute measures what somebody waits for who clones this repository and runs `make demo`: until the demo's first
// line, until the first credential, and until its end, for each way to a Vault. `make first-minute` runs it. It measures what is
// committed.
//
// Each row has a fresh clone without .tools, and its own empty caches of Go's builds and modules; the rows "wrong" and "missing"
// alone take the caches that "build" has filled, since all three end in the same build. A local server plays
// releases.hashicorp.com with a zip of the Vault of this checkout, as fast as the machine can.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// run measures the ways that the flags name, and prints a row for each as it ends.
func run(ctx context.Context) error {
	chosen := flag.String("ways", strings.Join(names(), ","), "what to measure: these `names`, separated by commas")
	warm := flag.Bool("warm", false, "use the caches of Go that this machine has, instead of empty ones")
	verbose := flag.Bool("v", false, "show what the demo says, with the time of each line")
	flag.Parse()
	for name := range strings.SplitSeq(*chosen, ",") {
		if !slices.Contains(names(), name) {
			return fmt.Errorf("there is no way %q: the ways are %s", name, strings.Join(names(), ", "))
		}
	}
	root, err := output(ctx, "git", "rev-parse", "--show-toplevel")
	if err != nil {
		return err
	}
	vault, err := output(ctx, filepath.Join(root, "scripts", "vault.sh"))
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "first-minute-")
	if err != nil {
		return fmt.Errorf("making a directory: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }() // what is left is in the system's temporary directory
	web, err := playWeb(ctx, dir, vault)
	if err != nil {
		return err
	}
	defer web.server.Close()
	closed := httptest.NewServer(nil)
	closed.Close()

	m := measure{root: root, dir: dir, vault: vault, web: web, closed: closed.URL, warm: *warm, verbose: *verbose}
	fmt.Printf("%-10s %-20s %12s %18s %9s %11s  %s\n", "way", "caches", "first line", "first credential", "the end", "processor", "Vault")
	var failed []error
	for _, w := range ways {
		if !slices.Contains(strings.Split(*chosen, ","), w.name) {
			continue
		}
		r, err := m.row(ctx, w)
		if err != nil {
			failed = append(failed, fmt.Errorf("%s: %w", w.name, err))
			continue
		}
		fmt.Printf("%-10s %-20s %10.1f s %16.1f s %7.1f s %9.1f s  %s\n",
			w.name, r.caches, r.firstLine.Seconds(), r.firstCredential.Seconds(), r.end.Seconds(), r.processor.Seconds(), r.vault)
	}
	return errors.Join(failed...)
}

// output runs a program and gives back what it prints.
func output(ctx context.Context, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...) //nolint:gosec // the callers name programs of this repository
	cmd.Stderr = os.Stderr
	printed, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("running %s: %w", name, err)
	}
	return strings.TrimSpace(string(printed)), nil
}
