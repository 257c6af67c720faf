#!/bin/sh
# Prints the path of a Vault server binary, for the demo and the end-to-end tests; whatever else it has to say is on stderr.
#   scripts/vault.sh        $VAULT_BIN, else a vault of at least 1.18 on PATH, else the one pinned in scripts/vault/go.mod, built into .tools/
#   scripts/vault.sh peer   Vault's built-in AWS engine of the same pin, built as an external plugin to compare ours with
set -eu

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
pin=$root/scripts/vault
tools=$root/.tools

say() { printf '%s\n' "$*" >&2; }

# The pin stands in one place only: the require line of scripts/vault/go.mod.
pinned_version() {
	awk '$1 == "github.com/hashicorp/vault" && NF > 1 { print $2; exit }' "$pin/go.mod"
}

# Prints why the binary will not do, or nothing if it will.
unfit() {
	answer=$("$1" version 2>/dev/null) || {
		echo "it does not answer \`version\`"
		return
	}
	case $answer in
	"Vault v"*+ent*) echo "an Enterprise server needs a licence: $answer" ;;
	"Vault v"*)
		echo "$answer" | sed -n 's/^Vault v\([0-9]*\)\.\([0-9]*\).*/\1 \2/p' |
			awk -v answer="$answer" '!($1 > 1 || ($1 == 1 && $2 >= 18)) { print "older than 1.18: " answer }'
		;;
	*) echo "not HashiCorp Vault: $answer" ;;
	esac
}

# Builds one package of the pinned module into .tools/, under a temporary name first, so that nobody ever runs half a binary.
build() {
	out=$1 package=$2 what=$3 first=$4
	if [ ! -x "$out" ]; then
		mkdir -p "$tools"
		say "No $(basename "$out") in .tools/ yet: building it. The first build takes $first on 2 cores, and is kept there."
		CGO_ENABLED=0 GOWORK=off "$root/scripts/with-progress.sh" "building $what" \
			go build -C "$pin" -v -tags minimal -trimpath -buildvcs=false -o "$out.tmp.$$" "$package" || {
			rm -f "$out.tmp.$$"
			exit 1
		}
		mv "$out.tmp.$$" "$out"
	fi
	printf '%s\n' "$out"
}

version=$(pinned_version)
if [ -z "$version" ]; then
	say "scripts/vault/go.mod names no version of github.com/hashicorp/vault"
	exit 1
fi

case ${1:-} in
peer)
	build "$tools/aws-peer-$version" github.com/hashicorp/vault/builtin/logical/aws/cmd/aws "the built-in engine $version" "seconds after Vault's own, else some minutes"
	exit
	;;
'') ;;
*)
	say "usage: scripts/vault.sh [peer]"
	exit 2
	;;
esac

if [ -n "${VAULT_BIN:-}" ]; then
	why=$(unfit "$VAULT_BIN")
	if [ -n "$why" ]; then
		say "VAULT_BIN=$VAULT_BIN will not do: $why"
		exit 1
	fi
	found=$(command -v "$VAULT_BIN")
	printf '%s/%s\n' "$(CDPATH='' cd -- "$(dirname -- "$found")" && pwd)" "$(basename -- "$found")"
	exit
fi

if found=$(command -v vault); then
	why=$(unfit "$found")
	if [ -z "$why" ]; then
		printf '%s\n' "$found"
		exit
	fi
	say "Passing over $found: $why"
fi

build "$tools/vault-$version" github.com/hashicorp/vault "Vault $version" "about 8 minutes"
