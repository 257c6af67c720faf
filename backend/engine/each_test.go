// SPDX-License-Identifier: MPL-2.0

package engine

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
)

// A failure or a panic stops nothing else, and the errors come in the order of the items.
func TestEachDoesAllAndJoinsWhatFails(t *testing.T) {
	t.Parallel()
	tm := newTestMount(t)
	items := []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}
	var done atomic.Int32
	err := Each(t.Context(), tm.Mount, 3, items, nil, func(_ context.Context, i int) error {
		done.Add(1)
		switch i {
		case 7:
			panic("seven")
		case 2, 9:
			return fmt.Errorf("item %d failed", i)
		}
		return nil
	})
	if done.Load() != 10 {
		t.Errorf("%d were done", done.Load())
	}
	lines := strings.Split(fmt.Sprint(err), "\n")
	if len(lines) != 3 || lines[0] != "item 2 failed" || !strings.HasPrefix(lines[1], "internal error") || lines[2] != "item 9 failed" {
		t.Errorf("failed with %v", err)
	}
}

// No more than so many at once, and it waits for all.
func TestEachKeepsToItsBound(t *testing.T) {
	t.Parallel()
	tm := newTestMount(t)
	var now, most atomic.Int32
	full := make(chan struct{})
	err := Each(t.Context(), tm.Mount, 4, make([]int, 40), nil, func(context.Context, int) error {
		if n := now.Add(1); n > most.Load() {
			if most.Store(n); n == 4 {
				close(full)
			}
		}
		<-full // until four are there
		now.Add(-1)
		return nil
	})
	if err != nil || most.Load() != 4 || now.Load() != 0 {
		t.Errorf("%d at once, %d left, %v", most.Load(), now.Load(), err)
	}
}

// What has not begun when the context ends, or when more says no, is left out.
func TestEachStopsBeginning(t *testing.T) {
	t.Parallel()
	tm := newTestMount(t)
	for name, stop := range map[string]func(cancel func(), full *atomic.Bool){
		"the context ends": func(cancel func(), _ *atomic.Bool) { cancel() },
		"more says no":     func(_ func(), full *atomic.Bool) { full.Store(true) },
	} {
		ctx, cancel := context.WithCancel(t.Context())
		var full atomic.Bool
		var done atomic.Int32
		err := Each(ctx, tm.Mount, 1, make([]int, 100), func() bool { return !full.Load() }, func(context.Context, int) error {
			if done.Add(1) == 5 {
				stop(cancel, &full)
			}
			return errors.New("one")
		})
		cancel()
		if n := done.Load(); n < 5 || n > 7 || len(strings.Split(err.Error(), "\n")) != int(n) {
			t.Errorf("%s: %d were done, %v", name, n, err)
		}
	}
	if err := Each(t.Context(), tm.Mount, 8, nil, nil, func(context.Context, int) error { return errBroken }); err != nil {
		t.Errorf("nothing to do, and %v", err)
	}
}
