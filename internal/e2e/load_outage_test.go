// SPDX-License-Identifier: MPL-2.0

package e2e

import (
	"fmt"
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
	told := make(chan string, 1)
	go func() {
		a, err := v.request(http.MethodGet, "aws-dyn/creds/fleeting", nil)
		told <- fmt.Sprintf("%d after %.1f s: %s, %v", a.status, time.Since(began).Seconds(), codeIn(a.text), err)
	}()
	<-back
	during := v.failedRevocations()
	way.open()
	opened := time.Now()
	waitFor(t, 2*loadSettles, "all leases and users to end", func() bool {
		return v.leases(loadRoles...) == 0 && len(account.Users()) == 0
	})
	t.Logf("a request for a credential without AWS was answered %s", <-told)
	t.Logf("AWS was away for %s with %d of %d users left; %.1f s after it was back all was revoked", length, left, count, time.Since(opened).Seconds())
	t.Logf("revocations that failed and were Vault's to repeat: %d during the outage, %d after it; irrevocable leases %d",
		during, v.failedRevocations()-during, v.irrevocable())
	if v.irrevocable() != 0 {
		t.Errorf("%d leases are irrevocable", v.irrevocable())
	}
}
