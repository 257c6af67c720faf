// SPDX-License-Identifier: MPL-2.0

package backend

// config/lease is stored and answered as the built-in engine does, and a save with
// nothing in it, which the Vault UI sends with every other page, changes nothing.

import (
	"encoding/json"
	"maps"
	"strings"
	"testing"

	"github.com/hashicorp/vault/sdk/logical"
)

// checkLease checks what is stored under config/lease, to the letter, and answered.
func (m *mount) checkLease(stored, lease, leaseMax string) {
	m.t.Helper()
	if got := strings.TrimSpace(m.storage.dump(m.t)["config/lease"]); got != stored {
		m.t.Errorf("stored %s, want %s", got, stored)
	}
	data := m.read("config/lease")
	if len(data) != 2 || data["lease"] != lease || data["lease_max"] != leaseMax {
		m.t.Errorf("read %v, want %s and %s", data, lease, leaseMax)
	}
}

func TestLeaseConfigForms(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, body              string
		stored, lease, leaseMax string
	}{
		{"texts", `{"lease": "1h", "lease_max": "2h"}`, `{"Lease":3600000000000,"LeaseMax":7200000000000}`, "1h0m0s", "2h0m0s"},
		{"numbers are seconds", `{"lease": 90, "lease_max": 5400}`, `{"Lease":90000000000,"LeaseMax":5400000000000}`, "1m30s", "1h30m0s"},
		{"numbers in texts", `{"lease": "90", "lease_max": "5400"}`, `{"Lease":90000000000,"LeaseMax":5400000000000}`, "1m30s", "1h30m0s"},
		{"days", `{"lease": "1d", "lease_max": "768h"}`, `{"Lease":86400000000000,"LeaseMax":2764800000000000}`, "24h0m0s", "768h0m0s"},
		{"both the same", `{"lease": "1h", "lease_max": "1h"}`, `{"Lease":3600000000000,"LeaseMax":3600000000000}`, "1h0m0s", "1h0m0s"},
		{"the default alone", `{"lease": "45m"}`, `{"Lease":2700000000000,"LeaseMax":0}`, "45m0s", "0s"},
		{"the longest alone", `{"lease_max": "45m"}`, `{"Lease":0,"LeaseMax":2700000000000}`, "0s", "45m0s"},
		{"zeros", `{"lease": 0, "lease_max": "0"}`, `{"Lease":0,"LeaseMax":0}`, "0s", "0s"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := newMount(t)
			if resp := m.write("config/lease", fromJSON(t, c.body)); resp != nil {
				t.Errorf("a clean write is answered %v", resp)
			}
			m.checkLease(c.stored, c.lease, c.leaseMax)
		})
	}
}

func TestLeaseConfigWithNothingInIt(t *testing.T) {
	t.Parallel()
	for _, body := range []string{`{}`, `{"lease": "", "lease_max": ""}`, `{"lease": ""}`, `{"lease_max": ""}`} {
		t.Run(body, func(t *testing.T) {
			m := newMount(t)
			if resp := m.write("config/lease", fromJSON(t, body)); resp != nil {
				t.Errorf("answered %v", resp)
			}
			if data := m.read("config/lease"); data != nil || len(m.storage.dump(t)) > 0 {
				t.Errorf("read %v, stored %v", data, m.storage.dump(t))
			}
			m.write("config/lease", map[string]any{"lease": "1h", "lease_max": "2h"})
			m.write("config/lease", fromJSON(t, body))
			m.checkLease(`{"Lease":3600000000000,"LeaseMax":7200000000000}`, "1h0m0s", "2h0m0s")
		})
	}
}

func TestPartialWriteOfLeaseConfigKeepsTheRest(t *testing.T) {
	t.Parallel()
	m := newMount(t)
	m.write("config/lease", map[string]any{"lease": "1h", "lease_max": "2h"})
	m.write("config/lease", map[string]any{"lease": "30m"})
	m.checkLease(`{"Lease":1800000000000,"LeaseMax":7200000000000}`, "30m0s", "2h0m0s")
	m.write("config/lease", map[string]any{"lease_max": "3h", "lease": ""})
	m.checkLease(`{"Lease":1800000000000,"LeaseMax":10800000000000}`, "30m0s", "3h0m0s")
	m.write("config/lease", map[string]any{"lease": 0})
	m.checkLease(`{"Lease":0,"LeaseMax":10800000000000}`, "0s", "3h0m0s")
	m.write("config/lease", map[string]any{"lease": "1h"})
	m.write("config/lease", map[string]any{"lease_max": nil})
	m.checkLease(`{"Lease":3600000000000,"LeaseMax":0}`, "1h0m0s", "0s")
}

func TestLeaseAboveTheLongestIsRefused(t *testing.T) {
	t.Parallel()
	m := newMount(t)
	m.write("config/lease", map[string]any{"lease": "1h", "lease_max": "2h"})
	before := m.storage.dump(t)
	for _, data := range []map[string]any{{"lease": "2h1s"}, {"lease_max": "59m"}, {"lease": "4h", "lease_max": "3h"}} {
		text := m.refused(logical.UpdateOperation, "config/lease", data)
		if !strings.Contains(text, "lease_max") || !maps.Equal(before, m.storage.dump(t)) {
			t.Errorf("%v: %s", data, text)
		}
	}
}

func TestLeaseConfigOfTheBuiltInEngine(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t)
	m.leave("config/lease", `{"Lease":1800000000000,"LeaseMax":86400000000000}`)
	m.checkLease(`{"Lease":1800000000000,"LeaseMax":86400000000000}`, "30m0s", "24h0m0s")
	creds := m.creds("developer-access")
	defer m.revoke(creds)
	if creds.Secret.TTL.String() != "30m0s" || creds.Secret.MaxTTL.String() != "24h0m0s" {
		t.Errorf("a lease of %s, at most %s", creds.Secret.TTL, creds.Secret.MaxTTL)
	}
}

// The answer is text on its way through Vault: a number would be nanoseconds there.
func TestLeaseConfigIsAnsweredInTexts(t *testing.T) {
	t.Parallel()
	m := newMount(t)
	m.write("config/lease", map[string]any{"lease": 60, "lease_max": 120})
	raw, err := json.Marshal(m.read("config/lease"))
	if err != nil || string(raw) != `{"lease":"1m0s","lease_max":"2m0s"}` {
		t.Errorf("%s %v", raw, err)
	}
}
