#!/bin/sh
# Runs a long build and says every now and then how far it is, because minutes of silence look like a hang:
#   scripts/with-progress.sh "building Vault" go build -v ...
# The command's own output goes to a log in .tools/, and is shown if the command fails. Everything is on stderr.
set -eu

what=$1
shift
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
mkdir -p "$root/.tools"
log=$root/.tools/progress.$$.log
rc=$root/.tools/progress.$$.rc
rm -f "$log" "$rc"

say() { printf '%s\n' "$*" >&2; }

# The exit code goes through a file: `kill -0` also answers for a child that has ended but was not waited for.
(
	code=0
	"$@" >"$log" 2>&1 || code=$?
	echo "$code" >"$rc.tmp"
	mv "$rc.tmp" "$rc"
) &
job=$!

# A shell starts its background jobs deaf to Ctrl-C, so the build has to be told by hand, from its leaves up.
# shellcheck disable=SC2317,SC2329 # stop is reached by the trap below
stop() {
	trap - INT TERM HUP
	kill_tree "$job"
	rm -f "$log" "$rc" "$rc.tmp"
	exit 130
}
# shellcheck disable=SC2317,SC2329 # as stop
kill_tree() {
	for child in $(ps -A -o pid= -o ppid= 2>/dev/null | awk -v parent="$1" '$2 == parent { print $1 }'); do
		kill_tree "$child"
	done
	kill "$1" 2>/dev/null || :
}
trap stop INT TERM HUP

began=$(date +%s)
told=$began
while [ ! -f "$rc" ]; do
	sleep 1
	now=$(date +%s)
	# Often at first, to show that it lives; then seldom enough to leave the rest of the screen alone.
	if [ $((now - told)) -ge "$([ $((now - began)) -lt 30 ] && echo 5 || echo 15)" ]; then
		told=$now
		say "  $what: $((now - began)) s, $(awk '!/downloading/ { n++ } /downloading/ { d++ } END { printf "%d packages compiled", n; if (d) printf ", %d modules downloaded", d }' "$log")"
	fi
done
wait "$job" || :
code=$(cat "$rc")
if [ "$code" -ne 0 ]; then
	say "$what failed (exit $code):"
	tail -n 40 "$log" >&2
else
	say "  $what: done after $(($(date +%s) - began)) s"
fi
rm -f "$log" "$rc"
exit "$code"
