// SPDX-License-Identifier: MPL-2.0

package bench

import (
	"fmt"
	"os"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"vault-plugin-secrets-aws-dyn/internal/e2e/server"
)

// This file compares the speed where each write of the storage waits for the disk: on raft, as most people run Vault.
// In memory a write costs next to nothing, so there nobody sees an engine that writes too often.

// raftRounds is benchRounds on raft. A flush of the disk takes now this long and now that, so it takes more rounds.
const raftRounds = 7

// raftCells are measured on raft.
var raftCells = []benchCell{
	{role: "seed", clients: 1, rounds: raftRounds},
	{role: "seed", clients: 8, rounds: raftRounds},
	{role: "seed", clients: 1, latency: 20 * time.Millisecond, rounds: raftRounds},
	{role: "wide", clients: 1, rounds: raftRounds},
	{role: "wide", clients: 8, rounds: raftRounds},
	{role: "wide", clients: 1, latency: 20 * time.Millisecond, rounds: raftRounds},
}

// BenchmarkOnRaft is BenchmarkAgainstTheBuiltIn on raft storage, which Vault writes as durably as it does by default.
func BenchmarkOnRaft(b *testing.B) {
	defer debug.SetGCPercent(debug.SetGCPercent(800))
	aws := newBenchAWS(b)
	t := &benchTable{engines: mountBoth(server.StartRaft(b, "VAULT_LOG_LEVEL=info"), aws)}
	for _, c := range raftCells {
		t.results = append(t.results, c.measureAll(t.engines))
		fmt.Fprintf(os.Stderr, "measured on raft %s\n", c)
	}
	fmt.Println(t.textOnRaft())
	writePerformance(b, raftBegin, t.textOnRaft())
}

// textOnRaft is what is printed of a table that was measured on raft.
func (t *benchTable) textOnRaft() string {
	var out strings.Builder
	for _, role := range benchRoles[:2] {
		fmt.Fprintf(&out, "### Role `%s` on raft: %s\n\n%s\n", role, benchRoleIs[role], lineUp(t.rows(role)))
	}
	fmt.Fprintf(&out, "### Targets on raft\n\n%s", lineUp(asRows(t.targetsOnRaft())))
	return out.String()
}

// targetsOnRaft are the targets against the built-in engine as an external plugin, on raft. Behind what was measured
// stands what single rounds said.
func (t *benchTable) targetsOnRaft() []benchTarget {
	one := t.at("seed", 0, 1)
	create := atMost("create of seed at 0 ms, 1 client", 85, ratioOf(one.of[0].create.p50, one.of[1].create.p50))
	lowest, highest := one.spread(func(r benchRound) float64 { return r.create.p50.Seconds() })
	create.got += fmt.Sprintf(" (rounds: %.0f to %.0f %%)", 100*lowest, 100*highest)
	targets := []benchTarget{create}
	for _, role := range benchRoles[:2] {
		r := t.at(role, 0, 8)
		creates := atLeast("creates per second of "+role+" at 0 ms, 8 clients", 1.2, r.of[0].create.perSecond/r.of[1].create.perSecond)
		lowest, highest = r.spread(func(r benchRound) float64 { return r.create.perSecond })
		creates.got += fmt.Sprintf(" (rounds: %.2f to %.2f×)", lowest, highest)
		revokes := atLeast("revokes per second of "+role+" at 0 ms, 8 clients", 1.6, r.of[0].revoke.perSecond/r.of[1].revoke.perSecond)
		lowest, highest = r.spread(func(r benchRound) float64 { return r.revoke.perSecond })
		revokes.got += fmt.Sprintf(" (rounds: %.2f to %.2f×)", lowest, highest)
		targets = append(targets, creates, revokes)
	}
	return targets
}
