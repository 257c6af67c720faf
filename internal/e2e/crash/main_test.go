// SPDX-License-Identifier: MPL-2.0

// Package crash kills the plugin between any two of its steps: begin with crash_test.go.
package crash

import (
	"testing"

	"vault-plugin-secrets-aws-dyn/internal/e2e/programs"
)

func TestMain(m *testing.M) { programs.Main(m) }
