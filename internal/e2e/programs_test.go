// SPDX-License-Identifier: MPL-2.0

package e2e

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

// This file finds the programs under test before any test runs. If it cannot, the run fails: a missing Vault is
// no reason to call the plugin tested.

// pluginName is what the binary is called, and therefore what its process is called.
const pluginName = "vault-plugin-secrets-aws-dyn"

// programs are the binaries that the tests use.
var programs struct {
	vault   string // the Vault server and command line
	plugin  string // the shipped plugin
	helper  string // vault-aws
	sha256  string // of the plugin, in hexadecimal
	version string // that the plugin prints
}

// soak makes the long tests run at their full length: `make soak`.
var soak = flag.Bool("soak", false, "run the long tests at their full length")

func TestMain(m *testing.M) {
	if os.Getenv(loopInGo) != "" { // this is a program for an AWS SDK, which a test has started
		callAWS(os.Stdin, os.Stdout)
		return
	}
	flag.Parse()
	if os.Getenv(sdkChild) != "" {
		os.Exit(askByDefaultChain())
	}
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
	// The tests wait more than they compute: for Vault's minute between two rollbacks, above all. Let them wait together.
	if err := flag.Set("test.parallel", "12"); err != nil {
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
	root, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		return fmt.Errorf("finding the repository: %w", err)
	}
	if programs.vault, err = output(ctx, filepath.Join(root, "scripts", "vault.sh")); err != nil {
		return fmt.Errorf("finding a Vault server: %w", err)
	}
	shipped := os.Getenv("PLUGIN_BIN")
	if shipped == "" {
		if _, err := output(ctx, "make", "-s", "-C", root, "build"); err != nil {
			return fmt.Errorf("building the plugin: %w", err)
		}
		shipped = filepath.Join(root, "bin", pluginName)
	}
	content, err := os.ReadFile(shipped)
	if err != nil {
		return fmt.Errorf("reading the plugin: %w", err)
	}
	sum := sha256.Sum256(content)
	programs.sha256 = hex.EncodeToString(sum[:])
	// Vault wants the plugin directory without symbolic links.
	if dir, err = filepath.EvalSymlinks(dir); err != nil {
		return fmt.Errorf("finding the plugin directory: %w", err)
	}
	programs.plugin = filepath.Join(dir, pluginName)
	if err := os.WriteFile(programs.plugin, content, 0o700); err != nil {
		return fmt.Errorf("copying the plugin: %w", err)
	}
	programs.helper = filepath.Join(dir, "vault-aws")
	if content, err = os.ReadFile(filepath.Join(root, "bin", "vault-aws")); err != nil {
		return fmt.Errorf("reading vault-aws, which make build makes: %w", err)
	}
	if err := os.WriteFile(programs.helper, content, 0o700); err != nil {
		return fmt.Errorf("copying vault-aws: %w", err)
	}
	said, err := output(ctx, programs.plugin, "--version")
	if err != nil {
		return fmt.Errorf("asking the plugin for its version: %w", err)
	}
	programs.version = regexp.MustCompile(`v\d+\.\d+\.\d+[-+.\w]*`).FindString(said)
	if programs.version == "" {
		return fmt.Errorf("the plugin's --version prints no version: %q", said)
	}
	return nil
}

// output runs a program, shows its standard error as it comes, and gives back what it printed.
func output(ctx context.Context, name string, args ...string) (string, error) {
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
