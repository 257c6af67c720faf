// SPDX-License-Identifier: MPL-2.0

// Package differential compares the plugin with the built-in engine: begin with differential_test.go and
// testdata/differences.txt.
package differential

import (
	"testing"

	"vault-plugin-secrets-aws-dyn/internal/e2e/programs"
)

func TestMain(m *testing.M) { programs.Main(m) }
