// SPDX-License-Identifier: MPL-2.0

package main

// Whom the engine takes for AWS where the system says nothing of it: the image of a release holds this program and no
// list of certificate authorities.

import (
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"

	"golang.org/x/crypto/x509roots/fallback/bundle"
)

// systemRoots are where crypto/x509 finds the list of a Linux system, whatever the distribution.
var systemRoots = []string{"/etc/ssl", "/etc/pki"}

// trustBundledRoots makes Mozilla's list, which is part of the program, the system's, where none of the directories
// exists. AWS_CA_BUNDLE and SSL_CERT_FILE count nevertheless. The list takes 10 ms and 3 MB: only where it is needed.
func trustBundledRoots(directories []string) error {
	if runtime.GOOS != "linux" {
		return nil // the system itself verifies
	}
	for _, d := range directories {
		if _, err := os.Stat(d); !errors.Is(err, fs.ErrNotExist) { //nolint:gosec // the directories of systemRoots
			return nil
		}
	}
	pool := x509.NewCertPool()
	for root := range bundle.Roots() {
		certificate, err := x509.ParseCertificate(root.Certificate)
		if err != nil {
			return fmt.Errorf("reading the certificate authorities of this program: %w", err)
		}
		if root.Constraint == nil {
			pool.AddCert(certificate)
		} else {
			pool.AddCertWithConstraint(certificate, root.Constraint)
		}
	}
	x509.SetFallbackRoots(pool)
	return nil
}
