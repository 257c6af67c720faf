// SPDX-License-Identifier: MPL-2.0

package awscreds

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
)

// change is one call that changes a user.
type change func(ctx context.Context) error

// make makes the change. A panic becomes its error: in a goroutine of ours it would end
// the process, which serves many mounts.
func (do change) make(ctx context.Context) (err error) {
	defer recoverTo(&err)
	return do(ctx)
}

// recoverTo turns a panic into an error.
func recoverTo(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("internal error in a call to AWS: %v", p)
	}
}

// makeAll makes all changes of one user at once, and waits for all of them: a
// failure stops nothing, so that nothing is under way when the caller cleans up.
//
// At once means: as many as the client has helpers to spare. A change that finds none
// is made by the caller or the first helper that has time, so that many requests
// share what one process may have under way, and none waits for another's.
//
// IAM guards a user against overlapping changes and may answer 409. The SDK
// tries such a call again; those that AWS still refuses are made one after
// another once the others have ended.
func (c *Client) makeAll(ctx context.Context, changes []change) error {
	errs := make([]error, len(changes))
	var taken atomic.Int64
	work := func() {
		for i := taken.Add(1) - 1; i < int64(len(changes)); i = taken.Add(1) - 1 {
			errs[i] = changes[i].make(ctx)
		}
	}
	func() {
		var group sync.WaitGroup
		defer group.Wait() // after a panic, too
		for i := 1; i < min(len(changes), parallel) && c.helpers.take(); i++ {
			group.Go(func() {
				defer c.helpers.give()
				Deepen()
				work()
			})
		}
		work()
	}()
	for i, do := range changes {
		if isOverlap(errs[i]) {
			errs[i] = do.make(ctx)
		}
	}
	return errors.Join(errs...)
}

// helpers bounds the goroutines that the changes of a client have beside those of
// their callers. Each takes 50 kB, most of it stack, and a connection.
type helpers chan struct{}

func newHelpers() helpers { return make(helpers, mostHelpers) }

// take does not wait.
func (h helpers) take() bool {
	select {
	case h <- struct{}{}:
		return true
	default:
		return false
	}
}

func (h helpers) give() { <-h }
