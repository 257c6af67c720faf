// SPDX-License-Identifier: MPL-2.0

// Package clients sends what programs that know the AWS engine send: Terraform, Vault Agent, the operator for Kubernetes, Vault's UI.
package clients

import (
	"testing"

	"vault-plugin-secrets-aws-dyn/internal/e2e/programs"
)

func TestMain(m *testing.M) { programs.Main(m) }
