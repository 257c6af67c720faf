// SPDX-License-Identifier: MPL-2.0

package e2e

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// This file is the clients of a busy Vault, and their manners.

// crowd is many clients of one mount, and what became of their requests.
type crowd struct {
	ctx                                            context.Context // of the test
	ask                                            func(ctx context.Context, method, path string, body any) (answer, error)
	mount                                          string
	issued, renewed, revoked, failed, left, putOff atomic.Int64
	answers                                        sync.Map // why requests failed -> *atomic.Int64
}

func newCrowd(v *server) *crowd {
	return &crowd{ctx: v.t.Context(), ask: v.requestWithin, mount: "aws-dyn"}
}

// The roles that the clients ask: one for leases that a client ends, one for those that end by themselves, and one for
// clients that do not stay for the answer.
var loadRoles = []string{"wide", "brief", "fleeting"}

// writeLoadRoles writes them; the users of each own one thing of each sort.
func writeLoadRoles(v *server) {
	v.t.Helper()
	for i, ttl := range []string{"1h", "5s", "10s"} {
		v.call(http.MethodPost, "aws-dyn/roles/"+loadRoles[i], map[string]any{
			"policy_arns": "arn:aws:iam::aws:policy/ReadOnlyAccess", "iam_groups": "developers", "default_ttl": ttl, "max_ttl": ttl,
			"policy_document": `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:ListAllMyBuckets","Resource":"*"}]}`,
		})
	}
}

// press has all clients ask for a while. A request that was begun is seen through.
func (c *crowd) press(length time.Duration) {
	over := time.After(length)
	stop := make(chan struct{})
	var clients sync.WaitGroup
	for n := range loadClients {
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
func (c *crowd) visit(round int) {
	switch round % 8 {
	case 5:
		c.issue("brief") // and never comes back
	case 6:
		c.walkAway(time.Duration(1+round%13) * 25 * time.Millisecond)
	case 7:
		c.revoke(c.issue("wide"), false) // as `vault lease revoke` does: Vault sees to it later
	default:
		lease := c.issue("wide")
		c.renew(lease, 600)
		c.revoke(lease, true)
	}
}

// issue asks for a credential, and returns its lease, "" if there is none.
func (c *crowd) issue(role string) string {
	a, _ := c.create(role)
	return a.lease()
}

// create asks for a credential.
func (c *crowd) create(role string) (a answer, ok bool) {
	a, err := c.ask(c.ctx, http.MethodGet, c.mount+"/creds/"+role, nil)
	if err != nil || a.status != http.StatusOK {
		c.failed.Add(1)
		c.note("create", a, err)
		return answer{}, false
	}
	c.issued.Add(1)
	return a, true
}

// walkAway asks for a credential and goes before it comes.
func (c *crowd) walkAway(after time.Duration) {
	ctx, cancel := context.WithTimeout(c.ctx, after)
	defer cancel()
	if a, err := c.ask(ctx, http.MethodGet, c.mount+"/creds/fleeting", nil); err == nil && a.status == http.StatusOK {
		c.issued.Add(1) // it was quicker
		return
	}
	c.left.Add(1)
}

// renew renews a lease, which asks nothing of AWS, and reports whether that went well.
func (c *crowd) renew(lease string, seconds int) bool {
	if lease == "" {
		return false
	}
	a, err := c.ask(c.ctx, http.MethodPost, "sys/leases/renew", map[string]any{"lease_id": lease, "increment": seconds})
	if err != nil || a.status != http.StatusOK {
		c.note("renew", a, err)
		return false
	}
	c.renewed.Add(1)
	return true
}

// revoke revokes a lease. After an error the lease is Vault's to end.
func (c *crowd) revoke(lease string, wait bool) {
	if lease == "" {
		return
	}
	a, err := c.ask(c.ctx, http.MethodPost, "sys/leases/revoke", map[string]any{"lease_id": lease, "sync": wait})
	if err != nil || a.status >= http.StatusBadRequest {
		c.putOff.Add(1)
		c.note("revoke", a, err)
		return
	}
	c.revoked.Add(1)
}

// note counts why a request failed, by status and by what AWS called it.
func (c *crowd) note(what string, a answer, err error) {
	why := fmt.Sprintf("%s %d %s", what, a.status, codeIn(a.text))
	if err != nil {
		why = what + ": " + cmp.Or(codeIn(err.Error()), err.Error())
	}
	count, _ := c.answers.LoadOrStore(why, new(atomic.Int64))
	count.(*atomic.Int64).Add(1)
}

func (c *crowd) String() string {
	return fmt.Sprintf("%d credentials issued, %d creates failed, %d clients went away, %d leases renewed, %d revoked by their client, %d revocations left to Vault",
		c.issued.Load(), c.failed.Load(), c.left.Load(), c.renewed.Load(), c.revoked.Load(), c.putOff.Load())
}

// said is what note counted.
func (c *crowd) said() map[string]int64 {
	said := map[string]int64{}
	c.answers.Range(func(why, count any) bool {
		said[why.(string)] = count.(*atomic.Int64).Load()
		return true
	})
	return said
}
