// SPDX-License-Identifier: MPL-2.0

package crash

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"vault-plugin-secrets-aws-dyn/internal/e2e/server"
	"vault-plugin-secrets-aws-dyn/internal/e2e/stepping"
)

// This file is how the matrix interrupts.

// bystander is a mount of the same process to which nothing happens.
const bystander = "bystander"

// kind is a way to interrupt what all mounts are at.
type kind struct {
	name string
	// dies: the process dies where it stands, so what was on its way to AWS may arrive or not.
	dies      bool
	interrupt func(t *testing.T, v *stepping.Vault, cases []*crashCase)
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
	{"plugin killed", true, func(t *testing.T, v *stepping.Vault, cases []*crashCase) {
		server.KillProcess(t, v.Plugin())
		release(cases)
	}},
	{"Vault and plugin killed", true, func(_ *testing.T, v *stepping.Vault, cases []*crashCase) {
		v.Kill()
		release(cases)
		v.Restart()
	}},
	{"plugin reloaded", true, func(t *testing.T, v *stepping.Vault, cases []*crashCase) {
		// The process is that of all mounts, and the reload of one ends it. It would wait for the requests of this one.
		pid := v.Plugin()
		v.Call(http.MethodPost, "sys/plugins/reload/backend", map[string]any{"mounts": []string{bystander + "/"}})
		server.WaitFor(t, server.Soon, "the reloaded plugin's process to end", func() bool { return !server.Runs(pid) })
		release(cases)
	}},
	{"server sealed", false, func(t *testing.T, v *stepping.Vault, cases []*crashCase) {
		// Vault gives the requests up and lets go of each mount. What was under way goes on then, as far as it comes.
		for _, c := range cases {
			v.On(c.Mount, stepping.CleansUp, func() { c.seq.Release(stepping.GoesOn) })
		}
		v.Call(http.MethodPut, "sys/seal", nil)
		v.WaitForStatus(http.StatusServiceUnavailable)
		server.WaitFor(t, server.Soon, "the sealed Vault to end the plugin", func() bool { return len(v.Plugins()) == 0 })
		release(cases)
		v.UnsealNow()
	}},
}

// release opens the boundaries of all cases, once nobody is left to pass them.
func release(cases []*crashCase) {
	for _, c := range cases {
		if c.late {
			c.seq.Release(stepping.Late)
		} else {
			c.seq.Release(stepping.Lost)
		}
	}
}

// start starts the operation.
func (c *crashCase) start(v *stepping.Vault) {
	c.ended = make(chan struct{})
	c.seq.Arm()
	go func() {
		defer close(c.ended)
		a, err := c.run(v, c)
		if err == nil && a.Status >= 300 {
			err = errors.New(a.Text)
		}
		c.err = err
	}()
}
