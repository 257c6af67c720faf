// SPDX-License-Identifier: MPL-2.0

package editions

import (
	"slices"
	"testing"
	"time"

	"vault-plugin-secrets-aws-dyn/internal/e2e/server"
)

// This file has mounts go from an earlier engine to ours, back and up again, with all that processes which died, an AWS
// that was away and leases which Vault lost leave behind. Whoever has the mount when Vault's timer comes by ends it, and
// nobody else's credentials suffer.

// stage is which engine has the mount.
type stage int

const (
	first      stage = iota // the earlier engine
	up                      // ours
	down                    // the earlier engine again
	upAgain                 // ours again
	lastChange = upAgain
)

func (s stage) String() string { return []string{"first", "up", "down", "up again"}[s] }

// ours says whether the shipped binary has the mount.
func (s stage) ours() bool { return s == up || s == upAgain }

// TestFirstEditionAndBack rolls mounts between the first edition of the engine and this one.
func TestFirstEditionAndBack(t *testing.T) {
	t.Parallel()
	rollMounts(t, func(v *server.Server) earlierEngine { return registerFirst(v, "aws") })
}

// TestBuiltInAndBackWithLeftovers does so with the built-in engine, which knows of what is left only what stands in the
// WAL.
func TestBuiltInAndBackWithLeftovers(t *testing.T) {
	t.Parallel()
	rollMounts(t, func(v *server.Server) earlierEngine { return registerBuiltIn(v, "aws") })
}

// rollMounts has three mounts, each of which is in another stage when Vault's timer comes by: it does so once a minute,
// for all of them.
func rollMounts(t *testing.T, register func(*server.Server) earlierEngine) {
	t.Helper()
	_, err := buildFirst() // before Vault's minute begins
	if err != nil {
		t.Fatal(err)
	}
	v := server.StartRaft(t)
	began := time.Now()
	earlier := register(v)
	v.Register("aws", slices.Concat(editionFlags, []string{"-args=-late-window=2s"})...)
	var mounts []*rolled
	for _, rests := range []stage{up, down, upAgain} {
		mounts = append(mounts, newRolled(t, v, earlier, rests))
	}
	for now := first; now <= lastChange; now++ {
		var here []*rolled
		for _, m := range mounts {
			if now <= m.rests {
				m.enter(now)
				here = append(here, m)
			}
		}
		if now <= up {
			leaveBehind(t, v, here)
		}
	}
	t.Logf("all is left behind %.0f s after Vault began", time.Since(began).Seconds())
	for _, m := range mounts {
		m.ageWAL()
	}
	for _, m := range mounts {
		m.awaitTick()
	}
	t.Logf("Vault's timer has come by %.0f s after Vault began", time.Since(began).Seconds())
	for _, m := range mounts {
		for now := m.rests + 1; now <= lastChange; now++ {
			m.enter(now)
		}
		m.end()
	}
}
