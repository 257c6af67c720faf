// SPDX-License-Identifier: MPL-2.0

package backend

// Storage that is too slow to read all records at one visit: each visit goes on where the last
// one had to stop.

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/engine"
)

// tiredStorage reads so many records and then no more, until it is given more.
type tiredStorage struct {
	logical.Storage
	reads atomic.Int64
}

func (s *tiredStorage) Get(ctx context.Context, key string) (*logical.StorageEntry, error) {
	if strings.HasPrefix(key, engine.PrefixIssued) && s.reads.Add(-1) < 0 {
		return nil, errStorage
	}
	return s.Storage.Get(ctx, key)
}

func TestSlowStorageIsReadInTheEnd(t *testing.T) {
	t.Parallel()
	const records, each = 40, 15
	m := newConfiguredMount(t)
	m.fill(records)
	tired := &tiredStorage{Storage: m.storage}
	visit := func() error {
		tired.reads.Store(each)
		req := m.request(logical.ListOperation, "issued/role/role-7", nil)
		req.Storage = tired
		_, err := m.b.HandleRequest(m.ctx, req)
		return err
	}
	for n := 1; n*each < records; n++ {
		if visit() == nil {
			t.Fatalf("%d reads are enough for %d records", n*each, records)
		}
	}
	if err := visit(); err != nil {
		t.Errorf("after %d reads: %v", (records/each+1)*each, err)
	}
}
