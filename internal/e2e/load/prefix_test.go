// SPDX-License-Identifier: MPL-2.0

package load

import (
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"vault-plugin-secrets-aws-dyn/internal/e2e/crowd"
	"vault-plugin-secrets-aws-dyn/internal/e2e/programs"
	"vault-plugin-secrets-aws-dyn/internal/e2e/server"
	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

// TestSoakRevokePrefix revokes very many leases at once, as an operator does after an incident, while AWS takes only so
// many calls a second. Vault sends up to 180 revocations of one mount at a time and gives a lease up after six that
// failed, so each has to wait for its turn by itself.
func TestSoakRevokePrefix(t *testing.T) {
	t.Parallel()
	count := 140
	if *programs.Soak {
		count = 2000
	}
	account := fakeaws.New(t)
	account.AddGroup("developers")
	v := server.StartDev(t)
	v.Mount()
	server.ConfigureRoot(v, account)
	crowd.WriteRoles(v)
	issueMany(v, count)
	account.ResetCalls()
	account.SetRate("", iamRate, iamBurst)

	v.CLI("lease", "revoke", "-prefix", "aws-dyn/creds/wide")
	server.WaitFor(t, loadSettles, "all leases to end", func() bool { return v.Leases("wide") == 0 })
	made, refused, took := deletions(account)
	t.Logf("%d leases revoked in %.1f s: %.1f deletions a second, of %d that AWS takes", count, took.Seconds(), float64(made-iamBurst)/took.Seconds(), iamRate)
	t.Logf("calls: %d, throttled: %d, of these DeleteUser: %d; revocations that failed and were Vault's to repeat: %d; irrevocable leases %d",
		len(account.Calls()), throttledCalls(account), refused, failedRevocations(v), v.Irrevocable())
	if made != count || v.Irrevocable() != 0 || failedRevocations(v) != 0 {
		t.Errorf("%d of %d users were deleted; %d revocations failed, %d leases are irrevocable", made, count, failedRevocations(v), v.Irrevocable())
	}
}

// issueMany issues so many credentials of the role for leases that stay.
func issueMany(v *server.Server, count int) {
	v.T.Helper()
	c := crowd.New(v)
	var clients sync.WaitGroup
	for n := range 16 {
		clients.Go(func() {
			for i := n; i < count; i += 16 {
				c.Issue("wide")
			}
		})
	}
	clients.Wait()
	if issued := c.Issued.Load(); issued != int64(count) {
		v.T.Fatalf("%d credentials issued, not %d: %v", issued, count, c.Said())
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
func failedRevocations(v *server.Server) int {
	v.T.Helper()
	log, err := os.ReadFile(v.LogFile())
	if err != nil {
		v.T.Fatalf("reading Vault's log: %v", err)
	}
	return strings.Count(string(log), "expiration: failed to revoke lease")
}
