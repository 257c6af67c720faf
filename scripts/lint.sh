#!/bin/sh
# All that a machine can check without running the code: format, vet, the linter of .golangci.yml, modules, import rules, shell scripts.
# Every check runs, whatever the earlier ones said, so that one run shows all there is to mend; the exit code is non-zero if any complained.
set -eu

# The linter's version is pinned here and nowhere else. It comes through the Go module proxy, so its sums are checked like any module's.
LINTER=github.com/golangci/golangci-lint/v2
LINTER_VERSION=v2.15.0

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
cd "$root"
linter_dir=$root/.tools/golangci-lint-$LINTER_VERSION
self=$(go list -m)
wrong=0

# check NAME COMMAND...: runs the command and shows what it said only if it failed.
check() {
	name=$1
	shift
	if said=$("$@" 2>&1); then
		printf 'ok    %s\n' "$name"
	else
		wrong=$((wrong + 1))
		printf 'WRONG %s\n%s\n' "$name" "$said"
	fi
}

# Succeeds if it reads nothing; prints what it read otherwise.
nothing() {
	found=$(cat)
	[ -z "$found" ] || {
		printf '%s\n' "$found"
		return 1
	}
}

# Files that are not committed yet count, ignored ones do not.
formatted() {
	git ls-files --cached --others --exclude-standard -- '*.go' >"$scratch"
	while read -r file; do
		if [ -f "$file" ]; then gofmt -l "$file"; fi
	done <"$scratch" | nothing
}

# Direct imports, those of the tests included.
imports() {
	go list -f '{{range .Imports}}{{.}}{{"\n"}}{{end}}{{range .TestImports}}{{.}}{{"\n"}}{{end}}{{range .XTestImports}}{{.}}{{"\n"}}{{end}}' "$@" | sort -u
}

# All that the packages are built from and tested with, the standard library left out; "p [q.test]" is p again.
dependencies() {
	go list -deps -test -f '{{if not .Standard}}{{.ImportPath}}{{end}}' "$@" | sed 's/ .*//' | sort -u
}

backend_without_aws() { imports ./backend/... >"$scratch" && grep '^github\.com/aws/' "$scratch" | nothing; }
# The direction of imports between the rooms of the backend, tests left out.
room() {
	room=$1
	shift
	go list -f '{{range .Imports}}{{.}}{{"\n"}}{{end}}' "./backend/$room" | grep "^$self/backend" >"$scratch" || true
	for allowed in "$@"; do
		grep -vx "$self/backend/$allowed" "$scratch" >"$scratch.2" || true
		mv "$scratch.2" "$scratch"
	done
	nothing <"$scratch"
}
rooms() {
	room awsrules && room iampolicy awsrules && room engine awsrules && room rootkey engine awsrules && room roles engine awsrules && room sharing && room staticrole engine awsrules && room tidy engine awsrules && room sessions engine awsrules && room status engine awsrules && room users engine awsrules sessions tidy
}
rules_alone() { dependencies ./backend/awsrules >"$scratch" && grep -e '^github\.com/aws/' -e "^$self/internal" "$scratch" | nothing; }
# shellcheck disable=SC2016 # it is a template of Go
rooms_for_backend() {
	go list -f '{{$p := .ImportPath}}{{range .Imports}}{{$p}} {{.}}{{"\n"}}{{end}}' ./... >"$scratch" &&
		grep " $self/backend/" "$scratch" | grep -v "^$self/backend[ /]" | nothing
}
awscreds_without_vault() { dependencies ./internal/awscreds/... >"$scratch" && grep '^github\.com/hashicorp/vault' "$scratch" | nothing; }
fakeaws_alone() {
	dependencies ./internal/fakeaws/... ./cmd/fakeaws/... >"$scratch" &&
		grep -v -e "^$self/internal/fakeaws" -e "^$self/cmd/fakeaws" -e "^$self/internal/awsmodel$" "$scratch" | nothing
}
vault_aws_alone() {
	dependencies ./cmd/vault-aws >"$scratch" &&
		grep -e '^github\.com/aws/' -e '^github\.com/hashicorp/vault/sdk' -e "^$self/backend" -e "^$self/internal" "$scratch" | nothing
}
no_vault_core() { go list -m -f '{{.Path}}' all >"$scratch" && grep -x 'github\.com/hashicorp/vault' "$scratch" | nothing; }

release_tidy() { GOWORK=off go mod tidy -C scripts/release -diff; }
release_tested() { GOWORK=off go test -C scripts/release ./...; }
release_linted() { (cd scripts/release && GOWORK=off "$linter_dir/golangci-lint" run -c ../../.golangci.yml ./...); }

no_company_in_licence() { head -n 1 LICENSE | grep -qx 'Mozilla Public License, version 2.0'; }

get_linter() {
	[ -x "$linter_dir/golangci-lint" ] && return
	echo "No golangci-lint $LINTER_VERSION in .tools/ yet: building it. That takes about 4 minutes on 2 cores, and is kept there." >&2
	GOBIN=$linter_dir.tmp.$$ scripts/with-progress.sh packages "building golangci-lint $LINTER_VERSION" \
		go install "$LINTER/cmd/golangci-lint@$LINTER_VERSION"
	mkdir -p "$linter_dir"
	mv "$linter_dir.tmp.$$/golangci-lint" "$linter_dir/golangci-lint"
	rmdir "$linter_dir.tmp.$$"
}

mkdir -p .tools
scratch=$root/.tools/lint.$$
trap 'rm -f "$scratch"' EXIT

echo "Checking; the first run compiles every dependency, and vet then takes minutes."
check "gofmt" formatted
check "go vet" go vet ./...
check "go.mod and go.sum are tidy" go mod tidy -diff
check "module sums" go mod verify
check "backend imports no AWS SDK" backend_without_aws
check "the rooms of the backend import what they may" rooms
check "backend/awsrules knows no AWS" rules_alone
check "only the backend imports its rooms" rooms_for_backend
check "internal/awscreds is built without Vault" awscreds_without_vault
check "internal/fakeaws and cmd/fakeaws use the standard library and internal/awsmodel alone" fakeaws_alone
check "cmd/vault-aws is built from Vault's client alone" vault_aws_alone
check "Vault's core is no module of ours" no_vault_core
check "scripts/release: go.mod and go.sum are tidy" release_tidy
check "scripts/release: vet and tests" release_tested
check "LICENSE is the bare MPL-2.0" no_company_in_licence

get_linter
check ".golangci.yml is valid" "$linter_dir/golangci-lint" config verify
check "golangci-lint" "$linter_dir/golangci-lint" run ./...
check "scripts/release: golangci-lint" release_linted

if command -v shellcheck >/dev/null 2>&1; then
	check "shellcheck" shellcheck -x scripts/*.sh .ci/run
else
	echo "note  shellcheck is not installed, so the shell scripts were not checked"
fi

if [ "$wrong" -gt 0 ]; then
	echo "lint: $wrong of the checks above found something"
	exit 1
fi
echo "lint: clean"
