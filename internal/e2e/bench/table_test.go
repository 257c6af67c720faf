// SPDX-License-Identifier: MPL-2.0

package bench

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// This file prints what was measured, as tables that read the same in a terminal and in docs/performance.md.

// benchTable is all that was measured.
type benchTable struct {
	engines []*benchEngine // ours, the built-in as a plugin, and where it is at hand the built-in in process
	fresh   [][]freshStart // by engine
	results []benchResult
}

// text is the whole of it.
func (t *benchTable) text() string {
	var out strings.Builder
	for _, role := range benchRoles {
		fmt.Fprintf(&out, "### Role `%s`: %s\n\n%s\n", role, benchRoleIs[role], lineUp(t.rows(role)))
	}
	fmt.Fprintf(&out, "### The process\n\n%s\n", lineUp(t.processRows()))
	fmt.Fprintf(&out, "### Targets\n\n%s", lineUp(asRows(t.targets())))
	if len(t.engines) < 3 {
		out.WriteString("\nThe built-in engine inside a Vault server was not at hand (`VAULT_FULL=/path/to/vault`), so it was not measured.\n")
	}
	return out.String()
}

var benchRoleIs = map[string]string{
	"seed": "a user with one managed policy",
	"wide": "a user with three managed policies, an inline one, two groups and two tags",
	"sts":  "a session of an assumed role, whose revocation calls nobody",
}

// rows are the cells of one role, an engine a row; what stands behind a value of another engine is what ours is to it.
func (t *benchTable) rows(role string) [][]string {
	rows := [][]string{{
		"AWS", "clients", "engine", "create p50", "create p99", "revoke p50", "revoke p99", "creates/s", "revokes/s",
		"AWS calls", "CPU", "of it plugin",
	}}
	for _, r := range t.results {
		if r.role != role {
			continue
		}
		for i, e := range t.engines {
			ours, m := r.of[0], r.of[i]
			row := []string{fmt.Sprintf("%d ms", r.latency.Milliseconds()), fmt.Sprint(r.clients), e.name}
			row = append(row,
				timesFaster(i, m.create.p50, ours.create.p50), timesFaster(i, m.create.p99, ours.create.p99),
				timesFaster(i, m.revoke.p50, ours.revoke.p50), timesFaster(i, m.revoke.p99, ours.revoke.p99),
				timesMore(i, m.create.perSecond, ours.create.perSecond), timesMore(i, m.revoke.perSecond, ours.revoke.perSecond),
				fmt.Sprintf("%.4g", m.calls)+shareOf(i, m.calls, ours.calls),
				inMillis(m.cpu.sum())+shareOf(i, m.cpu.sum(), ours.cpu.sum()), inMillis(m.cpu.plugin))
			rows = append(rows, row)
		}
	}
	return rows
}

// processRows are about the process of each engine that has one.
func (t *benchTable) processRows() [][]string {
	rows := [][]string{{"engine", "start to first credential", "peak memory", "binary", "without symbols"}}
	for i, e := range t.engines {
		first, peak := t.first(i), t.peak(i)
		row := []string{e.name, inMillis(first) + shareOf(i, first, t.first(0)), "", "", ""}
		if e.command != "" {
			whole, bare := binarySize(e.v.T, e.binary)
			_, oursBare := binarySize(e.v.T, t.engines[0].binary)
			row = append(row[:2], inMegabytes(peak)+shareOf(i, peak, t.peak(0)), inMegabytes(whole), inMegabytes(bare)+shareOf(i, bare, oursBare))
		}
		rows = append(rows, row)
	}
	return rows
}

func (t *benchTable) first(i int) time.Duration {
	return median(t.fresh[i], func(s freshStart) time.Duration { return s.first })
}

func (t *benchTable) peak(i int) int64 {
	return median(t.fresh[i], func(s freshStart) int64 { return s.peak })
}

func (u cpuTime) sum() time.Duration { return u.plugin + u.vault }

// timesFaster is a latency, and behind that of another engine how many times faster ours is.
func timesFaster(engine int, theirs, ours time.Duration) string {
	if engine == 0 || ours == 0 {
		return inMillis(theirs)
	}
	return fmt.Sprintf("%s (%.2f×)", inMillis(theirs), ratioOf(theirs, ours))
}

// timesMore is a throughput, and behind that of another engine how many times as much ours is.
func timesMore(engine int, theirs, ours float64) string {
	if engine == 0 || theirs == 0 {
		return fmt.Sprintf("%.1f", theirs)
	}
	return fmt.Sprintf("%.1f (%.2f×)", theirs, ours/theirs)
}

// shareOf is what ours needs of what another engine needs.
func shareOf[N time.Duration | int64 | float64](engine int, theirs, ours N) string {
	if engine == 0 || theirs == 0 {
		return ""
	}
	return fmt.Sprintf(" (%.0f %%)", 100*ratioOf(ours, theirs))
}

func ratioOf[N time.Duration | int64 | float64](a, b N) float64 { return float64(a) / float64(b) }

func inMillis(d time.Duration) string {
	ms := float64(d) / float64(time.Millisecond)
	if ms < 100 {
		return fmt.Sprintf("%.1f ms", ms)
	}
	return fmt.Sprintf("%.0f ms", ms)
}

func inMegabytes(n int64) string { return fmt.Sprintf("%.1f MB", float64(n)/1e6) }

// lineUp is a table whose columns line up, the first row being their names.
func lineUp(rows [][]string) string {
	width := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			width[i] = max(width[i], utf8.RuneCountInString(cell))
		}
	}
	var out strings.Builder
	for i, row := range rows {
		for j, cell := range row {
			fmt.Fprintf(&out, "| %s%s ", cell, strings.Repeat(" ", width[j]-utf8.RuneCountInString(cell)))
		}
		out.WriteString("|\n")
		if i == 0 {
			for _, w := range width {
				out.WriteString("|" + strings.Repeat("-", w+2))
			}
			out.WriteString("|\n")
		}
	}
	return out.String()
}
