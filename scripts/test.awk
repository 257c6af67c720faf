# Turns the output of `go test -v` into one line a package, plus all that the failing tests said, and at the end once more
# what they said themselves: a server's log may be longer than what a reader is shown of the output.
# Lines belong to the test that the last "=== RUN/CONT/NAME" line named; those of passing tests are dropped.

function flush_package(	i) {
	for (i = 1; i <= count; i++)
		if (!(owner[i] in passed)) {
			print line[i]
			if (owner[i] in failed || owner[i] == "") say(owner[i], line[i])
		}
}

# What a test says begins with its place in a file, and goes on for a few lines that are indented further. Logs of servers
# are left out.
function say(test, text) {
	if (text ~ /^(panic: |fatal error: |WARNING: DATA RACE)/) whatever = 12
	else if (text ~ /^ +[A-Za-z0-9_]+\.go:[0-9]+: /) following = text ~ /: the last lines of / ? 0 : 8
	else if (text !~ /^        /) following = 0
	if (whatever-- > 0 || following-- > 0) sayings[++said] = (test == "" ? "" : test ": ") substr(text, 1, 400)
}

function forget() {
	split("", line); split("", owner); split("", passed); split("", failed)
	count = 0; tests = 0; current = ""
}

function keep(name) {
	line[++count] = $0
	owner[count] = name
}

BEGIN { forget() }

# What the compiler says comes whenever it likes, in the middle of another package's output: it is shown at once.
/^# / { compiling = 1 }
/^(=== |ok  \t|FAIL|PASS|\?   \t)/ { compiling = 0 }
compiling { print; fflush(); next }

/^=== (RUN|CONT|NAME|PAUSE) / { current = $3; next }

/^ *--- (PASS|FAIL|SKIP): [^ ]+ \(/ {
	tests++
	current = $3
	if ($2 == "PASS:") passed[$3] = 1
	if ($2 == "FAIL:") failed[$3] = 1
	keep($3)
	next
}

/^ok  \t/ {
	printf "ok    %-55s %5d tests  %s\n", $2, tests, $3
	fflush()
	forget()
	next
}

/^\?   \t/ || /\[no test files\]/ {
	printf "none  %-55s no test files\n", $2
	forget()
	next
}

/^FAIL\t/ {
	print "-------- " $2 " --------"
	flush_package()
	printf "FAIL  %-55s %5d tests  %s %s\n", $2, tests, $3, $4
	fflush()
	forget()
	next
}

/^(PASS|FAIL)$/ { next }
/^coverage: / { next }

# A panic or a timeout belongs to nobody's passing test.
/^(panic: |fatal error: |SIG|WARNING: DATA RACE|FAIL: )/ { current = "" }

{ keep(current) }

END {
	flush_package()
	if (said) print "-------- What the failing tests said themselves, the last of it --------"
	for (i = said > 60 ? said - 59 : 1; i <= said; i++) print sayings[i]
}
