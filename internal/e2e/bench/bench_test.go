// SPDX-License-Identifier: MPL-2.0

package bench

import (
	"fmt"
	"os"
	"runtime/debug"
	"testing"
	"time"

	"vault-plugin-secrets-aws-dyn/internal/e2e/programs"
	"vault-plugin-secrets-aws-dyn/internal/e2e/server"
	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

// This file compares the speed of the engine with that of the one that is built into Vault: the same Vault, the same
// AWS, in turn. The other files have the parts: engine_test.go one engine, cell_test.go
// one measurement, process_test.go what processes use, raft_test.go what is measured on raft, accounts_test.go many accounts,
// table_test.go what is printed, docs_test.go what goes into docs/performance.md, and charts_test.go the charts there.

const (
	// benchRounds is how often everything is measured; the median counts. Ours and theirs take turns within each, so that
	// a machine that becomes slower or faster does so for both.
	benchRounds = 3

	// benchBox is how long a measurement makes credentials.
	benchBox = 700 * time.Millisecond

	// benchFewest is how many credentials it makes at least: with the three rounds, 30 even where one takes a second.
	benchFewest = 10
)

// The cells of the table.
var (
	benchRoles     = []string{"seed", "wide", "sts"}
	benchLatencies = []time.Duration{0, 10 * time.Millisecond, 50 * time.Millisecond}
	benchClients   = []int{1, 8, 64}
)

// BenchmarkAgainstTheBuiltIn prints the table of docs/performance.md, and writes it there with UPDATE_DOCS=1. It is one
// measurement that takes minutes, so run it with -benchtime 1x: `make bench`. It asserts no time, only that every
// request succeeds and that no user is left.
func BenchmarkAgainstTheBuiltIn(b *testing.B) {
	// The fake AWS and the clients are in this process. Both engines have to share the machine with it, so it collects
	// its garbage seldom.
	defer debug.SetGCPercent(debug.SetGCPercent(800))
	engines := startEngines(b, newBenchAWS(b))

	fresh := make([][]freshStart, len(engines))
	for range benchRounds {
		for i, e := range engines {
			fresh[i] = append(fresh[i], e.startAnew())
		}
	}
	var results []benchResult
	for _, role := range benchRoles {
		for _, latency := range benchLatencies {
			for _, clients := range benchClients {
				c := benchCell{role, latency, clients, benchRounds}
				results = append(results, c.measureAll(engines))
				fmt.Fprintf(os.Stderr, "measured %s\n", c)
			}
		}
	}
	t := &benchTable{engines: engines, fresh: fresh, results: results}
	fmt.Println(t.text())
	writePerformance(b, inMemoryBegin, t.text())
}

// newBenchAWS is an account with all that the roles name.
func newBenchAWS(b *testing.B) *fakeaws.Server {
	b.Helper()
	aws := fakeaws.New(b, fakeaws.WithPageSize(100)) // AWS's: the built-in engine does not read further pages
	aws.AddRole("deploy")
	aws.AddGroup("ops")
	aws.AddGroup("dev")
	return aws
}

// startEngines mounts ours and the built-in as a plugin in one Vault, and, where VAULT_FULL names a Vault that was built
// with its engines, the built-in of that one, in process.
func startEngines(b *testing.B, aws *fakeaws.Server) []*benchEngine {
	b.Helper()
	engines := mountBoth(server.StartDev(b, "VAULT_LOG_LEVEL=info"), aws) // as in production; debug would write a line for each request
	if full := os.Getenv("VAULT_FULL"); full != "" {
		inside := &benchEngine{name: "built-in in process", v: server.StartDevOf(b, full, "VAULT_LOG_LEVEL=info"), aws: aws, kind: "aws", client: newBenchClient()}
		inside.enable()
		engines = append(engines, inside)
	}
	return engines
}

// mountBoth mounts ours and the built-in as a plugin in one Vault.
func mountBoth(v *server.Server, aws *fakeaws.Server) []*benchEngine {
	v.T.Helper()
	v.Register("aws-dyn")
	p := v.RegisterPeer("aws")
	engines := []*benchEngine{
		{name: "ours", v: v, aws: aws, kind: "aws-dyn", command: programs.PluginName, binary: programs.Built.Plugin},
		{name: "built-in as a plugin", v: v, aws: aws, kind: "aws", command: p.Command, binary: p.Path()},
	}
	for _, e := range engines {
		e.client = newBenchClient()
		e.enable()
	}
	return engines
}
