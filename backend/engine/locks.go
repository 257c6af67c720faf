// SPDX-License-Identifier: MPL-2.0

package engine

// Locks on one thing each: a role, an IAM user, the root key, a configuration. Unlike a
// mutex such a lock may be held while storage or AWS works, because nobody is bound to wait
// for it: a request that waits goes when its client does, and a tick does not wait but comes
// back. Nothing that only reads takes one, though it may wait until one is free.

import (
	"context"
	"fmt"
	"strings"
	"sync"
)

// LockKey names what a lock is on.
type LockKey struct {
	order lockOrder
	name  string
}

// lockOrder is the order in which one caller may take several locks, one after another: each
// later one must have a higher order. That is why nobody waits for ever.
type lockOrder int

const (
	orderTidy lockOrder = iota + 1
	orderRole
	orderStaticRole
	orderIAMUser
	orderRootKey
	orderConfig
	orderRecord
	orderRecords
	orderOwnership
	orderTerms
	orderSessions
	orderDeniedRole
)

// What there is one of in a mount.
var (
	LockTidy       = LockKey{orderTidy, "tidy"}           // who goes through the account
	LockRootKey    = LockKey{orderRootKey, "root key"}    // who changes it in AWS
	LockConfigRoot = LockConfig(KeyRootConfig)            // who reads it to write it
	LockRecords    = LockKey{orderRecords, "records"}     // who reads them all
	LockOwnership  = LockKey{orderOwnership, "ownership"} // who makes the key of the proofs
	LockTerms      = LockKey{orderTerms, "terms"}         // who reads them to write them
	LockSessions   = LockKey{orderSessions, "sessions"}   // who reads the records of all sessions
)

// LockConfig is about the configuration under a key: who reads it to write it.
func LockConfig(key string) LockKey { return LockKey{orderConfig, key} }

// LockRole is about the role of a name: who reads it to write it.
func LockRole(name string) LockKey { return LockKey{orderRole, name} }

// LockStaticRole is about the static role of a name.
func LockStaticRole(name string) LockKey { return LockKey{orderStaticRole, name} }

// LockIAMUser is about the IAM user of a name. IAM does not tell users apart by case.
func LockIAMUser(name string) LockKey { return LockKey{orderIAMUser, strings.ToLower(name)} }

// LockRecord is about the record of the IAM user of a name.
func LockRecord(user string) LockKey { return LockKey{orderRecord, strings.ToLower(user)} }

// LockDeniedRole is about the policy that denies sessions of an AWS role, whose record has a key.
func LockDeniedRole(key string) LockKey { return LockKey{orderDeniedRole, key} }

// KeyedLocks knows which locks are held. The mutex guards the map and is never held while
// anything else happens.
type KeyedLocks struct {
	mu    sync.Mutex
	taken map[LockKey]chan struct{} // closed when the lock is released
}

// Lock waits until nobody holds any of the keys, and takes them all at once. held is the
// context for what is done under the lock: it remembers the order.
func (l *KeyedLocks) Lock(ctx context.Context, keys ...LockKey) (held context.Context, unlock func(), err error) {
	held = inOrder(ctx, keys)
	for {
		unlock, busy := l.take(keys)
		if busy == nil {
			return held, unlock, nil
		}
		select {
		case <-busy:
		case <-ctx.Done():
			return ctx, nil, fmt.Errorf("waiting for another request about %s: %w", keys[0].name, ctx.Err())
		}
	}
}

// TryLock is Lock without the waiting: ok is false where one of the keys is held. Who does
// not wait need not keep to the order.
func (l *KeyedLocks) TryLock(ctx context.Context, keys ...LockKey) (held context.Context, unlock func(), ok bool) {
	unlock, busy := l.take(keys)
	return withHeld(ctx, keys), unlock, busy == nil
}

// Await waits until nobody holds a key, and takes nothing: it is for who reads what somebody
// may be changing.
func (l *KeyedLocks) Await(ctx context.Context, key LockKey) {
	l.mu.Lock()
	busy, taken := l.taken[key]
	l.mu.Unlock()
	if !taken {
		return
	}
	select {
	case <-busy:
	case <-ctx.Done():
	}
}

// take takes all keys, or returns what is closed when it is worth another try.
func (l *KeyedLocks) take(keys []LockKey) (unlock func(), busy <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, key := range keys {
		if other, taken := l.taken[key]; taken {
			return nil, other
		}
	}
	if l.taken == nil {
		l.taken = map[LockKey]chan struct{}{}
	}
	done := make(chan struct{})
	for _, key := range keys {
		l.taken[key] = done
	}
	return func() {
		l.mu.Lock()
		for _, key := range keys {
			delete(l.taken, key)
		}
		l.mu.Unlock()
		close(done)
	}, nil
}

type heldOrder struct{}

// inOrder is a context that holds the keys too. It panics where they come before a lock
// that is held already: two such callers could wait for each other for ever.
func inOrder(ctx context.Context, keys []LockKey) context.Context {
	highest, _ := ctx.Value(heldOrder{}).(LockKey)
	for _, key := range keys {
		if key.order <= highest.order {
			panic(fmt.Sprintf("locking %q while %q is locked: locks.go has them in the other order", key.name, highest.name))
		}
	}
	return withHeld(ctx, keys)
}

// withHeld is a context that remembers the highest of the locks that are held.
func withHeld(ctx context.Context, keys []LockKey) context.Context {
	highest, _ := ctx.Value(heldOrder{}).(LockKey)
	for _, key := range keys {
		if key.order > highest.order {
			highest = key
		}
	}
	return context.WithValue(ctx, heldOrder{}, highest)
}
