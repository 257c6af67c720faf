// SPDX-License-Identifier: MPL-2.0

// Package clients sends what programs that support the AWS engine send: Terraform, Vault Agent, Vault Secrets Operator, Vault's UI.
package clients

import (
	"testing"

	"vault-plugin-secrets-aws-dyn/internal/e2e/programs"
)

func TestMain(m *testing.M) { programs.Main(m) }
