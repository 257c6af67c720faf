// SPDX-License-Identifier: MPL-2.0

//go:build linux

package vaultaws

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// This file tests what vault-aws profiles makes of the file that it finds. What it writes is in process_test.go.

// profiles -write replaces whatever AWS_CONFIG_FILE names. vault-aws exec itself sets it to /dev/null: run by root in a shell
// that exec has started, profiles -write makes /dev/null of the whole machine a file of mode 0666 with profiles in it. What is
// no regular file has to be refused.
func TestProfilesReplacesADevice(t *testing.T) {
	t.Parallel()
	s := startStub(t)
	null := filepath.Join(s.home, "null") // anybody may make a pipe, and root alone a device
	if err := unix.Mkfifo(null, 0o600); err != nil {
		t.Fatal(err)
	}
	s.env = append(s.env, "AWS_CONFIG_FILE="+null)
	got := finish(t, s.helperCommand("profiles", "-write"))
	info, err := os.Lstat(null)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode()&os.ModeNamedPipe == 0 || got.status != 1 {
		t.Errorf("the pipe is replaced by a file: %v; status %d %s", info.Mode(), got.status, got.errs)
	}
}

// A link whose target does not exist yet, as people have who keep ~/.aws in a repository, is replaced by a file. The target
// is to be written, as AWS's own command line does.
func TestProfilesReplacesALink(t *testing.T) {
	t.Parallel()
	s := startStub(t)
	link, target := filepath.Join(s.home, ".aws", "config"), filepath.Join(s.home, "dotfiles")
	_, _ = os.Mkdir(filepath.Dir(link), 0o700), os.Symlink(target, link)
	got := finish(t, s.helperCommand("profiles", "-write"))
	if to, err := os.Readlink(link); err != nil || to != target {
		t.Errorf("the link is gone: %v; status %d %s", err, got.status, got.errs)
	}
}

// Run by root for somebody (sudo -E), a write would take the file from its owner, so it is refused.
func TestProfilesTakesTheFileFromItsOwner(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("SKIP: not root")
	}
	s := startStub(t)
	s.write(".aws/config", "[default]\nregion = eu-central-1\n")
	file := filepath.Join(s.home, ".aws", "config")
	if err := os.Chown(file, 12345, 12345); err != nil {
		t.Skip("SKIP: ", err)
	}
	got := finish(t, s.helperCommand("profiles", "-write"))
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	if owner := info.Sys().(*syscall.Stat_t).Uid; owner != 12345 {
		t.Errorf("the file of user 12345 is of user %d now, mode %v; status %d %s", owner, info.Mode(), got.status, got.errs)
	}
}

// Several runs at once, one for each mount, keep each other's blocks.
func TestProfilesAtOnce(t *testing.T) {
	t.Parallel()
	s := startStub(t)
	const runs = 8
	var all sync.WaitGroup
	all.Add(runs)
	s.holdUp(func(path string) {
		if path == "sys/capabilities-self" {
			all.Done()
			all.Wait()
		}
	})
	var ended sync.WaitGroup
	for i := range runs {
		ended.Go(func() {
			if got := finish(t, s.helperCommand("profiles", "-write", fmt.Sprint("-mount=m", i))); got.status != 0 {
				t.Errorf("status %d: %s", got.status, got.errs)
			}
		})
	}
	ended.Wait()
	content, _ := os.ReadFile(filepath.Join(s.home, ".aws", "config"))
	if n := strings.Count(string(content), "[profile of-m"); n != runs {
		t.Errorf("%d of %d profiles are in the file", n, runs)
	}
}

// AWS's SDKs take the keys of a profile in ~/.aws/credentials before the credential_process of the same name in
// ~/.aws/config. Such a profile never asks Vault, so it is to be left out with a word, as one that the file has elsewhere.
func TestProfilesBehindStaticKeys(t *testing.T) {
	t.Parallel()
	s := startStub(t)
	s.write(".aws/credentials", "[of-aws]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = s\n")
	got := finish(t, s.helperCommand("profiles", "-write"))
	if content, _ := os.ReadFile(filepath.Join(s.home, ".aws", "config")); strings.Contains(string(content), "[profile of-aws]") && !strings.Contains(got.errs, "credentials") {
		t.Errorf("the profile is written without a word: %s\n%s", got.errs, content)
	}
}

// A file with two names would have its new content under one of them alone. A file of root's, made in somebody's home, would
// be out of that user's reach; so would a new directory.
func TestProfilesKeepsOthersOut(t *testing.T) {
	t.Parallel()
	s := startStub(t)
	s.write(".aws/config", "[default]\n")
	file, other := filepath.Join(s.home, ".aws", "config"), filepath.Join(s.home, "other")
	if err := os.Link(file, other); err != nil {
		t.Fatal(err)
	}
	if got := finish(t, s.helperCommand("profiles", "-write")); got.status != 1 || !strings.Contains(got.errs, "2 names (hard links)") {
		t.Errorf("status %d: %s", got.status, got.errs)
	}
	s.mustRead(file, "[default]\n")
	if os.Getuid() != 0 {
		t.Skip("SKIP: not root")
	}
	home := filepath.Join(s.home, "home")
	if err := os.Mkdir(home, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(home, 12345, 12345); err != nil {
		t.Skip("SKIP: ", err)
	}
	s.env = append(s.env, "AWS_CONFIG_FILE="+filepath.Join(home, "new", "config"))
	if got := finish(t, s.helperCommand("profiles", "-write")); got.status != 1 || !strings.Contains(got.errs, "run vault-aws as the user 12345") {
		t.Errorf("status %d: %s", got.status, got.errs)
	}
	if _, err := os.Lstat(filepath.Join(home, "new")); err == nil {
		t.Error("a directory of root's is left")
	}
}
