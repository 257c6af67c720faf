// SPDX-License-Identifier: MPL-2.0

package crash

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"vault-plugin-secrets-aws-dyn/internal/e2e/server"
	"vault-plugin-secrets-aws-dyn/internal/e2e/stepping"
)

// This file disables mounts in the middle of what they are at. Vault revokes the leases, lets the engine clean up and
// erases the storage; whatever is in AWS then stays there for ever.

// TestSoakCrashDisabled disables the mount while every operation that is about a user of the engine's stands at each of
// its boundaries: once among other mounts of the process, which goes on, and once as the only one, whose process ends.
func TestSoakCrashDisabled(t *testing.T) {
	t.Parallel()
	var ours []operation
	for _, o := range operations {
		if !strings.HasPrefix(o.name, "static") && o.name != "rotate-root" && o.held == nil {
			ours = append(ours, o)
		}
	}
	for _, among := range []bool{true, false} {
		name, offset := "the only mount of its process", 0
		if among {
			name, offset = "one mount of many", 2
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newMatrix(t, 4*time.Second)
			m.count(ours, false)
			m.thin(offset)
			m.each("disabling mounts", m.cases, func(c *crashCase) error {
				if !among {
					c.plugin = "of-" + c.Mount
					if _, err := m.v.Demand(http.MethodPost, "sys/plugins/catalog/secret/"+c.plugin, m.v.Stepper()); err != nil {
						return err
					}
				}
				return m.disable(c)
			})
			m.fewEnded()
			left := 0
			for _, c := range m.cases {
				left += len(c.leftovers())
				_ = c.Account.Close() // it was looked at
			}
			t.Logf("disabled, while:\n%s\t%d cases; %d users and keys left", m.table(), len(m.cases), left)
		})
	}
}

// disable disables the mount of a case in the middle of its operation. A create goes on when Vault has the engine
// clean up, at the end. Vault itself does not get there while a lease is being revoked or renewed, so these go on when
// it has begun.
func (m *matrix) disable(c *crashCase) error {
	v := m.v
	if err := c.begin(v); err != nil {
		return err
	}
	if c.prepare != nil {
		if err := c.prepare(v, c); err != nil {
			return err
		}
	}
	moment := stepping.CleansUp
	if c.lease != "" {
		moment = stepping.RollsBack
	}
	c.seq.Others = true // Vault revokes the other leases meanwhile
	c.start(v)
	if err := m.reach(c); err != nil {
		return err
	}
	v.On(c.Mount, moment, func() { c.seq.Release(stepping.GoesOn) })
	if _, err := v.Demand(http.MethodDelete, "sys/mounts/"+c.Mount, nil); err != nil {
		return err
	}
	<-c.ended
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(server.Soon); len(c.leftovers()) > 0 || c.Account.InFlight() > 0; <-tick.C {
		if time.Now().After(deadline) {
			return fmt.Errorf("AWS has left: %s", strings.Join(c.leftovers(), "; "))
		}
	}
	if harmed := c.harmed(); len(harmed) > 0 {
		return fmt.Errorf("the users %q are not as they were", harmed)
	}
	return nil
}

// leftovers are what the mount has left in AWS. What tidy had not deleted yet was nobody's, and stays so; a policy that
// denies sessions stays too, since to remove it would give them back.
func (c *crashCase) leftovers() []string {
	return slices.DeleteFunc(c.Account.Leftovers(), func(one string) bool {
		return c.orphan != "" && strings.HasPrefix(one, "user /"+c.orphan+" ") || strings.Contains(one, " vault-denied-sessions-")
	})
}
