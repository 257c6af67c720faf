// SPDX-License-Identifier: MPL-2.0

// Package takeover takes a mount over from the built-in engine and gives it back: begin with takeover_test.go.
package takeover

import (
	"testing"

	"vault-plugin-secrets-aws-dyn/internal/e2e/programs"
)

func TestMain(m *testing.M) { programs.Main(m) }
