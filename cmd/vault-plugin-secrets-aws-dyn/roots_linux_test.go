// SPDX-License-Identifier: MPL-2.0

package main

import (
	"crypto/x509"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Where the system has no list of certificate authorities, as in the release's image, the program's own counts; and
// where it has one, that.
func TestBundledRoots(t *testing.T) {
	t.Parallel()
	const child = "AWSDYN_TEST_ROOTS"
	if directory := os.Getenv(child); directory != "" {
		if err := trustBundledRoots([]string{directory}); err != nil {
			t.Fatal(err)
		}
		pool, err := x509.SystemCertPool()
		if err != nil || pool.Equal(x509.NewCertPool()) {
			t.Fatalf("nobody is trusted: %v", err)
		}
		return
	}
	missing := filepath.Join(t.TempDir(), "missing")
	for directory, trusts := range map[string]bool{missing: true, t.TempDir(): false} {
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestBundledRoots$", "-test.v")
		cmd.Env = append(os.Environ(), child+"="+directory, "SSL_CERT_FILE="+missing, "SSL_CERT_DIR="+missing)
		out, err := cmd.CombinedOutput()
		if (err == nil) != trusts {
			t.Errorf("the directory of the system's list exists: %t; %v\n%s", !trusts, err, out)
		}
	}
}
