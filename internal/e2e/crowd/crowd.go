// SPDX-License-Identifier: MPL-2.0

// Package crowd is the clients of a busy Vault, and how they behave.
package crowd

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"vault-plugin-secrets-aws-dyn/internal/e2e/server"
)

// Clients is how many clients ask at the same time.
const Clients = 64

// Crowd is many clients of one mount, and what became of their requests.
type Crowd struct {
	Ctx                                            context.Context // of the test
	Ask                                            func(ctx context.Context, method, path string, body any) (server.Answer, error)
	Mount                                          string
	Issued, Renewed, Revoked, failed, left, putOff atomic.Int64
	answers                                        sync.Map // why requests failed -> *atomic.Int64
}

// New returns the clients of the mount at aws-dyn.
func New(v *server.Server) *Crowd {
	return &Crowd{Ctx: v.T.Context(), Ask: v.RequestWithin, Mount: "aws-dyn"}
}

// Roles are those that the clients ask: one for leases that a client ends, one for those that end by themselves, and one for
// clients that do not stay for the answer.
var Roles = []string{"wide", "brief", "fleeting"}

// WriteRoles writes them; the users of each own one thing of each sort.
func WriteRoles(v *server.Server) {
	v.T.Helper()
	for i, ttl := range []string{"1h", "5s", "10s"} {
		v.Call(http.MethodPost, "aws-dyn/roles/"+Roles[i], map[string]any{
			"policy_arns": "arn:aws:iam::aws:policy/ReadOnlyAccess", "iam_groups": "developers", "default_ttl": ttl, "max_ttl": ttl,
			"policy_document": `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:ListAllMyBuckets","Resource":"*"}]}`,
		})
	}
}

// Press has all clients ask for a while. A request that was begun is seen through.
func (c *Crowd) Press(length time.Duration) {
	over := time.After(length)
	stop := make(chan struct{})
	var clients sync.WaitGroup
	for n := range Clients {
		clients.Go(func() {
			for round := n; ; round++ {
				select {
				case <-stop:
					return
				default:
					c.visit(round)
				}
			}
		})
	}
	<-over
	close(stop)
	clients.Wait()
}

// visit is one client's way with one credential: each way has its turn.
func (c *Crowd) visit(round int) {
	switch round % 8 {
	case 5:
		c.Issue("brief") // and never comes back
	case 6:
		c.walkAway(time.Duration(1+round%13) * 25 * time.Millisecond)
	case 7:
		c.Revoke(c.Issue("wide"), false) // as `vault lease revoke` does: Vault sees to it later
	default:
		lease := c.Issue("wide")
		c.Renew(lease, 600)
		c.Revoke(lease, true)
	}
}

// Issue asks for a credential, and returns its lease, "" if there is none.
func (c *Crowd) Issue(role string) string {
	a, _ := c.Create(role)
	return a.Lease()
}

// Create asks for a credential.
func (c *Crowd) Create(role string) (a server.Answer, ok bool) {
	a, err := c.Ask(c.Ctx, http.MethodGet, c.Mount+"/creds/"+role, nil)
	if err != nil || a.Status != http.StatusOK {
		c.failed.Add(1)
		c.note("create", a, err)
		return server.Answer{}, false
	}
	c.Issued.Add(1)
	return a, true
}

// walkAway asks for a credential and goes before it comes.
func (c *Crowd) walkAway(after time.Duration) {
	ctx, cancel := context.WithTimeout(c.Ctx, after)
	defer cancel()
	if a, err := c.Ask(ctx, http.MethodGet, c.Mount+"/creds/fleeting", nil); err == nil && a.Status == http.StatusOK {
		c.Issued.Add(1) // it was quicker
		return
	}
	c.left.Add(1)
}

// Renew renews a lease, which asks nothing of AWS, and reports whether that went well.
func (c *Crowd) Renew(lease string, seconds int) bool {
	if lease == "" {
		return false
	}
	a, err := c.Ask(c.Ctx, http.MethodPost, "sys/leases/renew", map[string]any{"lease_id": lease, "increment": seconds})
	if err != nil || a.Status != http.StatusOK {
		c.note("renew", a, err)
		return false
	}
	c.Renewed.Add(1)
	return true
}

// Revoke revokes a lease. After an error the lease is Vault's to end.
func (c *Crowd) Revoke(lease string, wait bool) {
	if lease == "" {
		return
	}
	a, err := c.Ask(c.Ctx, http.MethodPost, "sys/leases/revoke", map[string]any{"lease_id": lease, "sync": wait})
	if err != nil || a.Status >= http.StatusBadRequest {
		c.putOff.Add(1)
		c.note("revoke", a, err)
		return
	}
	c.Revoked.Add(1)
}

// note counts why a request failed, by status and by what AWS called it.
func (c *Crowd) note(what string, a server.Answer, err error) {
	why := fmt.Sprintf("%s %d %s", what, a.Status, server.CodeIn(a.Text))
	if err != nil {
		why = what + ": " + cmp.Or(server.CodeIn(err.Error()), err.Error())
	}
	count, _ := c.answers.LoadOrStore(why, new(atomic.Int64))
	count.(*atomic.Int64).Add(1)
}

// String counts what became of the requests.
func (c *Crowd) String() string {
	return fmt.Sprintf("%d credentials issued, %d creates failed, %d clients went away, %d leases renewed, %d revoked by their client, %d revocations left to Vault",
		c.Issued.Load(), c.failed.Load(), c.left.Load(), c.Renewed.Load(), c.Revoked.Load(), c.putOff.Load())
}

// Said is what note counted.
func (c *Crowd) Said() map[string]int64 {
	said := map[string]int64{}
	c.answers.Range(func(why, count any) bool {
		said[why.(string)] = count.(*atomic.Int64).Load()
		return true
	})
	return said
}
