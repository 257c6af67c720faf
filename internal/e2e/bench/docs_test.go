// SPDX-License-Identifier: MPL-2.0

package bench

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"vault-plugin-secrets-aws-dyn/internal/e2e/programs"
	"vault-plugin-secrets-aws-dyn/internal/e2e/server"
)

// This file writes what was measured into docs/performance.md, with UPDATE_DOCS=1. What is said there in words stays,
// and so does what another benchmark has measured. The charts are drawn of the tables.

const (
	performanceDoc = programs.Repository + "/docs/performance.md"
	inMemoryBegin  = "<!-- What follows is measured: UPDATE_DOCS=1 make bench -->\n"
	raftBegin      = "<!-- What follows is measured on raft: UPDATE_DOCS=1 make bench -->\n"
	resultsEnd     = "<!-- End of what is measured -->\n"
)

// writePerformance writes the tables behind the comment that begins them.
func writePerformance(b *testing.B, begin, tables string) {
	b.Helper()
	if os.Getenv("UPDATE_DOCS") == "" {
		return
	}
	content, err := os.ReadFile(performanceDoc)
	if err != nil {
		b.Fatalf("reading docs/performance.md: %v", err)
	}
	before, rest, found := strings.Cut(string(content), begin)
	_, after, closed := strings.Cut(rest, resultsEnd)
	if !found || !closed {
		b.Fatal("docs/performance.md has lost the comments around its tables")
	}
	text := before + begin + "\n" + circumstances(b) + "\n" + tables + "\n" + resultsEnd + after
	if err := os.WriteFile(performanceDoc, []byte(text), 0o644); err != nil {
		b.Fatalf("writing docs/performance.md: %v", err)
	}
	drawCharts(b)
}

// circumstances are where and how the numbers came about.
func circumstances(b *testing.B) string {
	b.Helper()
	return fmt.Sprintf(`- Date: %s
- Command: %s
- Machine: %s, %d cores, %s/%s
- Versions: %s, plugin %s, Vault and built-in engine %s
`, time.Now().UTC().Format("2006-01-02"), "`make bench`", processor(), runtime.NumCPU(), runtime.GOOS, runtime.GOARCH,
		runtime.Version(), programs.Built.Version, server.Peer(b).Version)
}

// processor is what the kernel calls the processor.
func processor() string {
	info, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return "a processor that the kernel does not name"
	}
	for line := range strings.Lines(string(info)) {
		if name, model, found := strings.Cut(line, ":"); found && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(model)
		}
	}
	return "a processor that the kernel does not name"
}
