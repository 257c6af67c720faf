#!/bin/sh
# Shows the plugin at work: a real Vault server issues IAM users of a fake AWS account, renews their leases and revokes them.
# Each command is printed as you would type it, runs for real, and its outcome is checked: the script fails if AWS or Vault
# answers anything but what the text around it promises.
#   scripts/demo.sh           runs all steps, then stops everything
#   scripts/demo.sh --stay    sets up the same servers and leaves them running until Ctrl-C
#   scripts/demo.sh --build   builds bin/ first; make demo and make dev do
# Vault comes in the background (scripts/vault.sh): what needs none is shown meanwhile.
# Everything lives on loopback and in a temporary directory; your home directory and your own Vault and AWS are left alone.
set -eu

cd "$(dirname -- "$0")/.."
. scripts/clean-env.sh
. scripts/kill-tree.sh

# The flags with which make and scripts/vault.sh build: what is run by `go run` below shares its packages with them.
GOFLAGS="$(go env GOFLAGS) -trimpath"
export GOFLAGS CGO_ENABLED=0

stay='' build=''
for argument; do
	case $argument in
	--stay) stay=yes ;;
	--build) build=yes ;;
	*)
		echo "usage: scripts/demo.sh [--build] [--stay]" >&2
		exit 2
		;;
	esac
done
if [ -z "$build" ]; then
	for program in vault-plugin-secrets-aws-dyn fakeaws; do
		if [ ! -x "bin/$program" ]; then
			echo "bin/$program is missing: run \`make build\` first." >&2
			exit 1
		fi
	done
fi

tmp=$(mktemp -d "${TMPDIR:-/tmp}/aws-dyn-demo.XXXXXX")
out=$tmp/out
vault_pid='' fakeaws_pid='' finding_pid='' building_pid='' step=0

# --- taking down ---

# Ends a process that this script started. Vault ends the plugin's process with itself.
end() {
	[ -n "$1" ] || return 0
	kill "$1" 2>/dev/null || return 0
	wait "$1" 2>/dev/null || :
}

# shellcheck disable=SC2317,SC2329 # take_down is reached by the traps below
take_down() {
	code=$?
	trap - EXIT INT TERM HUP
	for job in $finding_pid $building_pid; do kill_tree "$job"; done
	end "$vault_pid"
	end "$fakeaws_pid"
	rm -rf "$tmp"
	exit "$code"
}
trap take_down EXIT
trap 'exit 130' INT TERM HUP

# --- telling and checking ---

say() { printf '%s\n' "$*"; }
title() {
	step=$((step + 1))
	printf '\n--- %d. %s\n' "$step" "$*"
}
fail() {
	printf '\nTHE DEMO FAILED: %s\n' "$*" >&2
	if [ -s "$tmp/vault.log" ]; then
		printf 'The last lines of the Vault server:\n' >&2
		tail -n 15 "$tmp/vault.log" >&2
	fi
	exit 1
}

# Prints a command as one would type it, runs it, shows what it says, and leaves that in $out and its exit code in $exited.
try() {
	printf '$ %s\n' "$1"
	exited=0
	eval "$1" >"$out" 2>&1 || exited=$?
	cat "$out"
}
run() {
	try "$1"
	[ "$exited" -eq 0 ] || fail "\`$1\` should succeed, and exited with $exited."
}
field() { awk -v key="$1" '$1 == key { print $2; exit }' "$out"; }
expect() {
	[ "$2" = "$3" ] || fail "$1 should be \"$3\" and is \"$2\"."
}

# wait_until SECONDS CONDITION...: Vault revokes in the background, so what a revoke promises is true a moment later.
wait_until() {
	left=$1
	shift
	until "$@"; do
		[ "$left" -gt 0 ] || return 1
		left=$((left - 1))
		sleep 1
	done
}
user_count() { bin/fakeaws users -except vault-root | awk 'END { print NR }'; }
no_users() { [ "$(user_count)" -eq 0 ]; }

# --- setting up ---

# build WHAT TARGET: builds in the background, since a shell that waits for a program in front of it hears no signal.
build() {
	scripts/with-progress.sh packages "building $1" make -s "$2" &
	building_pid=$!
	wait "$building_pid"
	building_pid=''
}

# Looks for a Vault in the background: the path goes to $tmp/vault.path, and what is said to $tmp/finding.log.
find_vault() {
	if [ -t 2 ]; then PROGRESS=terminal && export PROGRESS; fi
	: >"$tmp/finding.log"
	(
		code=0
		scripts/vault.sh demo >"$tmp/vault.path" 2>"$tmp/finding.log" || code=$?
		echo "$code" >"$tmp/finding.tmp"
		mv "$tmp/finding.tmp" "$tmp/finding.rc"
	) &
	finding_pid=$!
	exec 3<"$tmp/finding.log"
}

# Shows what finding a Vault has said since the last time: the file keeps its place between one cat and the next.
show_finding() { cat <&3 >&2; }

