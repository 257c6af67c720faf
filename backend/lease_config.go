// SPDX-License-Identifier: MPL-2.0

package backend

import (
	"time"

	"github.com/hashicorp/vault/sdk/framework"
	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/engine"
)

// leaseConfig bounds the leases of a mount. Zero leaves it to the mount's tuning.
type leaseConfig struct {
	Lease    time.Duration // default
	LeaseMax time.Duration // maximum
}

func newLeaseConfig() *leaseConfig { return &leaseConfig{} }

// update takes what the request names, and reports whether it named anything. The
// Vault UI saves this page with every other, with empty texts in it.
func (c *leaseConfig) update(d *framework.FieldData) (named bool) {
	for field, dst := range map[string]*time.Duration{"lease": &c.Lease, "lease_max": &c.LeaseMax} {
		if d.Raw[field] != "" && engine.SetTTL(d, field, dst) {
			named = true
		}
	}
	return named
}

func (c *leaseConfig) validate() error {
	var m engine.Mistakes
	if c.Lease < 0 {
		m.Add("lease", "%s is negative; use 0 or more", c.Lease)
	}
	if c.LeaseMax < 0 {
		m.Add("lease_max", "%s is negative; use 0 or more", c.LeaseMax)
	}
	if c.LeaseMax > 0 && c.Lease > c.LeaseMax {
		m.Add("lease", "%s is more than lease_max, %s", c.Lease, c.LeaseMax)
	}
	return m.Err()
}

func (c *leaseConfig) response() map[string]any {
	return map[string]any{"lease": c.Lease.String(), "lease_max": c.LeaseMax.String()}
}

// ttls returns the lease's length and its bound, for Vault to apply; zero leaves
// either to the mount. Whoever is closest to the credential says how long, and
// whoever says least how long at most.
func (l *lease) ttls(cfg *leaseConfig) (ttl, longest time.Duration) {
	ttl = firstSet(l.RequestTTL, l.DefaultTTL, cfg.Lease)
	longest = firstSet(l.MaxTTL, cfg.LeaseMax)
	if cfg.LeaseMax > 0 {
		longest = min(longest, cfg.LeaseMax)
	}
	return ttl, longest
}

// longest is how long after its making the credential can live at most.
func (l *lease) longest(of bounds, cfg *leaseConfig) time.Duration {
	if _, longest := l.ttls(cfg); longest > 0 && longest < of.longest {
		return longest
	}
	return of.longest
}

// leaseTTLs are ttls for Vault, which counts them from when the lease was given: one of a user that was
// made before ends at the latest when its first one can.
func (u *users) leaseTTLs(l *lease, cfg *leaseConfig) (ttl, longest time.Duration) {
	if ttl, longest = l.ttls(cfg); l.Late > 0 {
		longest = max(l.longest(u.askBounds(), cfg)-l.Late, time.Second)
	}
	return ttl, longest
}

func firstSet(durations ...time.Duration) time.Duration {
	for _, d := range durations {
		if d > 0 {
			return d
		}
	}
	return 0
}

// bounds are how long the mount lets leases be.
type bounds struct{ usual, longest time.Duration }

// fallbackTTL is Vault's own default and maximum for leases, for where the system view does
// not tell: it gives zero then.
const fallbackTTL = 768 * time.Hour

// askBounds asks Vault, which takes two round trips.
func (u *users) askBounds() bounds {
	return bounds{usual: firstSet(u.Vault.DefaultLeaseTTL(), fallbackTTL), longest: firstSet(u.Vault.MaxLeaseTTL(), fallbackTTL)}
}

// boundsFor is askBounds without the question for a default that a lease has no use for.
func (u *users) boundsFor(l *lease, cfg *leaseConfig) bounds {
	if ttl, _ := l.ttls(cfg); ttl > 0 {
		return bounds{usual: ttl, longest: firstSet(u.Vault.MaxLeaseTTL(), fallbackTTL)}
	}
	return u.askBounds()
}

// lastMoment is the latest moment that a lease which began at a moment can live to
// when it is issued or renewed now, by the rules that Vault cuts leases by. The
// increment is what the caller of a renewal asks for.
func (l *lease) lastMoment(of bounds, cfg *leaseConfig, began, now time.Time, increment time.Duration) time.Time {
	ttl, _ := l.ttls(cfg)
	ends := now.Add(firstSet(increment, ttl, of.usual))
	if last := began.Add(l.longest(of, cfg)); ends.After(last) {
		return last
	}
	return ends
}

// began is when the lease began.
func (l *lease) began(secret *logical.Secret) time.Time {
	if l.Created.IsZero() {
		return secret.IssueTime
	}
	return l.Created
}
