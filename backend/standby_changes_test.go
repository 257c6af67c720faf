// SPDX-License-Identifier: MPL-2.0

package backend

// What a server keeps of the changes that it is told of and does not make itself.

import (
	"context"
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/hashicorp/vault/sdk/helper/consts"
	"github.com/hashicorp/vault/sdk/logical"
)

// A performance standby, or a secondary, is told of each record that its active server or primary writes. What nobody lists is not to be
// remembered for ever.
func TestChangesElsewhereTakeBoundedMemory(t *testing.T) {
	m := newConfiguredMount(t)
	m.system = &logical.StaticSystemView{ReplicationStateVal: consts.ReplicationPerformanceStandby, DefaultLeaseTTLVal: 768 * time.Hour, MaxLeaseTTLVal: 768 * time.Hour}
	for _, listed := range []bool{false, true} {
		for _, prefix := range []string{"sessions/ASIA", "issued/vault-token-developer-access-1790000000-"} {
			m.start()
			if listed {
				m.do(logical.ListOperation, "issued/", nil) // once
			}
			heap := func() uint64 {
				runtime.GC()
				runtime.GC()
				var s runtime.MemStats
				runtime.ReadMemStats(&s)
				return s.HeapAlloc
			}
			before := heap()
			const n = 200_000
			for i := range n {
				m.b.InvalidateKey(m.ctx, fmt.Sprintf("%s%016d", prefix, i))
				if i%1000 == 0 {
					m.mustTick()
				}
			}
			if grown := int64(heap()) - int64(before); grown > 4<<20 {
				t.Errorf("%s (listed once: %v): %d records that came and went take %d MiB, and nothing gives them back", prefix, listed, n, grown>>20)
			}
			runtime.KeepAlive(m.b)
		}
	}
}

// A list is cut off on a server that is told of changes by others: the next one shows them all the same.
func TestCutOffListForgetsNoSession(t *testing.T) {
	t.Parallel()
	m := newRegisterMount(t)
	system := &logical.StaticSystemView{ReplicationStateVal: consts.ReplicationPerformanceStandby, DefaultLeaseTTLVal: 768 * time.Hour, MaxLeaseTTLVal: 768 * time.Hour}
	other := &mount{t: m.t, ctx: m.ctx, storage: m.storage, aws: m.aws, system: system}
	other.ahead.Store(m.ahead.Load())
	other.start()
	standby := other.b
	if got := other.listing("issued/", nil); len(got) != 0 {
		t.Fatalf("listed %v", got)
	}
	id := m.creds("own").Data["access_key"].(string)
	standby.InvalidateKey(m.ctx, "sessions/"+id)
	gone, cancel := context.WithCancel(m.ctx)
	cancel() // the client has hung up
	if _, err := standby.HandleRequest(gone, m.request(logical.ListOperation, "issued/", nil)); err == nil {
		t.Error("a list whose client is gone went well")
	}
	if got := other.listing("issued/", nil); len(got) != 1 || got[0] != id {
		t.Errorf("listed %v, want %s", got, id)
	}
}
