// SPDX-License-Identifier: MPL-2.0

package cluster

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"vault-plugin-secrets-aws-dyn/internal/e2e/check"
	"vault-plugin-secrets-aws-dyn/internal/e2e/programs"
	"vault-plugin-secrets-aws-dyn/internal/e2e/server"
	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

// This file has a cluster change its leader in each way, and its plugin, while clients ask, and looks what is left. Each
// event has a mount and an account of its own, and while it happens clients ask that mount.

// TestSoakCluster prints a line for each event, and its zeros. At its full length each event happens several times.
func TestSoakCluster(t *testing.T) {
	t.Parallel()
	rounds, more := 1, clusterClients
	happens := events
	if *programs.Soak {
		rounds, more = 4, 8*clusterClients
		happens = slices.Concat(events, longEvents)
	}
	c := server.StartCluster(t)
	trials := prepare(c, happens)
	began := time.Now()
	for range rounds {
		for _, tr := range trials {
			tr.run(more)
		}
	}
	asked := time.Since(began)
	settle(c, trials)
	t.Logf("%d clients of 3 servers, each event %d times in %.0f s, and all ended %.0f s after it:\n%s",
		clusterClients, rounds, asked.Seconds(), (time.Since(began) - asked).Seconds(), table(trials))
}

// trial is one event, and the mount whose clients live through it.
type trial struct {
	event
	check.Mounted
	*server.Cluster
	clients *holders

	told   []string          // what happened when
	dead   map[string]string // found at any time: leases without a user, and why
	lonely map[string]bool   // and users without a lease or a record
	found  check.Findings    // at the last look
}

// prepare makes a mount for each event.
func prepare(c *server.Cluster, events []event) []*trial {
	c.T.Helper()
	c.Do("registering the plugin", func(v *server.Server) error {
		_, err := v.Demand(http.MethodPut, "sys/plugins/catalog/secret/aws", catalogued(programs.Built.SHA256, programs.PluginName))
		return err
	})
	var trials []*trial
	for i, e := range events {
		tr := &trial{event: e, Cluster: c, Mounted: check.Mounted{Mount: fmt.Sprintf("event-%d", i+1)}, dead: map[string]string{}, lonely: map[string]bool{}}
		tr.Account = fakeaws.New(c.T)
		tr.clients = newHolders(c, tr.Mount)
		c.Do("mounting", func(v *server.Server) error { return setUp(&tr.Mounted, v) })
		trials = append(trials, tr)
	}
	return trials
}

// run lets the event happen while clients ask. They are given some more credentials after it, and after its end.
func (tr *trial) run(more int) {
	tr.T.Helper()
	tr.Account.SetLatency(50 * time.Millisecond)
	stop := tr.clients.start()
	defer stop()
	tr.await(clusterClients)
	release := func() {}
	if tr.holds {
		release = tr.holdCalls()
	}
	tr.tell("the event begins")
	end := tr.begin(tr)
	tr.tell("it has happened")
	tr.await(clusterClients)
	release()
	tr.await(more)
	tr.tell("it ends")
	end()
	tr.tell("it has ended")
	tr.await(more)
	stop()
	tr.Account.SetLatency(0) // looking at every key takes long enough
	tr.tell("the clients have stopped")
	tr.lookAt()
}

// tell notes what happened when.
func (tr *trial) tell(what string) {
	tr.told = append(tr.told, time.Now().UTC().Format(stampForm)+" "+what)
}

// stampForm is how times stand in what is told.
const stampForm = "15:04:05.000"

// await waits until clients were given so many credentials more.
func (tr *trial) await(more int) {
	tr.T.Helper()
	enough := tr.clients.Issued.Load() + int64(more)
	server.WaitFor(tr.T, 2*time.Minute, fmt.Sprintf("%s: clients to be given %d credentials more", tr.name, more), func() bool {
		return tr.clients.Issued.Load() >= enough
	})
}

// holdCalls has a user made late, and holds the answer of another's key.
func (tr *trial) holdCalls() (release func()) {
	tr.T.Helper()
	began := time.Now()
	holds := []*fakeaws.Injected{
		tr.Account.Inject(fakeaws.Fault{Action: "CreateUser", Kind: fakeaws.Hang, Times: 1}),
		tr.Account.Inject(fakeaws.Fault{Action: "CreateAccessKey", Kind: fakeaws.HangAfter, Times: 1}),
	}
	for _, hold := range holds {
		select {
		case <-hold.Reached():
		case <-time.After(server.ElectionTime):
			tr.T.Fatalf("%s: no call was held", tr.name)
		}
	}
	return func() {
		tr.Account.ClearFaults()
		tr.tell(fmt.Sprintf("calls were held for %.1f s; the plugin expects %s at most", time.Since(began).Seconds(), clusterLateWindow))
	}
}

// settle has all leases revoked, and waits until the last moments have passed and Vault's timer has come by.
func settle(c *server.Cluster, trials []*trial) {
	c.T.Helper()
	for _, tr := range trials {
		tr.clients.endAll()
		tr.tell("all leases are revoked")
		c.Do("revoking all leases", func(v *server.Server) error {
			_, err := v.Demand(http.MethodPut, "sys/leases/revoke-prefix/"+tr.Mount+"/creds", map[string]any{"sync": false})
			return err
		})
	}
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	left := trials
	for deadline := time.Now().Add(clusterLease*time.Second + check.SweepGrace + 2*server.RollbackTime); len(left) > 0 && time.Now().Before(deadline); <-tick.C {
		var still []*trial
		for _, tr := range left {
			tr.lookAt()
			if leases := tr.leases(); leases > 0 || !tr.found.Well() {
				still = append(still, tr)
			}
		}
		left = still
	}
	for _, tr := range left {
		c.T.Errorf("%s: %d leases are left, and\n\t\t%s", tr.name, tr.leases(), tr.found)
	}
	for _, tr := range trials {
		tr.report()
	}
}

// leases counts what Vault has left of leases.
func (tr *trial) leases() (n int) {
	tr.T.Helper()
	tr.Do("counting leases", func(v *server.Server) error {
		all, err := v.StoredLeases(tr.Mount)
		n = len(all)
		return err
	})
	return n
}

// table is a line for each event.
func table(trials []*trial) string {
	var lines strings.Builder
	var all check.Zeros
	for _, tr := range trials {
		h, z := tr.clients, tr.zeros()
		fmt.Fprintf(&lines, "\t%-44s %5d issued %5d renewed %5d revoked %4d requests failed, at most %4.1f s without a write: %d, %d, %d, %d\n",
			tr.name, h.Issued.Load(), h.Renewed.Load(), h.Revoked.Load(), h.failures.Load(), h.silence().Seconds(), z.Dead, z.Lonely, z.Left, z.Other)
		all.Add(z)
	}
	return lines.String() + "\t" + all.String()
}
