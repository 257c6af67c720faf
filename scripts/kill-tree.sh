# shellcheck shell=sh
# Sourced, never run. A shell starts its background jobs deaf to Ctrl-C, so what they run has to be ended by hand.

# kill_tree PID ends a process, then its children: in this order none of them starts another.
kill_tree() {
	# shellcheck disable=SC2046 # one word for each child
	set -- "$1" $(ps -A -o pid= -o ppid= 2>/dev/null | awk -v parent="$1" '$2 == parent { print $1 }')
	kill "$1" 2>/dev/null || :
	shift
	for child; do
		kill_tree "$child"
	done
}
