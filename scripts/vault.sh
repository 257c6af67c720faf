#!/bin/sh
# Prints the path of a Vault server binary; whatever else it has to say is on stderr.
#   scripts/vault.sh        for tests and benchmarks: $VAULT_BIN, else the version pinned in scripts/vault/go.mod
#   scripts/vault.sh demo   for the demo: $VAULT_BIN, else a vault of at least 1.18 on PATH, else the pinned version
#   scripts/vault.sh peer   Vault's built-in AWS engine of the same pin, built as an external plugin to compare ours with
# The pinned version is kept in .tools/. It is HashiCorp's own release if scripts/vault/SHA256SUMS has a sum for this platform
# and the web can be reached, else it is built from the Go module proxy: without its UI, and with storage inmem and raft alone.
# The peer reports no version of its own: to register it takes one, as in -version=v1.21.0.
# A mirror, or a server that plays the web in a test: AWSDYN_RELEASES is the address in place of https://releases.hashicorp.com,
# and AWSDYN_RELEASE_SUMS the file of sums in place of scripts/vault/SHA256SUMS.
set -eu

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
pin=$root/scripts/vault
tools=$root/.tools
releases=${AWSDYN_RELEASES:-https://releases.hashicorp.com}
sums=${AWSDYN_RELEASE_SUMS:-$pin/SHA256SUMS}

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

# download PATH: gets the official release of the pinned version. It fails, and says why, if that cannot be had.
download() {
	archive=vault_${version#v}_$(go env GOHOSTOS)_$(go env GOHOSTARCH).zip
	if ! grep -q " [ *]*$archive\$" "$sums"; then
		say "The sha256 of $archive is not known, so it is not downloaded."
		return 1
	fi
	say "Downloading Vault $version from $releases; it is kept in .tools/."
	mkdir -p "$tools"
	# The flags of all our builds: with others Go would compile its whole library once more.
	flags=$(go env GOFLAGS)
	(cd "$root" && CGO_ENABLED=0 GOFLAGS="$flags -trimpath" scripts/with-progress.sh MB "downloading Vault $version" \
		go run ./scripts/fetch -sums "$sums" -unpack vault -out "$1" "$releases/vault/${version#v}/$archive")
}

# build PATH PACKAGE NAME TIME: builds one package of the pinned module under a temporary name first, so that nobody ever runs
# half a binary.
build() {
	mkdir -p "$tools"
	say "Building $3 from source: $4 on 2 cores, once; it is kept in .tools/."
	CGO_ENABLED=0 GOWORK=off "$root/scripts/with-progress.sh" packages "building $3" \
		go build -C "$pin" -tags minimal -trimpath -buildvcs=false -o "$1.tmp.$$" "$2" || {
		rm -f "$1.tmp.$$"
		exit 1
	}
	mv "$1.tmp.$$" "$1"
}

version=$(pinned_version)
if [ -z "$version" ]; then
	say "scripts/vault/go.mod names no version of github.com/hashicorp/vault"
	exit 1
fi

case ${1:-} in
peer)
	peer=$tools/aws-peer-$version
	[ -x "$peer" ] || build "$peer" github.com/hashicorp/vault/builtin/logical/aws/cmd/aws "the built-in engine of Vault $version" \
		"seconds if Vault itself was built here, else some minutes"
	printf '%s\n' "$peer"
	exit
	;;
'' | demo) ;;
*)
	say "usage: scripts/vault.sh [demo|peer]"
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

if [ "${1:-}" = demo ] && found=$(command -v vault); then
	why=$(unfit "$found")
	if [ -z "$why" ]; then
		printf '%s\n' "$found"
		exit
	fi
	say "Passing over $found: $why"
fi

released=$tools/vault-release-$version built=$tools/vault-$version
if [ ! -x "$released" ] && [ ! -x "$built" ] && ! download "$released"; then
	build "$built" github.com/hashicorp/vault "Vault $version" "about 11 minutes"
fi
if [ -x "$released" ]; then printf '%s\n' "$released"; else printf '%s\n' "$built"; fi
