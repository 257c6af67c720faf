// SPDX-License-Identifier: MPL-2.0

package users

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/engine"
)

// How memory comes to know the records: all once, and then those that another server has changed.

// readsAtOnce is how many records are read at the same time.
const readsAtOnce = 16

// Fill has memory know all records.
func (reg *register) Fill(ctx context.Context, s logical.Storage) error {
	ctx, unlock, err := reg.Locks.Lock(ctx, engine.LockRecords)
	if err != nil {
		return err
	}
	defer unlock()
	all, stale := reg.index.begin()
	if !all && len(stale) == 0 {
		return nil
	}
	left, err := reg.fillIndex(ctx, s, all, stale)
	reg.index.end(left, err)
	return err
}

// fillIndex reads records, all or those of some keys. left are the keys that it did not get to
// read; after an error, nil is all.
func (reg *register) fillIndex(ctx context.Context, s logical.Storage, all bool, stale map[string]string) (left map[string]string, err error) {
	if all {
		keys, err := s.List(ctx, engine.PrefixIssued)
		if err != nil {
			return nil, err
		}
		stale = map[string]string{}
		for _, key := range keys {
			stale[engine.PrefixIssued+key] = userOf(key)
		}
	}
	left = maps.Clone(stale)
	var mu sync.Mutex // guards left
	err = engine.Each(ctx, reg.Mount, readsAtOnce, slices.Collect(maps.Keys(stale)), nil, func(ctx context.Context, key string) error {
		r, err := engine.Load[Record](ctx, s, key)
		switch {
		case engine.IsUnreadable(err):
			reg.index.found(stale[key], &entry{}) // one for the sweep to complain of
		case err != nil:
			return err
		case r == nil:
			reg.index.found(stale[key], nil)
		default:
			e := reg.entryOf(r)
			reg.index.found(stale[key], &e)
		}
		mu.Lock()
		defer mu.Unlock()
		delete(left, key)
		return nil
	})
	return left, err
}

// mostStale is how many records are remembered that another server has written. Where nobody lists, none is read.
const mostStale = 10_000

// changedElsewhere makes the next use read a record again that another server has written.
func (x *index) changedElsewhere(key string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if len(x.stale) >= mostStale {
		x.filled, x.stale = false, nil // the next use reads all
	}
	if x.stale == nil {
		x.stale = map[string]string{}
	}
	x.stale[key] = userOf(strings.TrimPrefix(key, engine.PrefixIssued))
}

// begin opens the index for being filled, and says which keys are to be read: all, the
// stale ones, or none.
func (x *index) begin() (all bool, stale map[string]string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	all, stale = !x.filled, x.stale
	x.stale = nil // first: who tells of a change meanwhile shall be heard
	if all || len(stale) > 0 {
		x.filled, x.filling, x.changed = true, true, map[string]bool{}
	}
	if all {
		maps.DeleteFunc(x.users, func(_ string, e entry) bool {
			if e.request || e.failed {
				return false
			}
			x.ofRole[e.role]--
			x.ofAccount[e.in()]--
			return true
		})
	}
	return all, stale
}

// found takes what storage says of a user, unless more is known by now; nil is no record.
func (x *index) found(user string, e *entry) {
	x.mu.Lock()
	defer x.mu.Unlock()
	key := strings.ToLower(user)
	if known := x.users[key]; x.changed[key] || known.request || known.failed {
		return
	}
	x.remove(user)
	if e != nil {
		x.set(user, *e)
	}
	delete(x.changed, key) // it was we who changed it
}

// end closes the index. After an error the next use goes on with what is left to read; nil is
// all. However slow storage is, many records are read in the end.
func (x *index) end(left map[string]string, err error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.filling, x.changed = false, nil
	if err == nil {
		return
	}
	if x.filled = x.filled && left != nil; x.stale == nil {
		x.stale = map[string]string{}
	}
	maps.Copy(x.stale, left)
}
