// SPDX-License-Identifier: MPL-2.0

package engine

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// inTheirOrder is one lock of each kind, in the order of locks.go.
var inTheirOrder = []LockKey{LockTidy, LockRole("a"), LockStaticRole("a"), LockIAMUser("a"), LockRootKey, LockConfigRoot, LockRecord("a"), LockRecords, LockOwnership, LockTerms}

// Whoever holds a lock may take those after it, and no other.
func TestLocksKeepToTheirOrder(t *testing.T) {
	t.Parallel()
	for i, first := range inTheirOrder {
		for j, second := range inTheirOrder {
			t.Run(fmt.Sprintf("%s then %s", first.name, second.name), func(t *testing.T) {
				t.Parallel()
				var locks KeyedLocks
				held, unlock, err := locks.Lock(t.Context(), first)
				if err != nil {
					t.Fatal(err)
				}
				defer unlock()
				text := panics(func() {
					_, unlock, err := locks.Lock(held, second)
					if err != nil {
						t.Fatal(err)
					}
					unlock()
				})
				if forward := j > i; forward != (text == "") {
					t.Errorf("the panic: %q", text)
				}
				if text != "" && !strings.Contains(text, "locks.go has them in the other order") {
					t.Errorf("the panic does not say what to do: %s", text)
				}
			})
		}
	}
}

// A lock that was skipped over still counts, and one that was released does not where its
// context is gone.
func TestOrderGoesByTheHighestLock(t *testing.T) {
	t.Parallel()
	var locks KeyedLocks
	one, unlockOne, _ := locks.Lock(t.Context(), LockStaticRole("a"), LockIAMUser("b")) // at once: in any order
	defer unlockOne()
	two, unlockTwo, ok := locks.TryLock(one, LockTidy) // who does not wait need not keep to the order
	if !ok {
		t.Fatal("not locked")
	}
	defer unlockTwo()
	if panics(func() { _, _, _ = locks.Lock(two, LockStaticRole("c")) }) == "" {
		t.Error("TryLock forgot what was held")
	}
	if _, unlock, err := locks.Lock(t.Context(), LockStaticRole("c")); err != nil {
		t.Error(err)
	} else {
		unlock()
	}
}

func TestNamesOfUsersLockWithoutCase(t *testing.T) {
	t.Parallel()
	if LockRecord("Vault-A") != LockRecord("vault-a") || LockIAMUser("A") != LockIAMUser("a") || LockStaticRole("A") == LockStaticRole("a") {
		t.Error("IAM does not tell users apart by case, and Vault does so with roles")
	}
}

// Who waits goes when its client does.
func TestLockEndsWithItsContext(t *testing.T) {
	t.Parallel()
	var locks KeyedLocks
	_, unlock, _ := locks.Lock(t.Context(), LockRootKey)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { _, _, err := locks.Lock(ctx, LockRootKey); ended <- err }()
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("waited, and then %v", err)
	}
	if _, _, ok := locks.TryLock(t.Context(), LockRootKey); ok {
		t.Error("taken twice")
	}
	unlock()
	if _, again, ok := locks.TryLock(t.Context(), LockRootKey); !ok {
		t.Error("not released")
	} else {
		again()
	}
}

// Many take several locks each, in the order, and all come through, one at a time.
func TestLocksEndInNoDeadlock(t *testing.T) {
	t.Parallel()
	var locks KeyedLocks
	var all sync.WaitGroup
	inside := make([]atomic.Int32, len(inTheirOrder))
	for worker := range 16 {
		all.Go(func() {
			for round := range 200 {
				ctx := t.Context()
				var unlocks []func()
				for i := range inTheirOrder {
					if (worker*7+round*13)>>i&1 == 0 {
						continue
					}
					held, unlock, err := locks.Lock(ctx, inTheirOrder[i])
					if err != nil {
						t.Error(err)
						return
					}
					if inside[i].Add(1) != 1 {
						t.Errorf("%s is held twice", inTheirOrder[i].name)
					}
					ctx, unlocks = held, append(unlocks, func() { inside[i].Add(-1); unlock() })
				}
				for _, unlock := range unlocks {
					unlock()
				}
			}
		})
	}
	all.Wait()
	if len(locks.taken) != 0 {
		t.Errorf("still held: %v", locks.taken)
	}
}
