// SPDX-License-Identifier: MPL-2.0

package bench

import (
	"fmt"
	"html"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// This file draws the charts of docs/performance.md from the tables that stand there, so that charts and tables cannot differ.

// chart is one picture: for some roles, what one column of the table says for one number of clients.
type chart struct {
	file, title, column string
	roles               []string
	clients             string
	latencies           []string
}

var charts = []chart{
	{"performance-create.svg", "Time to create a credential, 1 client (p50)", "create p50", []string{"seed", "wide"}, "1", []string{"0 ms", "10 ms", "50 ms"}},
	{"performance-revoke.svg", "Time to revoke it, 1 client (p50)", "revoke p50", []string{"seed", "wide"}, "1", []string{"0 ms", "10 ms", "50 ms"}},
	{"performance-cpu.svg", "Processor time of a credential's whole life, 8 clients, AWS at 0 ms", "CPU", []string{"seed", "wide", "sts"}, "8", []string{"0 ms"}},
}

// bars are what the engines need for the same work, in the order of the table.
type bars struct {
	label string
	of    []bar
}

type bar struct {
	text   string // such as "7.4 ms"
	length float64
}

// TestChartsShowTheTables fails when the charts in docs are not those of the tables. UPDATE_DOCS=1 draws them; make bench does, too.
func TestChartsShowTheTables(t *testing.T) {
	t.Parallel()
	if os.Getenv("UPDATE_DOCS") != "" {
		drawCharts(t)
	}
	for name, want := range drawn(t) {
		file := filepath.Join(filepath.Dir(performanceDoc), name)
		if got, err := os.ReadFile(file); err != nil || string(got) != want {
			t.Errorf("%s is not the chart of the table (%v); draw it with UPDATE_DOCS=1 go test -run %s", name, err, t.Name())
		}
	}
}

// drawCharts writes all charts.
func drawCharts(t testing.TB) {
	t.Helper()
	for name, picture := range drawn(t) {
		if err := os.WriteFile(filepath.Join(filepath.Dir(performanceDoc), name), []byte(picture), 0o644); err != nil {
			t.Fatalf("writing a chart: %v", err)
		}
	}
}

// drawn are the charts of what the document says, by the name of the file.
func drawn(t testing.TB) map[string]string {
	t.Helper()
	content, err := os.ReadFile(performanceDoc)
	if err != nil {
		t.Fatalf("reading docs/performance.md: %v", err)
	}
	_, rest, _ := strings.Cut(string(content), inMemoryBegin)
	measured, _, _ := strings.Cut(rest, resultsEnd)
	pictures := map[string]string{}
	for _, c := range charts {
		groups := c.groups(measured)
		if len(groups) != len(c.roles)*len(c.latencies) {
			t.Fatalf("%s: the tables have %d of its rows, want %d", c.file, len(groups), len(c.roles)*len(c.latencies))
		}
		pictures[c.file] = c.svg(groups)
	}
	return pictures
}

// groups are the rows of the tables that belong into the chart.
func (c chart) groups(measured string) (groups []bars) {
	for _, role := range c.roles {
		_, table, _ := strings.Cut(measured, "### Role `"+role+"`")
		table, _, _ = strings.Cut(table, "\n### ")
		for _, latency := range c.latencies {
			g := bars{label: role}
			if len(c.latencies) > 1 {
				g.label += ", AWS " + latency
			}
			column := -1
			for line := range strings.Lines(table) {
				cells := strings.Split(strings.Trim(line, "|\n"), "|")
				for i := range cells {
					if cells[i] = strings.TrimSpace(cells[i]); cells[i] == c.column {
						column = i
					}
				}
				if column < 0 || len(cells) <= column || cells[0] != latency || cells[1] != c.clients {
					continue
				}
				text, _, _ := strings.Cut(cells[column], " (") // behind it is the comparison
				number, _, _ := strings.Cut(text, " ")
				if length, err := strconv.ParseFloat(number, 64); err == nil {
					g.of = append(g.of, bar{text, length})
				}
			}
			if len(g.of) >= 2 {
				groups = append(groups, bars{g.label, g.of[:2]})
			}
		}
	}
	return groups
}

// What the picture measures, in pixels.
const (
	chartWidth, chartLeft, chartTop = 760, 130, 64
	barHeight, groupHeight          = 14, 42
	longestBar                      = 540
)

// svg is the picture. Its background is whatever is behind it, and its colours are readable on white and on black; a reader
// who prefers dark gets lighter ones.
func (c chart) svg(groups []bars) string {
	longest := 0.0
	for _, g := range groups {
		for _, b := range g.of {
			longest = max(longest, b.length)
		}
	}
	var out strings.Builder
	height := chartTop + groupHeight*len(groups)
	fmt.Fprintf(&out, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" role="img" aria-label="%s">
<style>
text { font: 13px system-ui, sans-serif; fill: #6e7781 }
.title { font-size: 15px; font-weight: 600 }
.bar0 { fill: #2f7de1 }
.bar1 { fill: #8c959f }
@media (prefers-color-scheme: dark) {
text { fill: #adb6c0 }
.bar0 { fill: #58a6ff }
.bar1 { fill: #6e7681 }
}
</style>
<text class="title" x="0" y="18">%s</text>
`, chartWidth, height, chartWidth, height, html.EscapeString(c.title), html.EscapeString(c.title))
	for i, name := range []string{"this engine", "built-in as a plugin"} {
		fmt.Fprintf(&out, `<rect class="bar%d" x="%d" y="32" width="12" height="12"/><text x="%d" y="43">%s</text>`+"\n", i, chartLeft+i*130, chartLeft+i*130+18, name)
	}
	for i, g := range groups {
		y := chartTop + i*groupHeight
		fmt.Fprintf(&out, `<text x="%d" y="%d" text-anchor="end">%s</text>`+"\n", chartLeft-10, y+barHeight+5, html.EscapeString(g.label))
		for j, b := range g.of {
			width := longestBar * b.length / longest
			fmt.Fprintf(&out, `<rect class="bar%d" x="%d" y="%d" width="%.1f" height="%d" rx="2"/><text x="%.1f" y="%d">%s</text>`+"\n",
				j, chartLeft, y+j*(barHeight+2), width, barHeight, chartLeft+width+6, y+j*(barHeight+2)+12, html.EscapeString(b.text))
		}
	}
	out.WriteString("</svg>\n")
	return out.String()
}
