#!/bin/sh
# Has a real Vault run what make release has left in dist/: the plugin of the image, and an upgrade from v0.1.0 and back with live leases.
#   scripts/release-test.sh v0.2.0
set -eu

cd "$(dirname -- "$0")/.."
. scripts/clean-env.sh

version=$1
name=vault-plugin-secrets-aws-dyn_$version
binary=$PWD/dist/${name}_$(go env GOHOSTOS)_$(go env GOHOSTARCH)
if [ "$(go env GOHOSTOS)" != linux ] || [ ! -x "$binary" ]; then
	echo "release: this is no Linux system that is released for, so no Vault has run the image's plugin. Run it on one before you publish." >&2
	exit 1
fi
VAULT_BIN=$(scripts/vault.sh)
PLUGIN_BIN=$binary PLUGIN_IMAGE=$PWD/dist/${name}_oci.tar
export VAULT_BIN PLUGIN_BIN PLUGIN_IMAGE
go test -run '^(TestPluginOfTheImage|TestUpgradeAndDowngrade)$' -count=1 -v ./internal/e2e/editions
echo "release: a Vault has run the image's plugin, and went from v0.1.0 to $version and back with live leases"
