// SPDX-License-Identifier: MPL-2.0

// Package editions upgrades a mount from version 0.1 of the engine to this one while it is in use, and downgrades it: begin with editions_test.go.
package editions

import (
	"testing"

	"vault-plugin-secrets-aws-dyn/internal/e2e/programs"
)

func TestMain(m *testing.M) { programs.Main(m) }
