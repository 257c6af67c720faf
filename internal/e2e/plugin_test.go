// SPDX-License-Identifier: MPL-2.0

package e2e

import (
	"net/http"

	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

// This file knows the plugin inside a Vault server: how it gets there, and what is written to it
// before it can serve.

// register puts the shipped binary into the catalog under a name, with further flags of `vault plugin register`.
func (v *server) register(name string, flags ...string) {
	v.t.Helper()
	args := append([]string{"plugin", "register", "-sha256=" + programs.sha256, "-command=" + pluginName}, flags...)
	v.cli(append(args, "secret", name)...)
}

// mount registers the plugin as aws and enables it at aws-dyn.
func (v *server) mount(flags ...string) {
	v.t.Helper()
	v.register("aws", flags...)
	v.cli("secrets", "enable", "-path=aws-dyn", "aws")
}

// configureRoot tells the mount to use the fake account with its root key.
func configureRoot(v *server, aws *fakeaws.Server) {
	v.t.Helper()
	key := aws.RootKey()
	v.call(http.MethodPost, "aws-dyn/config/root", map[string]any{
		"access_key": key.AccessKeyID, "secret_key": key.SecretAccessKey, "region": "us-east-1",
		"iam_endpoint": aws.URL(), "sts_endpoint": aws.URL(),
	})
}

// writeRole writes the role of the demo.
func writeRole(v *server) {
	v.t.Helper()
	v.call(http.MethodPost, "aws-dyn/roles/developer-access", map[string]any{"policy_arns": "arn:aws:iam::aws:policy/ReadOnlyAccess"})
}
