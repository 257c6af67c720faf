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
	ttl = engine.FirstSet(l.RequestTTL, l.DefaultTTL, cfg.Lease)
	longest = engine.FirstSet(l.MaxTTL, cfg.LeaseMax)
	if cfg.LeaseMax > 0 {
		longest = min(longest, cfg.LeaseMax)
	}
	return ttl, longest
}

// longest is how long after its making the credential can live at most.
func (l *lease) longest(of engine.LeaseBounds, cfg *leaseConfig) time.Duration {
	if _, longest := l.ttls(cfg); longest > 0 && longest < of.Longest {
		return longest
	}
	return of.Longest
}

// leaseTTLs are ttls for Vault, which counts them from when the lease was given: one of a user that was
// made before ends at the latest when its first one can.
func (i *issuer) leaseTTLs(l *lease, cfg *leaseConfig) (ttl, longest time.Duration) {
	if ttl, longest = l.ttls(cfg); l.Late > 0 {
		longest = max(l.longest(i.LeaseBounds(), cfg)-l.Late, time.Second)
	}
	return ttl, longest
}

// boundsFor asks for the mount's bounds, without its default where a lease has no use for that.
func (i *issuer) boundsFor(l *lease, cfg *leaseConfig) engine.LeaseBounds {
	if ttl, _ := l.ttls(cfg); ttl > 0 {
		return engine.LeaseBounds{Usual: ttl, Longest: i.LongestLease()}
	}
	return i.LeaseBounds()
}

// lastMoment is the latest moment that a lease which began at a moment can live to
// when it is issued or renewed now, by the rules that Vault cuts leases by. The
// increment is what the caller of a renewal asks for.
func (l *lease) lastMoment(of engine.LeaseBounds, cfg *leaseConfig, began, now time.Time, increment time.Duration) time.Time {
	ttl, _ := l.ttls(cfg)
	ends := now.Add(engine.FirstSet(increment, ttl, of.Usual))
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
