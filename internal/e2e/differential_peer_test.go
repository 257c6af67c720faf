// SPDX-License-Identifier: MPL-2.0

package e2e

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"testing"
)

// peerName is what the binary of the built-in engine is called in the plugin directory.
const peerName = "aws-peer"

// installPeer puts Vault's built-in engine, built as a plugin, beside ours and returns its sha256. scripts/vault.sh
// builds it if it is not there yet: a comparison that did not happen is not a comparison that found nothing.
func installPeer(t *testing.T) string {
	t.Helper()
	built, err := output(t.Context(), filepath.Join("..", "..", "scripts", "vault.sh"), "peer")
	if err != nil {
		t.Fatalf("building the built-in engine as a plugin: %v", err)
	}
	content, err := os.ReadFile(built)
	if err != nil {
		t.Fatalf("reading the built-in engine: %v", err)
	}
	if err := os.WriteFile(filepath.Join(filepath.Dir(programs.plugin), peerName), content, 0o700); err != nil {
		t.Fatalf("copying the built-in engine: %v", err)
	}
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}