await_vault() {
	until [ -f "$tmp/finding.rc" ]; do
		show_finding
		sleep 1
	done
	show_finding
	exec 3<&-
	finding_pid=''
	[ "$(cat "$tmp/finding.rc")" -eq 0 ] || fail "there is no Vault server to show it with."
	mkdir "$tmp/path"
	ln -s "$(cat "$tmp/vault.path")" "$tmp/path/vault"
	PATH=$tmp/path:$PATH
	say "$(vault version | cut -d, -f1) is $(cat "$tmp/vault.path")"
}

start_fakeaws() {
	# shellcheck disable=SC2086 # flags, split on purpose
	bin/fakeaws -listen 127.0.0.1:0 ${FAKEAWS_FLAGS:-} -role deploy -other-account 210987654321=vault-hub -env-file "$tmp/aws.env" >"$tmp/fakeaws.log" 2>&1 &
	fakeaws_pid=$!
	wait_until 15 test -f "$tmp/aws.env" || {
		cat "$tmp/fakeaws.log" >&2
		fail "the fake AWS did not start."
	}
}

# Writes $tmp/shell, which begins a shell with the settings of this demo. Nothing is exported into the caller's own.
write_shell() {
	cat >"$tmp/shell" <<SHELL
#!/bin/sh
unset AWS_PROFILE AWS_SESSION_TOKEN VAULT_NAMESPACE
export VAULT_ADDR=$VAULT_ADDR VAULT_TOKEN=$VAULT_TOKEN
. "$tmp/aws.env"
PATH="$tmp/path:$PWD/bin:\$PATH"
export PATH
exec "\${SHELL:-/bin/sh}"
SHELL
	chmod 700 "$tmp/shell"
}

# A server that can no longer answer ends the waiting at once.
vault_answers() {
	if grep -q 'address already in use' "$tmp/vault.log" || ! kill -0 "$vault_pid" 2>/dev/null; then left=0; fi
	vault token lookup >"$out" 2>&1
}

# A shell cannot ask for a free port, so it tries some: Vault's dev server also takes the port above the one it is given.
start_vault() {
	token=$(od -An -N12 -tx1 /dev/urandom | tr -d ' \n')
	export VAULT_TOKEN="$token"
	# A copy: Vault checks the sha256 whenever it starts the binary, and you may build again while this runs.
	mkdir "$tmp/plugins"
	cp bin/vault-plugin-secrets-aws-dyn "$tmp/plugins/"
	printf 'plugin_directory = "%s"\n' "$(cd "$tmp/plugins" && pwd -P)" >"$tmp/vault.hcl"
	: >"$tmp/vault.log"
	for attempt in 1 2 3 4 5 6 7 8 9 10; do
		port=$((20000 + ($$ * 7 + attempt * 614) % 12000))
		export VAULT_ADDR="http://127.0.0.1:$port"
		# Vault gets nothing of the fake account's that this shell holds.
		(. scripts/clean-env.sh && exec vault server -dev -dev-no-store-token -dev-root-token-id="$token" -dev-listen-address="127.0.0.1:$port" \
			-config="$tmp/vault.hcl") >"$tmp/vault.log" 2>&1 &
		vault_pid=$!
		if wait_until 30 vault_answers; then return; fi
		grep -q 'address already in use' "$tmp/vault.log" || break
		end "$vault_pid"
	done
	fail "the Vault server did not start."
}

# Prints the command that this machine has for a sha256; Go, which built the plugin, serves where there is none.
sha256_command() {
	if command -v sha256sum >/dev/null; then
		echo "sha256sum $1 | cut -d' ' -f1"
	elif command -v shasum >/dev/null; then
		echo "shasum -a 256 $1 | cut -d' ' -f1"
	elif command -v openssl >/dev/null; then
		echo "openssl dgst -sha256 -r $1 | cut -d' ' -f1"
	else
		cat >"$tmp/sha256.go" <<'GO'
package main

import (
	"crypto/sha256"
	"fmt"
	"os"
)

func main() {
	content, err := os.ReadFile(os.Args[1])
	if err != nil {
		panic(err)
	}
	fmt.Printf("%x\n", sha256.Sum256(content))
}
GO
		echo "go run $tmp/sha256.go $1"
	fi
}

# A Vault built without its UI, as scripts/vault.sh builds it, answers below /ui/ with a page that says so.
has_ui() {
	go run ./scripts/fetch "$VAULT_ADDR/ui/" >"$tmp/ui.html" 2>/dev/null && ! grep -q 'UI is not available' "$tmp/ui.html"
}

say "Starting a Vault server and a fake AWS on loopback. All keys below belong to the fake account and give access to nothing."
if [ -n "$build" ]; then
	build "the fake AWS" bin/fakeaws
fi
find_vault
start_fakeaws
# From here on this shell holds the key of an administrator of the fake account.
# shellcheck disable=SC1091 # fakeaws has just written it
. "$tmp/aws.env"

title "The AWS account, which bin/fakeaws simulates: its administrator, and an IAM user for Vault"
run 'bin/fakeaws whoami'
run 'bin/fakeaws users'
run 'bin/fakeaws user vault-root'

show_finding
if [ -n "$build" ]; then
	build "the plugin" build
fi
await_vault
start_vault

# shellcheck disable=SC1091 # scripts/demo-walk.sh is checked by itself
. scripts/demo-walk.sh
