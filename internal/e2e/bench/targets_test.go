// SPDX-License-Identifier: MPL-2.0

package bench

import (
	"fmt"
	"time"
)

// This file holds what was measured against what is aimed at. Nothing fails when a target is missed: times belong to
// the machine, and a test that asserts them fails where nothing is wrong.

// benchTarget is one aim, and how it was met.
type benchTarget struct {
	what, aim, got string
	met            bool
}

// targets are all targets where the storage is in memory.
func (t *benchTable) targets() []benchTarget {
	targets := t.againstThePlugin()
	if len(t.engines) > 2 {
		targets = append(targets, t.againstTheProcess()...)
	}
	return targets
}

// asRows are targets as rows of a table.
func asRows(targets []benchTarget) [][]string {
	rows := [][]string{{"what", "aim", "measured", ""}}
	for _, target := range targets {
		verdict := "missed"
		if target.met {
			verdict = "met"
		}
		rows = append(rows, []string{target.what, target.aim, target.got, verdict})
	}
	return rows
}

// at finds a cell.
func (t *benchTable) at(role string, latency time.Duration, clients int) benchResult {
	for _, r := range t.results {
		if r.role == role && r.latency == latency && r.clients == clients {
			return r
		}
	}
	panic(fmt.Sprintf("no such cell: %s at %s with %d clients", role, latency, clients))
}

const slowest = 50 * time.Millisecond

// The aims that each role has its own of.
var (
	createsAim = map[string]float64{"seed": 1.3, "wide": 1.5}          // times those of the built-in
	cpuAim     = map[string]float64{"seed": 60, "wide": 80, "sts": 85} // percent of that of the built-in
)

// againstThePlugin are the targets against the built-in engine as an external plugin.
func (t *benchTable) againstThePlugin() []benchTarget {
	wide := t.at("wide", slowest, 1)
	targets := []benchTarget{
		atLeast("create of wide at 50 ms, 1 client", 4, ratioOf(wide.of[1].create.p50, wide.of[0].create.p50)),
		atLeast("revoke of wide at 50 ms, 1 client", 5, ratioOf(wide.of[1].revoke.p50, wide.of[0].revoke.p50)),
		callsTarget("seed", 6, t.at("seed", 0, 1)),
		callsTarget("wide", 16, t.at("wide", 0, 1)),
	}
	for _, role := range benchRoles[:2] {
		r := t.at(role, 0, 8)
		targets = append(targets,
			atLeast("creates per second of "+role+" at 0 ms, 8 clients", createsAim[role], r.of[0].create.perSecond/r.of[1].create.perSecond),
			atLeast("revokes per second of "+role+" at 0 ms, 8 clients", 1.5, r.of[0].revoke.perSecond/r.of[1].revoke.perSecond))
	}
	for _, role := range benchRoles {
		r := t.at(role, 0, 8)
		targets = append(targets, atMost("CPU of a life of "+role+" at 0 ms, 8 clients", cpuAim[role], ratioOf(r.of[0].cpu.sum(), r.of[1].cpu.sum())))
	}
	_, ours := binarySize(t.engines[0].v.T, t.engines[0].binary)
	_, theirs := binarySize(t.engines[1].v.T, t.engines[1].binary)
	return append(targets,
		atMost("start to first credential", 100, ratioOf(t.first(0), t.first(1))),
		atMost("peak memory of the plugin, 64 clients", 110, ratioOf(t.peak(0), t.peak(1))),
		atMost("binary without symbols", 100, ratioOf(ours, theirs)))
}

// againstTheProcess are the targets against the built-in engine inside the Vault server, which calls no other process.
func (t *benchTable) againstTheProcess() []benchTarget {
	var targets []benchTarget
	for _, role := range benchRoles[:2] {
		for _, latency := range benchLatencies {
			r := t.at(role, latency, 1)
			where := fmt.Sprintf(" of %s at %d ms, 1 client", role, latency.Milliseconds())
			aim := 1.0
			if latency == 0 {
				aim = 1 / 1.5
			}
			targets = append(targets,
				atLeast("create"+where+", in process", aim, ratioOf(r.of[2].create.p50, r.of[0].create.p50)),
				atLeast("revoke"+where+", in process", 1, ratioOf(r.of[2].revoke.p50, r.of[0].revoke.p50)))
		}
	}
	return targets
}

// atLeast is a target for how many times as fast ours is.
func atLeast(what string, aim, got float64) benchTarget {
	return benchTarget{what, fmt.Sprintf("at least %.3g× the built-in", aim), fmt.Sprintf("%.2f×", got), got >= aim}
}

// atMost is a target for how much ours needs of what the built-in needs, in percent.
func atMost(what string, aim, got float64) benchTarget {
	return benchTarget{what, fmt.Sprintf("at most %.0f %% of the built-in", aim), fmt.Sprintf("%.0f %%", 100*got), 100*got <= aim}
}

// callsTarget is the target for the number of AWS calls of a life.
func callsTarget(role string, aim float64, r benchResult) benchTarget {
	got := r.of[0].calls
	return benchTarget{"AWS calls for a life of " + role, fmt.Sprintf("%.0f", aim), fmt.Sprintf("%.4g (built-in %.4g)", got, r.of[1].calls), got <= aim}
}
