// SPDX-License-Identifier: MPL-2.0

// Package recipes runs the commands of docs/recipes.md.
package recipes

import (
	"testing"

	"vault-plugin-secrets-aws-dyn/internal/e2e/programs"
)

func TestMain(m *testing.M) { programs.Main(m) }
