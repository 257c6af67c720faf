// SPDX-License-Identifier: MPL-2.0

package load

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"vault-plugin-secrets-aws-dyn/internal/e2e/crowd"
	"vault-plugin-secrets-aws-dyn/internal/e2e/programs"
	"vault-plugin-secrets-aws-dyn/internal/e2e/server"
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
	if *programs.Soak {
		count, length = 400, 4*time.Minute
	}
	account := fakeaws.New(t)
	account.AddGroup("developers")
	way := newGate(t, strings.TrimPrefix(account.URL(), "http://"), hole)
	v := server.StartDev(t)
	v.Mount()
	server.ConfigureRoot(v, account)
	v.Call(http.MethodPost, "aws-dyn/config/root", map[string]any{"iam_endpoint": "http://" + way.at})
	crowd.WriteRoles(v)
	issueMany(v, count)
	account.SetRate("", iamRate, iamBurst)

	v.CLI("lease", "revoke", "-prefix", "aws-dyn/creds/wide")
	server.WaitFor(t, server.Soon, "the first users to go", func() bool { return len(account.Users()) < count })
	way.close()
	left := len(account.Users())
	back := time.After(length) // the outage is a time by its nature
	began := time.Now()
	told := make(chan string, 1)
	go func() {
		a, err := v.Request(http.MethodGet, "aws-dyn/creds/fleeting", nil)
		told <- fmt.Sprintf("%d after %.1f s: %s, %v", a.Status, time.Since(began).Seconds(), server.CodeIn(a.Text), err)
	}()
	<-back
	during := failedRevocations(v)
	way.open()
	opened := time.Now()
	server.WaitFor(t, 2*loadSettles, "all leases and users to end", func() bool {
		return v.Leases(crowd.Roles...) == 0 && len(account.Users()) == 0
	})
	t.Logf("a request for a credential without AWS was answered %s", <-told)
	t.Logf("AWS was away for %s with %d of %d users left; %.1f s after it was back all was revoked", length, left, count, time.Since(opened).Seconds())
	t.Logf("revocations that failed and were Vault's to repeat: %d during the outage, %d after it; irrevocable leases %d",
		during, failedRevocations(v)-during, v.Irrevocable())
	if v.Irrevocable() != 0 {
		t.Errorf("%d leases are irrevocable", v.Irrevocable())
	}
}
