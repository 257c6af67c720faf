// SPDX-License-Identifier: MPL-2.0

// Package services runs the plugin in servers that offer everything it asks for, and in those that offer little, such as OpenBao.
package services

import (
	"testing"

	"vault-plugin-secrets-aws-dyn/internal/e2e/programs"
)

func TestMain(m *testing.M) { programs.Main(m) }
