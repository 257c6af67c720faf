// SPDX-License-Identifier: MPL-2.0

// Package walk uses the plugin in a real Vault as an operator does, from the first mount to the last lease: begin with walk_test.go.
package walk

import (
	"testing"

	"vault-plugin-secrets-aws-dyn/internal/e2e/programs"
)

func TestMain(m *testing.M) { programs.Main(m) }
