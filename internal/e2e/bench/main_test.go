// SPDX-License-Identifier: MPL-2.0

// Package bench compares the plugin's speed with the built-in engine's: begin with bench_test.go and docs/performance.md.
package bench

import (
	"testing"

	"vault-plugin-secrets-aws-dyn/internal/e2e/programs"
)

func TestMain(m *testing.M) { programs.Main(m) }
