// SPDX-License-Identifier: MPL-2.0

package e2e

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

// TestSoakClusterPausedBeforeCreateUser pauses a leader after it has written down that it is about to make a user, and
// before it makes it. The next leader finds that there is no such user. If it then gives the record up, the first one
// must not make the user when it comes back.
func TestSoakClusterPausedBeforeCreateUser(t *testing.T) {
	t.Parallel()
	var c *cluster
	v := stepOn(t, 4*time.Second, func() *server {
		c = startCluster(t)
		return c.active(nil)
	})
	m := mounted{mount: "paused", account: fakeaws.New(t)}
	c.do("mounting", func(v *server) error { return m.setUp(v) })
	seq := newSequence(2) // before and after the first write
	v.follow(m.mount, seq)
	seq.arm()
	answered := make(chan answer, 1)
	go func() {
		a, _ := v.request(http.MethodGet, m.mount+"/creds/brief", nil) // it may well fail
		answered <- a
	}()
	select {
	case <-seq.reached:
	case <-time.After(soon):
		t.Fatalf("the create passed only %q", seq.boundaries())
	}
	if !strings.HasPrefix(seq.where(), "after put ") {
		t.Fatalf("the create does not begin with a record, but comes to %q", seq.where())
	}
	goOn := v.pause()
	paused := time.Now()
	next := c.active(v.server)
	waitFor(t, rollback, "the next leader's timer", func() bool { return v.ticked(m.mount).After(paused) })
	written, _, err := next.storedRecords(m.uuid)
	if err != nil {
		t.Fatal(err)
	}
	seq.release(goesOn)
	goOn()
	c.agreed()
	a := <-answered
	t.Logf("the leader was paused for %.0f s; the next one's timer left %d records; the request was answered %d: %s",
		time.Since(paused).Seconds(), len(written), a.status, strings.TrimSpace(a.text))
	for _, call := range m.account.Calls() {
		if call.Action == "CreateUser" && call.Code == "" {
			if _, known := written[call.User]; !known {
				t.Errorf("the paused leader made the user %s at %s, whose record the next one had given up", call.User, call.Start.UTC().Format(stampForm))
			}
		}
	}
	waitForUsers(t, m.account, 0)
}
