// SPDX-License-Identifier: MPL-2.0

package server

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

	"vault-plugin-secrets-aws-dyn/internal/e2e/programs"
)

// This file finds the peer: Vault's built-in AWS engine, built as a plugin of its own by scripts/vault.sh.

// PeerProgram is the peer's binary in the plugin directory of every server.
type PeerProgram struct {
	Command string // its name there
	SHA256  string
	Version string // of the Vault that it comes from
}

// findPeer copies the peer into the plugin directory, once for all tests.
var findPeer = sync.OnceValues(func() (PeerProgram, error) {
	// Not on a test's context: the peer serves those tests too that come after it.
	built, err := programs.Output(context.Background(), programs.Repository+"/scripts/vault.sh", "peer")
	if err != nil {
		return PeerProgram{}, fmt.Errorf("finding the built-in engine: %w", err)
	}
	content, err := os.ReadFile(built)
	if err != nil {
		return PeerProgram{}, fmt.Errorf("reading the built-in engine: %w", err)
	}
	const command = "built-in-aws"
	if err := os.WriteFile(filepath.Join(filepath.Dir(programs.Built.Plugin), command), content, 0o700); err != nil {
		return PeerProgram{}, fmt.Errorf("copying the built-in engine: %w", err)
	}
	sum := sha256.Sum256(content)
	_, version, found := strings.Cut(filepath.Base(built), "aws-peer-")
	if !found {
		return PeerProgram{}, fmt.Errorf("the built-in engine %s has no version in its name", built)
	}
	return PeerProgram{command, hex.EncodeToString(sum[:]), version}, nil
})

// Path is where the binary is.
func (p PeerProgram) Path() string {
	return filepath.Join(filepath.Dir(programs.Built.Plugin), p.Command)
}

// Peer is the peer's binary; without it the test cannot tell anything.
func Peer(t testing.TB) PeerProgram {
	t.Helper()
	p, err := findPeer()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// RegisterPeer puts the peer into the catalog under a name. It reports no version, so it gets the one given here.
func (v *Server) RegisterPeer(name string) PeerProgram {
	v.T.Helper()
	p := Peer(v.T)
	v.CLI("plugin", "register", "-sha256="+p.SHA256, "-command="+p.Command, "-version="+p.Version, "secret", name)
	return p
}
