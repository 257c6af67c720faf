// SPDX-License-Identifier: MPL-2.0

// Package cluster changes the leader of three servers, and the plugin, while clients work: begin with cluster_test.go.
package cluster

import (
	"testing"

	"vault-plugin-secrets-aws-dyn/internal/e2e/programs"
)

func TestMain(m *testing.M) { programs.Main(m) }
