// SPDX-License-Identifier: MPL-2.0

// Package vaultaws runs vault-aws, the command-line program: begin with vaultaws_test.go.
package vaultaws

import (
	"os"
	"testing"

	"vault-plugin-secrets-aws-dyn/internal/e2e/programs"
)

func TestMain(m *testing.M) {
	if os.Getenv(sdkChild) != "" {
		os.Exit(askByDefaultChain())
	}
	programs.Main(m)
}
