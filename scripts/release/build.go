// SPDX-License-Identifier: MPL-2.0

package main

// The binaries, for every system, by the Makefile of the commit: what make build makes is what is released.

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// The programs that are released.
const (
	pluginName = "vault-plugin-secrets-aws-dyn"
	helperName = "vault-aws"
)

// platform is a system that is released for.
type platform struct{ os, arch string }

// platforms are those that Vault and OpenBao have servers for and people have terminals on.
var platforms = []platform{{"linux", "amd64"}, {"linux", "arm64"}, {"darwin", "amd64"}, {"darwin", "arm64"}, {"windows", "amd64"}}

func (p platform) String() string { return p.os + "/" + p.arch }

// choose reads a list of some of the platforms.
func (r *release) choose(list string) error {
	r.systems = nil
	for name := range strings.SplitSeq(list, ",") {
		at := slices.IndexFunc(platforms, func(p platform) bool { return p.String() == name })
		if at < 0 {
			return fmt.Errorf("%q is none of %v", name, platforms)
		}
		r.systems = append(r.systems, platforms[at])
	}
	return nil
}

// programs are those that are released for a system. vault-aws knows signals and terminals of Unix.
func (p platform) programs() []string {
	if p.os == "windows" {
		return []string{pluginName}
	}
	return []string{pluginName, helperName}
}

// file is how the system calls a program.
func (p platform) file(program string) string {
	if p.os == "windows" {
		return program + ".exe"
	}
	return program
}

// settings of Go's that would change what is built, as a release has them.
var settings = []string{"GOFLAGS=", "GOWORK=off", "GOEXPERIMENT=", "GOFIPS140=off", "GOAMD64=v1", "GOARM64=v8.0", "LC_ALL=C"}

// binary is one that was built.
type binary struct {
	platform
	program string
	path    string // where the build has left it
	name    string // in the release, without .exe
}

// make makes the whole release in a directory that is not there yet.
func (r *release) make(ctx context.Context, dir string, env ...string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // a release is for everybody
		return fmt.Errorf("making a directory for the release: %w", err)
	}
	source, err := os.MkdirTemp(filepath.Dir(dir), "source-")
	if err != nil {
		return fmt.Errorf("making a directory for the source: %w", err)
	}
	defer func() { _ = os.RemoveAll(source) }()
	archive := filepath.Join(source, "source.tar")
	if _, err := output(ctx, r.root, "git", "archive", "--format=tar", "--output="+archive, r.commit); err != nil {
		return err
	}
	if _, err := output(ctx, source, "tar", "-xf", archive); err != nil {
		return err
	}
	var built []binary
	for _, p := range r.systems {
		say("building for %s", p)
		binaries, err := r.build(ctx, source, p, env)
		if err != nil {
			return err
		}
		built = append(built, binaries...)
	}
	texts, err := r.texts(ctx, source, built)
	if err != nil {
		return err
	}
	for _, b := range built {
		if err := r.pack(ctx, dir, b, texts); err != nil {
			return err
		}
	}
	if err := r.writeImage(filepath.Join(dir, pluginName+"_"+r.version+"_oci.tar"), built); err != nil {
		return err
	}
	if err := r.writeNotes(filepath.Join(source, "CHANGELOG.md"), filepath.Join(dir, "RELEASE_NOTES.md")); err != nil {
		return err
	}
	return writeSums(dir)
}

// build builds the programs of one system.
func (r *release) build(ctx context.Context, source string, p platform, env []string) ([]binary, error) {
	env = append(append([]string{"GOOS=" + p.os, "GOARCH=" + p.arch}, settings...), env...)
	_, err := outputWith(ctx, source, env, "make", "-s", "build", "VERSION="+r.version, "PROGRAMS="+strings.Join(p.programs(), " "))
	if err != nil {
		return nil, err
	}
	bin := filepath.Join(source, p.os+"_"+p.arch)
	if err := os.Rename(filepath.Join(source, "bin"), bin); err != nil {
		return nil, fmt.Errorf("keeping what was built for %s: %w", p, err)
	}
	var built []binary
	for _, program := range p.programs() {
		name := strings.Join([]string{program, r.version, p.os, p.arch}, "_")
		built = append(built, binary{platform: p, program: program, path: filepath.Join(bin, p.file(program)), name: name})
	}
	return built, nil
}
