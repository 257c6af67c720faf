// SPDX-License-Identifier: MPL-2.0

package e2e

import (
	"errors"
	"net/http"
	"testing"
	"time"
)

// This file is how the matrix interrupts.

// bystander is a mount of the same process to which nothing happens.
const bystander = "bystander"

// kind is a way to interrupt what all mounts are at.
type kind struct {
	name string
	// dies: the process dies where it stands, so what was on its way to AWS may arrive or not.
	dies   bool
	strike func(t *testing.T, v *stepping, cases []*crashCase)
}

// late is how late AWS may do what it has heard: where the process lives on, AWS holds what is under way until Vault
// lets go of the mounts, and does it then.
func (k kind) late() time.Duration {
	if k.dies {
		return 4 * time.Second
	}
	return 150 * time.Second
}

var kinds = []kind{
	{"plugin killed", true, func(t *testing.T, v *stepping, cases []*crashCase) {
		killProcess(t, v.plugin())
		release(cases)
	}},
	{"Vault and plugin killed", true, func(_ *testing.T, v *stepping, cases []*crashCase) {
		v.kill()
		release(cases)
		v.restart()
	}},
	{"plugin reloaded", true, func(t *testing.T, v *stepping, cases []*crashCase) {
		// The process is that of all mounts, and the reload of one ends it. It would wait for the requests of this one.
		pid := v.plugin()
		v.call(http.MethodPost, "sys/plugins/reload/backend", map[string]any{"mounts": []string{bystander + "/"}})
		waitFor(t, soon, "the reloaded plugin's process to end", func() bool { return !runs(pid) })
		release(cases)
	}},
	{"server sealed", false, func(t *testing.T, v *stepping, cases []*crashCase) {
		// Vault gives the requests up and lets go of each mount. What was under way goes on then, as far as it comes.
		for _, c := range cases {
			v.on(c.mount, cleansUp, func() { c.seq.release(goesOn) })
		}
		v.call(http.MethodPut, "sys/seal", nil)
		v.waitForStatus(http.StatusServiceUnavailable)
		waitFor(t, soon, "the sealed Vault to end the plugin", func() bool { return len(v.plugins()) == 0 })
		release(cases)
		v.unsealNow()
	}},
}

// release opens the boundaries of all cases, once nobody is left to pass them.
func release(cases []*crashCase) {
	for _, c := range cases {
		if c.late {
			c.seq.release(late)
		} else {
			c.seq.release(lost)
		}
	}
}

// start starts the operation.
func (c *crashCase) start(v *stepping) {
	c.ended = make(chan struct{})
	c.seq.arm()
	go func() {
		defer close(c.ended)
		a, err := c.run(v, c)
		if err == nil && a.status >= 300 {
			err = errors.New(a.text)
		}
		c.err = err
	}()
}
