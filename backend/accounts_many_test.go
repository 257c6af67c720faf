// SPDX-License-Identifier: MPL-2.0

package backend

// Many accounts at once: one session for each, no herd after a restart, and bounded memory.

import (
	"flag"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

var (
	accountsCount   = flag.Int("accounts", 20, "how many other accounts one mount serves; with more than 20, each call takes 20ms")
	accountsClients = flag.Int("accounts.clients", 64, "how many clients ask at once")
)

// TestManyAccounts prints what they take. At its full length: go test ./backend -run ManyAccounts -accounts 200 -v.
func TestManyAccounts(t *testing.T) {
	m := newConfiguredMount(t)
	m.instantly()
	if *accountsCount > 20 {
		m.aws.SetLatency(20 * time.Millisecond)
	}
	for i := range *accountsCount {
		id := fmt.Sprintf("%012d", 300000000000+i)
		m.aws.Account(id).SetTrust("hub", home)
		m.write("roles/of-"+id, map[string]any{"policy_arns": readOnly, "assume_role_arn": "arn:aws:iam::" + id + ":role/hub"})
	}
	roles := m.do(logical.ListOperation, "roles", nil).Data["keys"].([]string)
	roles = slices.DeleteFunc(roles, func(name string) bool { return name == "developer-access" })
	for _, when := range []string{"at first", "after a restart"} {
		m.start()
		m.aws.ResetCalls()
		before := held()
		leases, waits := m.fromAll(roles)
		if n := m.assumed(); n != len(roles) {
			t.Errorf("%s: %d sessions for %d accounts", when, n, len(roles))
		}
		if n := m.assumedAtOnce(); n > 16 {
			t.Errorf("%s: %d roles are assumed at once", when, n)
		}
		slices.Sort(waits)
		t.Logf("%s: %d accounts, %d clients: the first credential of an account after %s, %s at the median, %s at the longest; %d sessions made, %d at once at most; %d KiB an account, the fake's part included",
			when, len(roles), *accountsClients, waits[0].Round(time.Millisecond), waits[len(waits)/2].Round(time.Millisecond), waits[len(waits)-1].Round(time.Millisecond),
			m.assumed(), m.assumedAtOnce(), max(0, held()-before)/int64(len(roles))/1024)
		var revocations sync.WaitGroup
		for _, creds := range leases {
			revocations.Go(func() {
				if resp, err := m.lease(logical.RevokeOperation, creds); err != nil || resp.IsError() {
					t.Errorf("revoke: %v %v", err, resp)
				}
			})
		}
		revocations.Wait()
		if n := m.assumed(); n != len(roles) {
			t.Errorf("%s, all revoked: %d sessions for %d accounts", when, n, len(roles))
		}
	}
}

// fromAll has clients ask for two credentials of each role, and says how long the first ones took from the begin.
func (m *mount) fromAll(roles []string) (leases []*logical.Response, waits []time.Duration) {
	var mu sync.Mutex
	first := map[string]time.Duration{}
	asked := make(chan string)
	var clients sync.WaitGroup
	began := time.Now()
	for range *accountsClients {
		clients.Go(func() {
			for role := range asked {
				resp, err := m.ask(logical.ReadOperation, "creds/"+role, nil)
				took := time.Since(began)
				if err != nil || resp.IsError() {
					m.t.Errorf("%s: %v %v", role, err, resp)
					continue
				}
				mu.Lock()
				leases = append(leases, resp)
				if first[role] == 0 {
					first[role] = took
				}
				mu.Unlock()
			}
		})
	}
	for range 2 {
		for _, role := range roles {
			asked <- role
		}
	}
	close(asked)
	clients.Wait()
	for _, took := range first {
		waits = append(waits, took)
	}
	return leases, waits
}

// assumed counts the calls of AssumeRole.
func (m *mount) assumed() (n int) {
	for _, c := range m.aws.Calls() {
		if c.Action == "AssumeRole" {
			n++
		}
	}
	return n
}

// assumedAtOnce is how many of them were under way at a time.
func (m *mount) assumedAtOnce() (most int) {
	calls := slices.DeleteFunc(m.aws.Calls(), func(c fakeaws.Call) bool { return c.Action != "AssumeRole" })
	for _, c := range calls {
		n := 0
		for _, d := range calls {
			if !d.Start.After(c.Start) && d.End.After(c.Start) {
				n++
			}
		}
		most = max(most, n)
	}
	return most
}
