// SPDX-License-Identifier: MPL-2.0

package backend

// Tools that read once for each field: how many IAM users and calls to AWS they cost, with sharing
// and without. make soak runs it for five minutes each, make test for a moment.

import (
	"flag"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/hashicorp/vault/sdk/logical"
)

var shareRun = flag.Duration("share.run", 500*time.Millisecond, "how long 64 threads read, for TestReadingFieldByField")

// fieldReaders are threads of some callers, which read two fields and then revoke what they had before.
type fieldReaders struct {
	*mount
	quiet                sync.RWMutex // held for writing while calls are counted
	reads, mixed         atomic.Int64 // mixed are pairs of an ID and a secret that are of two keys
	users, calls         int64
	callers, threadsEach int
}

func TestReadingFieldByField(t *testing.T) {
	t.Parallel()
	var table strings.Builder
	w := tabwriter.NewWriter(&table, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "share_for\treads\tIAM users\tcalls to AWS\tcalls a read\tpairs of two keys\t")
	for _, share := range []time.Duration{0, time.Minute} {
		f := &fieldReaders{mount: newSharingMount(t), callers: 8, threadsEach: 8}
		f.mustTick()
		f.write("roles/user", map[string]any{"share_for": share.String()})
		f.aws.ResetCalls()
		began := time.Now()
		f.run(*shareRun)
		fmt.Fprintf(w, "%v\t%d\t%d\t%d\t%.2f\t%d\t\n", share, f.reads.Load(), f.users, f.calls, float64(f.calls)/float64(f.reads.Load()), f.mixed.Load())
		switch most := int64(f.callers) * int64(2+time.Since(began)/time.Minute); {
		case share == 0 && f.users != f.reads.Load():
			t.Errorf("without sharing, %d reads made %d users", f.reads.Load(), f.users)
		case share > 0 && f.users > most:
			t.Errorf("with sharing, %d reads made %d users, more than %d", f.reads.Load(), f.users, most)
		}
		f.noUsers()
		f.registered(0)
	}
	_ = w.Flush()
	t.Logf("64 threads of 8 callers read field by field for %v each:\n%s", *shareRun, table.String())
}

// run reads for a while, and ends all.
func (f *fieldReaders) run(d time.Duration) {
	end := time.Now().Add(d)
	done := make(chan struct{})
	var counting sync.WaitGroup
	counting.Go(func() {
		tick := time.NewTicker(time.Second) // calls are many, and each is kept until it is counted
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				f.count()
			case <-done:
				f.count()
				return
			}
		}
	})
	var threads sync.WaitGroup
	held := make([][]*logical.Response, f.callers*f.threadsEach) // so that each caller has a lease until the end
	for i := range held {
		threads.Go(func() {
			for time.Now().Before(end) {
				held[i] = f.round(fmt.Sprintf("caller-%d", i%f.callers), held[i])
			}
		})
	}
	threads.Wait()
	for _, leases := range held {
		f.revokeAll(leases)
	}
	close(done)
	counting.Wait()
}

// round is one visit of a tool: a read for each field, and the end of what the visit before had.
func (f *fieldReaders) round(caller string, before []*logical.Response) (now []*logical.Response) {
	f.quiet.RLock()
	defer f.quiet.RUnlock()
	for range 2 {
		req := f.request(logical.ReadOperation, "creds/user", nil)
		req.EntityID = caller
		creds, err := f.b.HandleRequest(f.ctx, req)
		if err != nil || creds.IsError() {
			f.t.Errorf("%v %v", err, creds)
			return before
		}
		f.reads.Add(1)
		now = append(now, creds)
	}
	if now[0].Data["access_key"] != now[1].Data["access_key"] {
		f.mixed.Add(1)
	}
	f.revokeAll(before)
	return now
}

func (f *fieldReaders) revokeAll(leases []*logical.Response) {
	for _, creds := range leases {
		if _, err := f.lease(logical.RevokeOperation, creds); err != nil {
			f.t.Error(err)
		}
	}
}

// count counts the calls since the last time.
func (f *fieldReaders) count() {
	f.quiet.Lock()
	defer f.quiet.Unlock()
	for _, call := range f.aws.Calls() {
		f.calls++
		if call.Action == "CreateUser" {
			f.users++
		}
	}
	f.aws.ResetCalls()
}
