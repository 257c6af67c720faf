// SPDX-License-Identifier: MPL-2.0

package e2e

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// This file finds the peer: Vault's built-in AWS engine, built as a plugin of its own by scripts/vault.sh.

// peerProgram is the peer's binary in the plugin directory of every server.
type peerProgram struct {
	command string // its name there
	sha256  string
	version string // of the Vault that it comes from
}

// findPeer copies the peer into the plugin directory, once for all tests.
var findPeer = sync.OnceValues(func() (peerProgram, error) {
	// Not on a test's context: the peer serves those tests too that come after it.
	built, err := output(context.Background(), filepath.Join("..", "..", "scripts", "vault.sh"), "peer")
	if err != nil {
		return peerProgram{}, fmt.Errorf("finding the built-in engine: %w", err)
	}
	content, err := os.ReadFile(built)
	if err != nil {
		return peerProgram{}, fmt.Errorf("reading the built-in engine: %w", err)
	}
	const command = "built-in-aws"
	if err := os.WriteFile(filepath.Join(filepath.Dir(programs.plugin), command), content, 0o700); err != nil {
		return peerProgram{}, fmt.Errorf("copying the built-in engine: %w", err)
	}
	sum := sha256.Sum256(content)
	_, version, found := strings.Cut(filepath.Base(built), "aws-peer-")
	if !found {
		return peerProgram{}, fmt.Errorf("the built-in engine %s has no version in its name", built)
	}
	return peerProgram{command, hex.EncodeToString(sum[:]), version}, nil
})

// path is where the binary is.
func (p peerProgram) path() string { return filepath.Join(filepath.Dir(programs.plugin), p.command) }

// peer is the peer's binary; without it the test cannot tell anything.
func peer(t testing.TB) peerProgram {
	t.Helper()
	p, err := findPeer()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// registerPeer puts the peer into the catalog under a name. It reports no version, so it gets the one given here.
func (v *server) registerPeer(name string) peerProgram {
	v.t.Helper()
	p := peer(v.t)
	v.cli("plugin", "register", "-sha256="+p.sha256, "-command="+p.command, "-version="+p.version, "secret", name)
	return p
}
