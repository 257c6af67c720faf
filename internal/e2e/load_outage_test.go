// SPDX-License-Identifier: MPL-2.0

package e2e

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

// TestSoakOutage takes AWS away in the middle of many revocations and gives it back after a while. Nobody does anything
// about it, and everything ends.
func TestSoakOutage(t *testing.T) {
	t.Parallel()
	for name, hole := range map[string]bool{"connections refused": false, "connections swallowed": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			outage(t, hole)
		})
	}
}

func outage(t *testing.T, hole bool) {
	count, length := 40, 20*time.Second
	if *soak {
		count, length = 400, 4*time.Minute
	}
	account := fakeaws.New(t)
	account.AddGroup("developers")
	way := newGate(t, strings.TrimPrefix(account.URL(), "http://"), hole)
	v := startDev(t)
	v.mount()
	configureRoot(v, account)
	v.call(http.MethodPost, "aws-dyn/config/root", map[string]any{"iam_endpoint": "http://" + way.at})
	writeLoadRoles(v)
	v.issueMany(count)
	account.SetRate("", iamRate, iamBurst)

	v.cli("lease", "revoke", "-prefix", "aws-dyn/creds/wide")
	waitFor(t, soon, "the first users to go", func() bool { return len(account.Users()) < count })
	way.close()
	left := len(account.Users())
	back := time.After(length) // the outage is a time by its nature
	began := time.Now()
	refused, err := v.request(http.MethodGet, "aws-dyn/creds/wide", nil)
	if err != nil || refused.status < http.StatusBadRequest {
		t.Fatalf("a credential was issued without AWS: %d, %v", refused.status, err)
	}
	t.Logf("a request for a credential without AWS is answered %d after %.1f s: %s", refused.status, time.Since(began).Seconds(), refused.text)
	<-back
	during := v.failedRevocations()
	way.open()
	began = time.Now()

	waitFor(t, 2*loadSettles, "all leases and users to end", func() bool {
		return v.leases("wide") == 0 && len(account.Users()) == 0
	})
	t.Logf("AWS was away for %s with %d of %d users left; %.1f s after it was back all was revoked", length, left, count, time.Since(began).Seconds())
	t.Logf("revocations that failed and were Vault's to repeat: %d during the outage, %d after it; irrevocable leases %d",
		during, v.failedRevocations()-during, v.irrevocable())
	if v.irrevocable() != 0 {
		t.Errorf("%d leases are irrevocable", v.irrevocable())
	}
}
