// SPDX-License-Identifier: MPL-2.0

package backend

// The life of a lease with storage that stumbles at every one of its uses, once, in every
// way, and with a clock that jumps at every step.

import (
	"fmt"
	"testing"
	"time"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/users"
)

// leaseStep is one step in the life of a lease.
type leaseStep struct {
	name string
	take func(m *mount, creds *logical.Response, s logical.Storage) (*logical.Response, error)
}

var leaseSteps = []leaseStep{
	{"create", func(m *mount, _ *logical.Response, s logical.Storage) (*logical.Response, error) {
		req := m.request(logical.UpdateOperation, "creds/developer-access", map[string]any{"ttl": "1h"})
		req.Storage = s
		return m.b.HandleRequest(m.ctx, req)
	}},
	{"renew", func(m *mount, creds *logical.Response, s logical.Storage) (*logical.Response, error) {
		return m.leaseOn(s, logical.RenewOperation, creds)
	}},
	{"revoke", func(m *mount, creds *logical.Response, s logical.Storage) (*logical.Response, error) {
		return m.leaseOn(s, logical.RevokeOperation, creds)
	}},
}

// well tells an answer from a refusal and from a failure.
func well(resp *logical.Response, err error) bool { return err == nil && !resp.IsError() }

// Whatever storage does, the user of a live lease lives, and no other does for longer
// than its lease could.
func TestLeaseMeetsEveryStumbleOfStorage(t *testing.T) {
	t.Parallel()
	for _, step := range leaseSteps {
		for n, use := range usesOf(t, step) {
			for _, how := range stumbles {
				t.Run(fmt.Sprintf("%s, storage %d, %s: %s", step.name, n, use, how.name), func(t *testing.T) {
					t.Parallel()
					stumbleIn(t, step, n, how)
				})
			}
		}
	}
}

// usesOf are the uses of storage in a step in which all goes well.
func usesOf(t *testing.T, step leaseStep) []string {
	t.Helper()
	m := newConfiguredMount(t)
	m.start() // with nothing in memory
	var creds *logical.Response
	if step.name != "create" {
		creds = m.do(logical.UpdateOperation, "creds/developer-access", map[string]any{"ttl": "1h"})
		m.start()
	}
	process := &stumbling{Storage: m.storage, at: -1}
	resp, err := step.take(m, creds, process)
	if !well(resp, err) {
		t.Fatalf("%s: %v %v", step.name, resp, err)
	}
	switch step.name {
	case "create":
		m.revoke(resp)
	case "renew":
		m.revoke(creds)
	}
	var uses []string
	for _, use := range process.used {
		if len(use) > 40 { // without the UUID or the name
			use = use[:12] + "…"
		}
		uses = append(uses, use)
	}
	t.Logf("a %s uses storage %d times: %v", step.name, len(uses), uses)
	return uses
}

func stumbleIn(t *testing.T, step leaseStep, n int, how stumble) {
	t.Helper()
	m := newConfiguredMount(t, noRetries)
	m.start()
	var creds *logical.Response
	if step.name != "create" {
		creds = m.do(logical.UpdateOperation, "creds/developer-access", map[string]any{"ttl": "1h"})
		m.start()
	}
	process := &stumbling{Storage: m.storage, at: n, how: how, dies: m.away}
	resp, err := step.take(m, creds, process)
	if len(process.used) <= n {
		t.Fatalf("storage was used %d times", len(process.used))
	}
	if how.dies {
		resp, err = nil, errStorage // nobody is there to hear the answer
	}
	m.restart()
	m.mustTick()
	if step.name == "create" && well(resp, err) {
		creds = resp
	}
	if step.name != "revoke" && creds != nil {
		m.age(55 * time.Minute)
		m.mustTick()
		m.has(m.user(creds), true)
	}
	if creds != nil && (step.name != "revoke" || !well(resp, err)) {
		m.start()
		m.revoke(creds) // as Vault does at the end of a lease, or again
	}
	m.age(2*time.Hour + users.DefaultSweepGrace)
	m.mustTick()
	m.mustTick()
	m.noUsers()
	m.recorded(0)
	m.registered(0)
}

// The clock of this server jumps before a step and stays so, or is put right after it.
// Hardly any time passes in truth, so nothing but a revocation may end the user.
func TestNoLiveLeaseLosesItsUserWhenTheClockJumps(t *testing.T) {
	t.Parallel()
	const year = 365 * 24 * time.Hour
	tick := leaseStep{"tick", func(m *mount, _ *logical.Response, _ logical.Storage) (*logical.Response, error) {
		return nil, m.tick()
	}}
	life := []leaseStep{leaseSteps[0], tick, leaseSteps[1], tick, leaseSteps[1], tick}
	for _, jump := range []time.Duration{10 * year, 26 * time.Hour, -5 * time.Hour, -20 * year} {
		for at := range life {
			for _, mended := range []bool{true, false} {
				t.Run(fmt.Sprintf("%s before step %d, a %s, mended: %v", jump, at, life[at].name, mended), func(t *testing.T) {
					t.Parallel()
					m := newConfiguredMount(t)
					var creds *logical.Response
					for i, step := range life {
						if i == at {
							m.pass(jump)
						}
						resp, err := step.take(m, creds, m.storage)
						if !well(resp, err) {
							t.Fatalf("step %d, a %s: %v %v", i, step.name, resp, err)
						}
						if creds == nil {
							creds = resp
						}
						if i == at && mended {
							m.pass(-jump)
						}
						m.has(m.user(creds), true)
						m.start()
						m.mustTick() // the first of a new process looks at everything
						m.has(m.user(creds), true)
					}
					m.revoke(creds)
					m.noUsers()
					m.registered(0)
				})
			}
		}
	}
}
