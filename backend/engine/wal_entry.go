// SPDX-License-Identifier: MPL-2.0

package engine

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/hashicorp/vault/sdk/framework"
	"github.com/hashicorp/vault/sdk/logical"
)

// ReadWAL reads an entry of the WAL; nil when it is gone. Unlike the SDK's own
// function it says which entry it cannot read.
func ReadWAL(ctx context.Context, s logical.Storage, id string) (*framework.WALEntry, error) {
	entry, err := Load[framework.WALEntry](ctx, s, framework.WALPrefix+id)
	if entry != nil {
		entry.ID = id
	}
	return entry, err
}

// WALData reads what an entry carries.
func WALData[T any](entry *framework.WALEntry) (v T, err error) {
	raw, err := json.Marshal(entry.Data)
	if err == nil {
		err = json.Unmarshal(raw, &v)
	}
	if err != nil {
		return v, fmt.Errorf("rolling back entry %s: %w", entry.ID, err)
	}
	return v, nil
}
