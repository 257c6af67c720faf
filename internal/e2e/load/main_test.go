// SPDX-License-Identifier: MPL-2.0

// Package load has more clients than AWS serves at once, while calls fail: begin with load_test.go.
package load

import (
	"testing"

	"vault-plugin-secrets-aws-dyn/internal/e2e/programs"
)

func TestMain(m *testing.M) { programs.Main(m) }
