// SPDX-License-Identifier: MPL-2.0

package load

import (
	"net/http"
	"testing"
	"time"

	"vault-plugin-secrets-aws-dyn/internal/e2e/crowd"
	"vault-plugin-secrets-aws-dyn/internal/e2e/programs"
	"vault-plugin-secrets-aws-dyn/internal/e2e/server"
	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

// This file loads a Vault with more clients than AWS serves at once, while calls fail, and looks at what is left.

// loadSettles is enough for what the clients leave to end: Vault tries a failed revocation again after 10 to 480 seconds,
// and its rollback comes once a minute.
const loadSettles = 6 * time.Minute

// memoryMargin is how much more the plugin may hold at the end of the load than after its first part: what Go's
// collector has not given back yet, and no more.
const memoryMargin = 32 << 20

// loadLength is how long clients press: as long as `make soak` has patience, or as long as it takes to see it all once.
func loadLength() time.Duration {
	if *programs.Soak {
		return 5 * time.Minute
	}
	return 30 * time.Second
}

// TestSoakLoad has clients issue, renew, revoke, forget and walk away while AWS throttles and one call in a hundred
// goes wrong in each way. At the end nothing is left: no user, no lease, no record, no lease that Vault gave up.
func TestSoakLoad(t *testing.T) {
	t.Parallel()
	account := fakeaws.New(t)
	account.AddGroup("developers")
	v := server.StartRaft(t)
	v.Mount("-args=-wal-min-age=1m", "-args=-late-window=2m", "-args=-sweep-grace=20s")
	server.ConfigureRoot(v, account)
	crowd.WriteRoles(v)
	account.SetRate("", iamRate, iamBurst)
	mix := inject(account)

	clients := crowd.New(v)
	clients.Press(loadLength() / 6)
	warm := v.Memory()
	clients.Press(loadLength() - loadLength()/6)
	loaded := v.Memory()
	t.Logf("%d clients for %s, %d calls a second of each action: %s", crowd.Clients, loadLength(), iamRate, clients)
	t.Logf("why requests failed: %v", clients.Said())

	v.Call(http.MethodPut, "sys/leases/revoke-prefix/aws-dyn/creds", map[string]any{"sync": false})
	server.WaitFor(t, loadSettles, "all leases to end", func() bool { return v.Leases(crowd.Roles...) == 0 })
	given := v.Irrevocable()
	t.Logf("faults: %s; throttled calls: %d of %d", mix, throttledCalls(account), len(account.Calls()))
	account.ClearFaults()
	// Vault drops an answer that comes as its client goes, and the lease with it: those users are the sweep's.
	t.Logf("users without a lease, for the rollback and the sweep: %d", len(account.Users()))
	server.WaitFor(t, loadSettles, "the rollback and the sweep to end what failed", func() bool {
		return len(account.Users()) == 0 && len(v.Records()) == 0
	})
	settled := v.Memory()
	t.Logf("leaks %d, records %d, leases %d, irrevocable leases %d", len(account.Users()), len(v.Records()), v.Leases(crowd.Roles...), given)
	t.Logf("memory of the plugin: %d MiB after the first sixth, %d MiB at the end of the load, %d MiB when all had settled", warm>>20, loaded>>20, settled>>20)

	if clients.Issued.Load() == 0 || given != 0 {
		t.Errorf("%d issued, %d irrevocable leases", clients.Issued.Load(), given)
	}
	mix.allMet(t)
	if settled > warm+memoryMargin {
		t.Errorf("the plugin holds %d MiB, and held %d MiB before", settled>>20, warm>>20)
	}
}
