// SPDX-License-Identifier: MPL-2.0

// Package programs finds the programs under test before any test of a suite runs. If it cannot find one, the run fails: without
// a Vault, the plugin was not tested.
package programs

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

// Repository is where the repository is, from the folder of a suite, in which its tests run.
const Repository = "../../.."

// PluginName is what the binary is called, and therefore what its process is called.
const PluginName = "vault-plugin-secrets-aws-dyn"

// Built are the binaries that the tests use.
var Built struct {
	Vault   string // the Vault server and command line
	Plugin  string // the shipped plugin
	Helper  string // vault-aws
	SHA256  string // of the plugin, in hexadecimal
	Version string // that the plugin prints
}

// Soak makes the long tests run at their full length: `make soak`.
var Soak = flag.Bool("soak", false, "run the long tests at their full length")

// Main runs the tests of a suite, with the programs that they need, and ends the process: the suite's TestMain.
func Main(m *testing.M) {
	flag.Parse()
	code, err := runAll(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "The end-to-end tests cannot run:", err)
		code = 1
	}
	os.Exit(code)
}

// runAll runs all tests on a copy of the plugin: Vault checks the sha256 whenever it starts the binary, and a
// `make build` in another terminal must not fail the tests under way.
func runAll(m *testing.M) (int, error) {
	// The tests wait more than they compute: for Vault's minute between two rollbacks, above all. Let them wait together,
	// while other suites run beside this one.
	if err := flag.Set("test.parallel", "6"); err != nil {
		return 0, fmt.Errorf("setting test.parallel: %w", err)
	}
	cleanEnvironment()
	// Who runs the tests by nohup has SIGHUP ignored, which programs inherit unless it is handled here.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP)
	dir, err := os.MkdirTemp("", "aws-dyn-e2e-")
	if err != nil {
		return 0, fmt.Errorf("making a plugin directory: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }() // what is left is in the system's temporary directory
	if err := findPrograms(context.Background(), dir); err != nil {
		return 0, err
	}
	return m.Run(), nil
}

// cleanEnvironment takes the caller's AWS and Vault settings out of this process and so out of all that it starts.
func cleanEnvironment() {
	for _, pair := range os.Environ() {
		name, _, _ := strings.Cut(pair, "=")
		if name == "AWS_CA_BUNDLE" || name == "VAULT_BIN" || name == "VAULT_FULL" {
			continue
		}
		if strings.HasPrefix(name, "AWS_") || strings.HasPrefix(name, "VAULT_") || strings.HasPrefix(name, "BAO_") {
			_ = os.Unsetenv(name) // it fails for malformed names alone
		}
	}
}

// findPrograms asks scripts/vault.sh for a Vault, and copies the plugin of $PLUGIN_BIN, or one built as users build
// it, into the directory.
func findPrograms(ctx context.Context, dir string) error {
	root, err := filepath.Abs(Repository)
	if err != nil {
		return fmt.Errorf("finding the repository: %w", err)
	}
	unlock, err := lock(filepath.Join(root, "Makefile"))
	if err != nil {
		return err
	}
	defer unlock()
	if Built.Vault, err = Output(ctx, filepath.Join(root, "scripts", "vault.sh")); err != nil {
		return fmt.Errorf("finding a Vault server: %w", err)
	}
	shipped := os.Getenv("PLUGIN_BIN")
	if shipped == "" {
		if _, err := Output(ctx, "make", "-s", "-C", root, "build"); err != nil {
			return fmt.Errorf("building the plugin: %w", err)
		}
		shipped = filepath.Join(root, "bin", PluginName)
	}
	content, err := os.ReadFile(shipped)
	if err != nil {
		return fmt.Errorf("reading the plugin: %w", err)
	}
	sum := sha256.Sum256(content)
	Built.SHA256 = hex.EncodeToString(sum[:])
	// Vault wants the plugin directory without symbolic links.
	if dir, err = filepath.EvalSymlinks(dir); err != nil {
		return fmt.Errorf("finding the plugin directory: %w", err)
	}
	Built.Plugin = filepath.Join(dir, PluginName)
	if err := os.WriteFile(Built.Plugin, content, 0o700); err != nil {
		return fmt.Errorf("copying the plugin: %w", err)
	}
	Built.Helper = filepath.Join(dir, "vault-aws")
	if content, err = os.ReadFile(filepath.Join(root, "bin", "vault-aws")); err != nil {
		return fmt.Errorf("reading vault-aws, which make build makes: %w", err)
	}
	if err := os.WriteFile(Built.Helper, content, 0o700); err != nil {
		return fmt.Errorf("copying vault-aws: %w", err)
	}
	said, err := Output(ctx, Built.Plugin, "--version")
	if err != nil {
		return fmt.Errorf("asking the plugin for its version: %w", err)
	}
	Built.Version = regexp.MustCompile(`v\d+\.\d+\.\d+[-+.\w]*`).FindString(said)
	if Built.Version == "" {
		return fmt.Errorf("the plugin's --version prints no version: %q", said)
	}
	return nil
}

// lock has the suites that start at the same time build one after the other what is not there yet.
func lock(file string) (unlock func(), err error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("finding the repository: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		return nil, fmt.Errorf("waiting for the other suites: %w", errors.Join(err, f.Close()))
	}
	return func() { _ = f.Close() }, nil // which gives the lock back
}

// Output runs a program, shows its standard error as it comes, and gives back what it printed.
func Output(ctx context.Context, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Stderr = os.Stderr
	printed, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("running %s: %w", strings.Join(append([]string{name}, args...), " "), err)
	}
	text := strings.TrimSpace(string(printed))
	if filepath.Base(name) == "vault.sh" && text == "" {
		return "", errors.New("scripts/vault.sh printed no path")
	}
	return text, nil
}

// Build puts a plugin into the plugin directory of every server, built as the shipped one is, from a package and
// with further flags before it.
func Build(name string, args ...string) (sha256sum string, err error) {
	return BuildIn(Repository, name, args...)
}

// BuildIn is Build for a package of the module around a directory.
func BuildIn(dir, name string, args ...string) (sha256sum string, err error) {
	file := filepath.Join(filepath.Dir(Built.Plugin), name)
	// Not on a test's context: it serves those tests too that come after this one.
	build := append([]string{"CGO_ENABLED=0", "go", "build", "-C", dir, "-trimpath", "-buildvcs=false", "-o", file}, args...)
	if _, err := Output(context.Background(), "env", build...); err != nil {
		return "", fmt.Errorf("building %s: %w", name, err)
	}
	content, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("reading %s: %w", name, err)
	}
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:]), nil
}
