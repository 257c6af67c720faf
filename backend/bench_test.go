// SPDX-License-Identifier: MPL-2.0

package backend

// How long a life takes, in units that a machine cannot spoil: with a latency on
// each call to AWS, trips is the time divided by that latency. Two is the floor.

import (
	"testing"
	"time"

	"github.com/hashicorp/vault/sdk/logical"
)

func BenchmarkLife(b *testing.B) {
	for _, latency := range []time.Duration{0, 10 * time.Millisecond, 50 * time.Millisecond} {
		for _, role := range []string{"developer-access", "wide"} {
			b.Run(role+"/latency="+latency.String(), func(b *testing.B) {
				benchmarkLife(b, role, latency)
			})
		}
	}
}

func benchmarkLife(b *testing.B, role string, latency time.Duration) {
	m := newWideMount(b)
	m.instantly()
	m.revoke(m.creds(role)) // connections are open from here on
	m.aws.SetLatency(latency)
	m.aws.ResetCalls()
	var create, revoke time.Duration
	for b.Loop() {
		began := time.Now()
		creds := m.creds(role)
		create += time.Since(began)
		began = time.Now()
		if _, err := m.lease(logical.RevokeOperation, creds); err != nil {
			b.Fatal(err)
		}
		revoke += time.Since(began)
	}
	n := time.Duration(b.N)
	b.ReportMetric(float64(len(m.aws.Calls()))/float64(b.N), "calls/life")
	b.ReportMetric(float64((create/n).Microseconds())/1000, "ms/create")
	b.ReportMetric(float64((revoke/n).Microseconds())/1000, "ms/revoke")
	if latency > 0 {
		b.ReportMetric(float64(create/n)/float64(latency), "trips/create")
		b.ReportMetric(float64(revoke/n)/float64(latency), "trips/revoke")
	}
}
