// SPDX-License-Identifier: MPL-2.0

package cluster

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"vault-plugin-secrets-aws-dyn/internal/e2e/check"
	"vault-plugin-secrets-aws-dyn/internal/e2e/server"
	"vault-plugin-secrets-aws-dyn/internal/e2e/stepping"
	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

// TestSoakClusterPausedBeforeCreateUser pauses a leader after it has written down that it is about to make a user, and
// before it makes it. The next leader finds that there is no such user. If it then gives the record up, the first one
// must not make the user when it comes back.
func TestSoakClusterPausedBeforeCreateUser(t *testing.T) {
	t.Parallel()
	var c *server.Cluster
	v := stepping.StartOn(t, 4*time.Second, func() *server.Server {
		c = server.StartCluster(t)
		return c.Active(nil)
	})
	m := check.Mounted{Mount: "paused", Account: fakeaws.New(t)}
	c.Do("mounting", func(v *server.Server) error { return setUp(&m, v) })
	seq := stepping.NewSequence(2) // before and after the first write
	v.Follow(m.Mount, seq)
	seq.Arm()
	answered := make(chan server.Answer, 1)
	go func() {
		a, _ := v.Request(http.MethodGet, m.Mount+"/creds/brief", nil) // it may well fail
		answered <- a
	}()
	select {
	case <-seq.Reached:
	case <-time.After(server.Soon):
		t.Fatalf("the create passed only %q", seq.Boundaries())
	}
	if !strings.HasPrefix(seq.Where(), "after put ") {
		t.Fatalf("the create does not begin with a record, but comes to %q", seq.Where())
	}
	goOn := v.Pause()
	paused := time.Now()
	next := c.Active(v.Server)
	server.WaitFor(t, server.RollbackTime, "the next leader's timer", func() bool { return v.Ticked(m.Mount).After(paused) })
	written, _, err := next.StoredRecords(m.UUID)
	if err != nil {
		t.Fatal(err)
	}
	seq.Release(stepping.GoesOn)
	goOn()
	c.Agreed()
	a := <-answered
	t.Logf("the leader was paused for %.0f s; the next one's timer left %d records; the request was answered %d: %s",
		time.Since(paused).Seconds(), len(written), a.Status, strings.TrimSpace(a.Text))
	for _, call := range m.Account.Calls() {
		if call.Action == "CreateUser" && call.Code == "" {
			if _, known := written[call.User]; !known {
				t.Errorf("the paused leader made the user %s at %s, whose record the next one had given up", call.User, call.Start.UTC().Format(stampForm))
			}
		}
	}
	server.WaitForUsers(t, m.Account, 0)
}
