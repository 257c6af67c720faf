// SPDX-License-Identifier: MPL-2.0

// Package editions gives a mount from one edition of the engine to the next, in the middle of its work: begin with editions_test.go.
package editions

import (
	"testing"

	"vault-plugin-secrets-aws-dyn/internal/e2e/programs"
)

func TestMain(m *testing.M) { programs.Main(m) }
