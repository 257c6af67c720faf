// SPDX-License-Identifier: MPL-2.0

// Package takeover moves a mount from the built-in engine to this one and back: begin with takeover_test.go.
package takeover

import (
	"testing"

	"vault-plugin-secrets-aws-dyn/internal/e2e/programs"
)

func TestMain(m *testing.M) { programs.Main(m) }
