#!/bin/sh
# Runs a command that takes minutes, and shows how far it is, because minutes of silence look like a hang:
#   scripts/with-progress.sh packages "building Vault" go build ...   any command that runs go build or go install
#   scripts/with-progress.sh MB "downloading Vault" COMMAND...        a command that prints lines such as "12 of 160 MB"
# Of packages the total is known beforehand: the command is run with GOFLAGS=-n first, which prints what is not in the build
# cache yet, and downloads the modules. On a terminal (or with PROGRESS=terminal) the bar is redrawn in place, else it is a line
# now and then. All of it is on stderr. The command's own output goes to a log in .tools/; its end is shown if the command fails.
set -eu

unit=$1 what=$2
shift 2
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
. "$root/scripts/kill-tree.sh"
mkdir -p "$root/.tools"
log=$root/.tools/progress.$$.log
plan=$root/.tools/progress.$$.plan
rc=$root/.tools/progress.$$.rc
: >"$log"
: >"$plan"
rm -f "$rc"
# Where go leaves half a build if it is ended.
export GOTMPDIR="$root/.tools/progress.$$.tmp"
mkdir -p "$GOTMPDIR"

in_place=
if [ -t 2 ] || [ "${PROGRESS:-}" = terminal ]; then in_place=yes; fi

# The import path stands between two lines "#"; three binaries share most packages, and each is built once.
planned_packages() {
	awk -v log_file="$log" '
		/^go: downloading/ { print >log_file; fflush() }
		before == "#" && /^# ./ && !seen[$0]++ { n++ }
		{ before = $0 }
		END { print n + 0 }'
}

work() {
	if [ "$unit" = packages ]; then
		flags=$(go env GOFLAGS)
		# What is wrong with the command shows when it runs for real.
		{ GOFLAGS="$flags -n" "$@" 2>&1 || :; } | planned_packages >"$plan.tmp"
		mv "$plan.tmp" "$plan"
		export GOFLAGS="$flags -v"
	fi
	"$@" >>"$log" 2>&1
}

# The exit code goes through a file: `kill -0` also answers for a child that has ended but was not waited for.
(
	code=0
	work "$@" || code=$?
	echo "$code" >"$rc.tmp"
	mv "$rc.tmp" "$rc"
) &
job=$!

clean() {
	rm -f "$log" "$plan" "$plan.tmp" "$rc" "$rc.tmp"
	# What was just ended may still write for a moment.
	rm -rf "$GOTMPDIR" 2>/dev/null || { sleep 1 && rm -rf "$GOTMPDIR"; } || :
}
# shellcheck disable=SC2317,SC2329 # stop is reached by the trap below
stop() {
	trap - INT TERM HUP
	kill_tree "$job"
	clean
	exit 130
}
trap stop INT TERM HUP

# bar SECONDS prints the state as one line without its end.
bar() {
	awk -v unit="$unit" -v what="$what" -v seconds="$1" -v total="$(cat "$plan")" '
		/^go: downloading/ { modules++; next }
		unit == "packages" && total != "" && /^[^ ]+$/ && !/^#/ { done++ }
		unit != "packages" && NF == 4 && $2 == "of" { done = $1; total = $3 }
		END {
			line = sprintf("  %s: %d s", what, seconds)
			if (total > 0) {
				if (done > total) done = total
				filled = int(20 * done / total)
				for (i = 0; i < 20; i++) drawn = drawn (i < filled ? "#" : "-")
				line = sprintf("  %s: [%s] %d of %d %s, %d s", what, drawn, done, total, unit, seconds)
				if (unit == "packages" && done == total) line = line ", linking"
			} else if (modules) line = line sprintf(", %d modules downloaded", modules)
			printf "%s", line
		}' "$log"
}

began=$(date +%s)
told=$began
while [ ! -f "$rc" ]; do
	sleep 0.2 2>/dev/null || sleep 1 # POSIX knows whole seconds alone
	now=$(date +%s)
	# Where it stays on the screen: often at first, to show that it lives, then seldom enough to leave the rest alone.
	if [ -n "$in_place" ]; then
		[ "$now" -gt "$told" ] || continue
		told=$now
		printf '\r\033[K%s' "$(bar $((now - began)))" >&2
	elif [ $((now - told)) -ge "$([ $((now - began)) -lt 30 ] && echo 5 || echo 15)" ]; then
		told=$now
		printf '%s\n' "$(bar $((now - began)))" >&2
	fi
done
wait "$job" || :
[ -z "$in_place" ] || printf '\r\033[K' >&2
code=$(cat "$rc")
took=$(($(date +%s) - began))
if [ "$code" -ne 0 ]; then
	printf '%s failed after %d s:\n' "$what" "$took" >&2
	# go run ends with a line of its own.
	grep -Ev -e '^[0-9]+ of [0-9]+ MB$' -e '^exit status [0-9]+$' "$log" | tail -n 40 >&2 || :
elif [ "$took" -ge 3 ]; then
	printf '  %s: done after %d s\n' "$what" "$took" >&2
fi
clean
exit "$code"
