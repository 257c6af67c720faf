// SPDX-License-Identifier: MPL-2.0

package backend

// What a mount with many records costs, and a process with many mounts. The figures are printed
// and not asserted: make soak has them for 500, 5,000 and 50,000 records, make test for few.

import (
	"flag"
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/engine"
	"vault-plugin-secrets-aws-dyn/internal/awscreds"
)

var (
	scaleRecords = flag.String("scale.records", "50,500", "how many records a mount has, for TestTheRegisterAtScale")
	scaleMounts  = flag.Int("scale.mounts", 20, "how many mounts a process has, for TestManyMountsInAProcess")
)

// fill writes records of users that leases have, and returns how many bytes storage has of them.
func (m *mount) fill(n int) (stored int) {
	m.t.Helper()
	now := time.Now().UTC()
	for i := range n {
		name := fmt.Sprintf("vault-token-ci-job-%06d-%010d-abcdefghijkl", i%1000, i)
		r := &userRecord{
			Role: fmt.Sprintf("role-%d", i%50), AccessKeyID: fmt.Sprintf("AKIA%016d", i), DisplayName: "token-ci", EntityID: "0f3c2a9e-5f0e-4d5b-8a4e-" + fmt.Sprintf("%012d", i),
			Issued: now.Add(-time.Duration(i) * time.Second), Ends: now.Add(240 * time.Hour), Written: now, Edition: secondEdition, Random: 12,
			Account: awscreds.Account{Partition: "aws", Number: "123456789012"}, UserID: fmt.Sprintf("AIDA%016d", i), PolicyARNs: []string{readOnly}, Confirmed: true,
		}
		if err := engine.Save(m.ctx, m.storage.Storage, recordKey(name), r); err != nil {
			m.t.Fatal(err)
		}
		entry, err := m.storage.Storage.Get(m.ctx, recordKey(name))
		if err != nil {
			m.t.Fatal(err)
		}
		stored += len(entry.Value) + len(entry.Key)
	}
	return stored
}

// worked is how long the process's own work on something takes, whatever else the machine does.
func worked(do func()) time.Duration {
	used := func() time.Duration {
		var u syscall.Rusage
		_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
		return time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	began := used()
	do()
	return (used() - began).Round(10 * time.Microsecond)
}

// took is how long something takes, for people.
func took(do func()) time.Duration {
	began := time.Now()
	do()
	return time.Since(began).Round(10 * time.Microsecond)
}

// readAll ticks until the records are read: one visit has 10 seconds for that, and goes on where the
// last one had to stop.
func (m *mount) readAll() {
	for range 10 {
		if m.tick() == nil {
			return
		}
	}
	m.mustTick()
}

func TestTheRegisterAtScale(t *testing.T) {
	var table strings.Builder
	w := tabwriter.NewWriter(&table, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "records\tstored B each\theap B each\tstart to first\twith a cap\tfirst tick\tCPU\tlater tick\tCPU\tcalls of it\tlist\tlist of a role\trevoke\t")
	for text := range strings.SplitSeq(*scaleRecords, ",") {
		n, err := strconv.Atoi(text)
		if err != nil {
			t.Fatal(err)
		}
		m := newConfiguredMount(t)
		m.instantly()
		m.write("roles/capped", map[string]any{"policy_arns": readOnly, "max_users": 5})
		stored := m.fill(n)
		before := held()
		var plain, capped *logical.Response
		first := took(func() { m.start(); plain = m.creds("developer-access") })
		withCap := took(func() { m.start(); capped = m.creds("capped") })
		m.start()
		var tick, later time.Duration
		tickCPU := worked(func() { tick = took(m.readAll) })
		heap := held() - before
		m.mustTick()
		m.aws.ResetCalls()
		laterCPU := worked(func() { later = took(m.mustTick) })
		calls := len(m.aws.Calls())
		list := took(func() { m.do(logical.ListOperation, "issued", nil) })
		ofRole := took(func() { m.do(logical.ListOperation, "issued/role/role-7", nil) })
		end := took(func() { m.revoke(plain) })
		m.revoke(capped)
		fmt.Fprintf(w, "%d\t%d\t%d\t%v\t%v\t%v\t%v\t%v\t%v\t%d\t%v\t%v\t%v\t\n", n, stored/n, int(heap)/n, first, withCap, tick, tickCPU, later, laterCPU, calls, list, ofRole, end)
		runtime.KeepAlive(m)
	}
	_ = w.Flush()
	t.Logf("a mount with so many records, in a process that has just begun:\n%s", table.String())
}

func TestManyMountsInAProcess(t *testing.T) {
	var table strings.Builder
	w := tabwriter.NewWriter(&table, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "mounts\theap KiB each\tgoroutines more\tfirst ticks\tlater ticks\tone later tick\t")
	for n := *scaleMounts / 10; n <= *scaleMounts; n *= 10 {
		one := newConfiguredMount(t)
		routines, before := runtime.NumGoroutine(), held()
		mounts := make([]*mount, n)
		for i := range mounts {
			m := &mount{t: t, ctx: one.ctx, storage: newStorage(), aws: one.aws, system: one.system, id: fmt.Sprintf("6c1f8d2e-0b7a-4f3e-9d55-%012d", i)}
			m.start()
			m.configure()
			m.write("roles/developer-access", map[string]any{"policy_arns": readOnly})
			m.revoke(m.creds("developer-access"))
			mounts[i] = m
		}
		round := func() {
			for _, m := range mounts {
				m.mustTick()
			}
		}
		first, later := took(round), took(round)
		fmt.Fprintf(w, "%d\t%d\t%d\t%v\t%v\t%v\t\n", n, int(held()-before)>>10/n, runtime.NumGoroutine()-routines, first, later, later/time.Duration(n))
		one.aws.ResetCalls()
		runtime.KeepAlive(mounts)
	}
	_ = w.Flush()
	t.Logf("mounts with a role each, of one process:\n%s", table.String())
}
