// SPDX-License-Identifier: MPL-2.0

package engine

import (
	"context"
	"errors"
	"sync"
)

// Each does something for each item, so many at once, and waits for all. A failure or a
// panic stops nothing else; the errors come back joined, in the order of the items. Items
// that have not begun when more says no are left out, and so are those when ctx ends, whose
// error comes last then.
func Each[T any](ctx context.Context, m *Mount, atOnce int, items []T, more func() bool, do func(context.Context, T) error) error {
	errs := make([]error, len(items))
	next := make(chan int)
	var workers sync.WaitGroup
	for range min(atOnce, len(items)) {
		workers.Go(func() {
			for i := range next {
				errs[i] = guarded(ctx, m, items[i], do)
			}
		})
	}
	var ended error
	for i := range items {
		if ended = ctx.Err(); ended != nil || more != nil && !more() {
			break
		}
		next <- i
	}
	close(next)
	workers.Wait()
	return errors.Join(append(errs, ended)...)
}

func guarded[T any](ctx context.Context, m *Mount, item T, do func(context.Context, T) error) (err error) {
	defer m.Recover(&err)
	return do(ctx, item)
}
