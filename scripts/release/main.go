// SPDX-License-Identifier: MPL-2.0

// Command release makes a release out of the last commit, below dist/: binaries, archives, bills of materials, the image,
// the notes and SHA256SUMS. It makes all of it twice, in two directories, and fails unless both are equal.
//
// START HERE: run is the order. build.go makes the binaries, archive.go packs them, licenses.go gathers the texts that go
// along, image.go makes the image without Docker, notes.go takes the notes from CHANGELOG.md, check.go and check_image.go look
// whether what was made is right.
//
// A module of its own, so that the plugin's does not depend on what only a release needs.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// release is what is to be made.
type release struct {
	root    string    // the repository
	version string    // such as v0.2.0
	links   string    // where the relative links of CHANGELOG.md lead to
	commit  string    // the last one, when the release began
	made    time.Time // when the commit was made: the time of all that has one
	sbom    string    // the program cyclonedx-gomod
	systems []platform
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := command(ctx, os.Args[1:])
	stop()
	switch {
	case errors.Is(err, flag.ErrHelp):
	case err != nil:
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

func command(ctx context.Context, args []string) error {
	r := &release{}
	flags := flag.NewFlagSet("release", flag.ContinueOnError)
	flags.StringVar(&r.version, "version", "", "The version, such as v0.2.0.")
	flags.StringVar(&r.links, "links", "", "Where the relative links of CHANGELOG.md lead to in the notes: a URL that ends in /.")
	r.systems = platforms
	flags.Func("platforms", "To try it: for which systems, such as linux/amd64,darwin/arm64; all five without it.", r.choose)
	plugin := flags.String("image-of", "", "Make no release, but the image of this plugin.")
	out := flags.String("out", "", "With -image-of, the file to write.")
	if err := flags.Parse(args); err != nil {
		return err //nolint:wrapcheck // names the flag
	}
	if !strings.HasPrefix(r.version, "v") {
		return fmt.Errorf("-version=%s must begin with v, such as v0.2.0", r.version)
	}
	if *plugin != "" {
		r.made = time.Unix(0, 0)
		return r.imageOf(*plugin, *out)
	}
	return r.run(ctx)
}

// run makes and checks the release.
func (r *release) run(ctx context.Context) error {
	var err error
	if r.root, err = output(ctx, ".", "git", "rev-parse", "--show-toplevel"); err != nil {
		return err
	}
	if r.commit, err = output(ctx, r.root, "git", "rev-parse", "HEAD"); err != nil {
		return err
	}
	seconds, err := output(ctx, r.root, "git", "log", "-1", "--format=%ct", r.commit)
	if err != nil {
		return err
	}
	unix, err := strconv.ParseInt(seconds, 10, 64)
	if err != nil {
		return fmt.Errorf("reading the time of the commit: %w", err)
	}
	r.made = time.Unix(unix, 0).UTC()
	if changed, err := output(ctx, r.root, "git", "status", "--porcelain"); err != nil {
		return err
	} else if changed != "" {
		say("note: what is not committed is not part of the release:\n%s", changed)
	}
	tmp, err := os.MkdirTemp("", "aws-dyn-release-")
	if err != nil {
		return fmt.Errorf("making a directory: %w", err)
	}
	defer func() { _ = os.RemoveAll(tmp) }()
	r.sbom = filepath.Join(tmp, "cyclonedx-gomod")
	say("building cyclonedx-gomod, which writes the bills of materials")
	if _, err := output(ctx, ".", "go", "build", "-trimpath", "-buildvcs=false", "-o", r.sbom, "github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod"); err != nil {
		return err
	}
	first, second := filepath.Join(tmp, "first"), filepath.Join(tmp, "the", "second")
	if err := r.make(ctx, first); err != nil {
		return err
	}
	say("making all of it again, in another directory and with an empty build cache")
	if err := r.make(ctx, second, "GOCACHE="+filepath.Join(tmp, "cache")); err != nil {
		return err
	}
	if err := r.check(first, second); err != nil {
		return err
	}
	dist := filepath.Join(r.root, "dist")
	if err := os.RemoveAll(dist); err != nil {
		return fmt.Errorf("removing the last release: %w", err)
	}
	if err := os.CopyFS(dist, os.DirFS(first)); err != nil {
		return fmt.Errorf("writing dist: %w", err)
	}
	say("%s is in dist/", r.version)
	return nil
}

// output runs a program in a directory and gives back what it printed.
func output(ctx context.Context, dir, name string, args ...string) (string, error) {
	return outputWith(ctx, dir, nil, name, args...)
}

// outputWith does so with additions to the environment.
func outputWith(ctx context.Context, dir string, env []string, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...) //nolint:gosec // git, go, make and what was built here
	var complaints bytes.Buffer                    // warnings of what went well help nobody
	cmd.Dir, cmd.Env, cmd.Stderr = dir, append(os.Environ(), env...), &complaints
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) } // make ends what it started
	cmd.WaitDelay = 10 * time.Second
	printed, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("running %s %s: %w\n%s", name, strings.Join(args, " "), err, bytes.TrimSpace(complaints.Bytes()))
	}
	return strings.TrimSpace(string(printed)), nil
}

// say tells on standard output how far it is.
func say(format string, args ...any) { fmt.Printf("release: "+format+"\n", args...) }
