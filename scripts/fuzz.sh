#!/bin/sh
# Runs every fuzz target of the backend for FUZZTIME, one after another, and ends with a table of what each has done.
# An input that fails is kept in backend/testdata/fuzz, where the tests run it; the rest goes into Go's build cache.
set -eu

cd "$(dirname -- "$0")/.."
. scripts/clean-env.sh
FUZZTIME=${FUZZTIME:-10m}
mkdir -p .tools
log=$PWD/.tools/fuzz.log
: >"$log"

# The coverage of a target that talks to the fake AWS differs from run to run: much minimizing would be in vain.
failed=0
table=
for target in $(go test -list '^Fuzz' ./backend | grep '^Fuzz'); do
	echo "== $target for $FUZZTIME"
	began=$(wc -l <"$log")
	before=$(find backend/testdata/fuzz -type f 2>/dev/null | wc -l)
	start=$(date +%s)
	{
		code=0
		go test -run '^$' -fuzz "^$target\$" -fuzztime "$FUZZTIME" -fuzzminimizetime 10x -parallel 1 ./backend 2>&1 || code=$?
		echo "$code" >.tools/fuzz.rc
	} | tee -a "$log" | sed -n 's/^fuzz: elapsed/  elapsed/p; /^ *--- FAIL/p; /Failing input/,$p'
	took=$(($(date +%s) - start))
	found=$(($(find backend/testdata/fuzz -type f 2>/dev/null | wc -l) - before))
	# Go ends with "context deadline exceeded" where the time is up in the middle of an execution: that is no finding.
	if [ "$(cat .tools/fuzz.rc)" -ne 0 ] && ! { [ "$found" -eq 0 ] && tail -n 6 "$log" | grep -q '^ *context deadline exceeded$'; }; then
		failed=1
	fi
	last=$(tail -n "+$((began + 1))" "$log" | grep -o 'execs: .*' | tail -1)
	execs=$(printf %s "$last" | sed -n 's/^execs: \([0-9]*\).*/\1/p')
	interesting=$(printf %s "$last" | sed -n 's/.*new interesting: \([0-9]*\).*/\1/p')
	table=$table$(printf '%-22s %7ss %11s %16s %9s' "$target" "$took" "${execs:-0}" "${interesting:-0}" "$found")'
'
done
rm -f .tools/fuzz.rc
printf '%-22s %8s %11s %16s %9s\n' target time executions 'new interesting' findings
printf %s "$table"
exit "$failed"
