// SPDX-License-Identifier: MPL-2.0

package e2e

import (
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

// TestSoakRevokePrefix revokes very many leases at once, as an operator does after an incident, while AWS takes only so
// many calls a second. Vault sends up to 180 revocations of one mount at a time and gives a lease up after six that
// failed, so each has to wait for its turn by itself.
func TestSoakRevokePrefix(t *testing.T) {
	t.Parallel()
	count := 200
	if *soak {
		count = 2000
	}
	account := fakeaws.New(t)
	account.AddGroup("developers")
	v := startDev(t)
	v.mount()
	configureRoot(v, account)
	writeLoadRoles(v)
	v.issueMany(count)
	account.ResetCalls()
	account.SetRate("", iamRate, iamBurst)

	v.cli("lease", "revoke", "-prefix", "aws-dyn/creds/wide")
	waitFor(t, loadSettles, "all leases to end", func() bool { return v.leases("wide") == 0 })
	made, refused, took := deletions(account)
	t.Logf("%d leases revoked in %.1f s: %.1f deletions a second, of %d that AWS takes", count, took.Seconds(), float64(made-iamBurst)/took.Seconds(), iamRate)
	t.Logf("calls: %d, throttled: %d, of these DeleteUser: %d; revocations that failed and were Vault's to repeat: %d; irrevocable leases %d",
		len(account.Calls()), throttledCalls(account), refused, v.failedRevocations(), v.irrevocable())
	if made != count || v.irrevocable() != 0 || v.failedRevocations() != 0 {
		t.Errorf("%d of %d users were deleted; %d revocations failed, %d leases are irrevocable", made, count, v.failedRevocations(), v.irrevocable())
	}
}

// issueMany issues so many credentials of the role for leases that stay.
func (v *server) issueMany(count int) {
	v.t.Helper()
	c := newCrowd(v)
	var clients sync.WaitGroup
	for n := range 16 {
		clients.Go(func() {
			for i := n; i < count; i += 16 {
				c.issue("wide")
			}
		})
	}
	clients.Wait()
	if issued := c.issued.Load(); issued != int64(count) {
		v.t.Fatalf("%d credentials issued, not %d: %v", issued, count, c.said())
	}
}

// deletions counts the users that were deleted and the calls for it that were throttled, and tells how long it took
// from the first to the last.
func deletions(account *fakeaws.Server) (made, refused int, took time.Duration) {
	var first, last time.Time
	for _, c := range account.Calls() {
		switch {
		case c.Action != "DeleteUser":
		case c.Code == "Throttling":
			refused++
		case c.Code == "":
			if made == 0 {
				first = c.Start
			}
			made++
			last = c.End
		}
	}
	return made, refused, last.Sub(first)
}

// failedRevocations counts, in Vault's log, the revocations that failed.
func (v *server) failedRevocations() int {
	v.t.Helper()
	log, err := os.ReadFile(v.logFile())
	if err != nil {
		v.t.Fatalf("reading Vault's log: %v", err)
	}
	return strings.Count(string(log), "expiration: failed to revoke lease")
}
