// SPDX-License-Identifier: MPL-2.0

package backend

import (
	"time"

	"github.com/hashicorp/go-secure-stdlib/parseutil"
	"github.com/hashicorp/vault/sdk/framework"

	"vault-plugin-secrets-aws-dyn/backend/engine"
)

// leaseConfig bounds the leases of a mount. Zero leaves it to the mount's tuning.
type leaseConfig struct {
	Lease    time.Duration // default
	LeaseMax time.Duration // maximum
}

func newLeaseConfig() *leaseConfig { return &leaseConfig{} }

// update takes what the request names, and reports whether it named anything. The
// Vault UI saves this page with every other, with nothing in it.
func (c *leaseConfig) update(d *framework.FieldData) (named bool, err error) {
	var m engine.Mistakes
	take := func(field string, dst *time.Duration) {
		var text string
		engine.Set(d, field, &text)
		switch {
		case engine.IsNull(d, field):
			text = "0"
		case text == "":
			return
		}
		v, err := parseutil.ParseDurationSecond(text)
		if err != nil || v < 0 {
			m.Add(field, "%q is not a duration; use a number with a unit such as 30m or 24h, or whole seconds", text)
			return
		}
		*dst, named = v, true
	}
	take("lease", &c.Lease)
	take("lease_max", &c.LeaseMax)
	return named, m.Err()
}

func (c *leaseConfig) validate() error {
	var m engine.Mistakes
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

// lastMoment is the latest moment that a lease which began at a moment can live to
// when it is issued or renewed now, by the rules that Vault cuts leases by. The
// increment is what the caller of a renewal asks for.
func (l *lease) lastMoment(of bounds, cfg *leaseConfig, began, now time.Time, increment time.Duration) time.Time {
	ttl, longest := l.ttls(cfg)
	ends := now.Add(firstSet(increment, ttl, of.usual))
	most := of.longest
	if longest > 0 && longest < most {
		most = longest
	}
	if last := began.Add(most); ends.After(last) {
		return last
	}
	return ends
}
