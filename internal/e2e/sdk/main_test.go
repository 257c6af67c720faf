// SPDX-License-Identifier: MPL-2.0

// Package sdk has AWS SDKs fetch credentials from Vault by themselves: begin with sdk_test.go.
package sdk

import (
	"os"
	"testing"

	"vault-plugin-secrets-aws-dyn/internal/e2e/programs"
)

func TestMain(m *testing.M) {
	if os.Getenv(loopInGo) != "" { // this is a program for an AWS SDK, which a test has started
		callAWS(os.Stdin, os.Stdout)
		return
	}
	programs.Main(m)
}
