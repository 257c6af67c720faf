// SPDX-License-Identifier: MPL-2.0

package engine

import "time"

// LeaseBounds are how long the mount lets leases be.
type LeaseBounds struct{ Usual, Longest time.Duration }

// fallbackTTL is Vault's own default and maximum for leases, for where the system view does
// not tell: it gives zero then.
const fallbackTTL = 768 * time.Hour

// LeaseBounds asks Vault, which takes two round trips.
func (m *Mount) LeaseBounds() LeaseBounds {
	return LeaseBounds{Usual: FirstSet(m.Vault.DefaultLeaseTTL(), fallbackTTL), Longest: m.LongestLease()}
}

// LongestLease is one half of them, which takes one round trip.
func (m *Mount) LongestLease() time.Duration { return FirstSet(m.Vault.MaxLeaseTTL(), fallbackTTL) }

// FirstSet is the first of some durations that is positive, or 0 if none is.
func FirstSet(durations ...time.Duration) time.Duration {
	for _, d := range durations {
		if d > 0 {
			return d
		}
	}
	return 0
}
