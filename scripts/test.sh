#!/bin/sh
# Runs the tests of the packages it is given and ends with the line "N passed, N failed, N skipped".
# A test that was skipped, or a run in which no test ran, counts as a failure: a green run means that everything ran.
# The one exception are programs that Go and make cannot build: where this machine has no boto3, AWS CLI or Node.js, the tests
# that run those are skipped, and named. With NO_SKIPS=1, which .ci/run sets, boto3 alone may be missing: Debian 12's is too old.
set -eu

cd "$(dirname -- "$0")/.."
. scripts/clean-env.sh
[ $# -gt 0 ] || set -- ./...

packages=$(go list "$@")
log=$PWD/.tools/test.log
mkdir -p .tools

# The end-to-end tests take these from here, so that the minutes a first Vault build takes do not count as test time.
# The built-in engine shares all but three packages with Vault, so once that is built it takes seconds.
case $packages in
*/internal/e2e*)
	VAULT_BIN=$(scripts/vault.sh)
	scripts/vault.sh peer >/dev/null
	make -s build
	PLUGIN_BIN=$PWD/bin/vault-plugin-secrets-aws-dyn
	export VAULT_BIN PLUGIN_BIN
	;;
esac

race=-race
if [ "$(go env CGO_ENABLED)" = 0 ]; then
	race=
	echo "NOTE: cgo is off (no C compiler here), so these tests run WITHOUT the race detector."
else
	echo "Running with the race detector; the first run compiles everything anew, which takes minutes."
fi
echo "The whole log goes to .tools/test.log."

# The suites run after the other packages, whose tests set deadlines of some seconds, and six at once, since they wait more than they
# compute, as some of the others' tests do. The last suite changes mounts within one minute of Vault's timer, for which it needs the machine to itself.
units=$(printf '%s\n' "$packages" | grep -v '/internal/e2e/' || :)
suites=$(printf '%s\n' "$packages" | grep '/internal/e2e/' | grep -v '/editions$' || :)
alone=$(printf '%s\n' "$packages" | grep '/internal/e2e/editions$' || :)

# The shells that POSIX describes have no pipefail: go's exit code goes through a file.
{
	code=0
	for some in "$units" "$suites" "$alone"; do
		[ -n "$some" ] || continue
		atonce="-parallel 4"
		[ "$some" = "$units" ] || atonce="-p 6"
		# shellcheck disable=SC2086 # $race is one flag or none, $atonce two words, $some packages
		go test $race $atonce -count=1 -timeout 30m -v $some 2>&1 || code=$?
	done
	echo "$code" >.tools/test.rc
} | tee "$log" | awk -f scripts/test.awk

counts=$(awk '
	/^ *--- PASS: [^ ]+ \(/ { passed++ }
	/^ *--- FAIL: [^ ]+ \(/ { failed++ }
	/^ *--- SKIP: [^ ]+ \(/ { skipped++ }
	END { printf "%d %d %d", passed, failed, skipped }' "$log")
code=$(cat .tools/test.rc)
died=$code
rm -f .tools/test.rc

# shellcheck disable=SC2086 # three numbers, split on purpose
set -- $counts
if [ "$3" -gt 0 ]; then
	skipped=$(grep -E '^ *--- SKIP: ' "$log")
	optional='TestAWSSDKsReadVault/boto3|TestExamples/python'
	optional="$optional|TestProfilesTakesTheFileFromItsOwner|TestProfilesKeepsOthersOut|TestConsolePageForAnotherUser" # root alone has other users
	[ -n "${NO_SKIPS:-}" ] || optional="$optional|TestAWSSDKsReadVault/JavaScript|TestAWSCLIReadsVault|TestExamples/aws-cli"
	if refused=$(printf '%s\n' "$skipped" | grep -Ev -e "--- SKIP: ($optional) "); then
		echo "These tests were skipped, which is not allowed here:"
		printf '%s\n' "$refused"
		code=1
	else
		echo "SKIP: these tests run programs that this machine does not have:"
		printf '%s\n' "$skipped"
	fi
fi
if [ "$1" -eq 0 ]; then
	echo "No test passed or none ran."
	code=1
fi
if [ "$died" -ne 0 ] && [ "$2" -eq 0 ]; then
	echo "No test failed by itself, but a package did not build, or died before its tests could end."
fi
echo "Counted: every PASS, FAIL and SKIP line, of tests and of their subtests."
echo "$1 passed, $2 failed, $3 skipped"
exit "$code"
