// SPDX-License-Identifier: MPL-2.0

// Package services runs the plugin in servers that have all of what it asks them for, and in those that have little, as OpenBao.
package services

import (
	"testing"

	"vault-plugin-secrets-aws-dyn/internal/e2e/programs"
)

func TestMain(m *testing.M) { programs.Main(m) }
