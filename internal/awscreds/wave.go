// SPDX-License-Identifier: MPL-2.0

package awscreds

import (
	"context"
	"errors"

	"golang.org/x/sync/errgroup"
)

// change is one call that changes a user.
type change func(ctx context.Context) error

// wave makes all changes of one user at once, and waits for all of them: a
// failure stops nothing, so that nothing is under way when the caller cleans up.
//
// IAM guards a user against overlapping changes and may answer 409. The SDK
// tries such a call again; those that AWS still refuses are made one after
// another once the others have ended.
func wave(ctx context.Context, changes []change) error {
	errs := make([]error, len(changes))
	var group errgroup.Group // without a context: one failure must not cancel the rest
	group.SetLimit(parallel)
	for i, do := range changes {
		group.Go(func() error {
			errs[i] = do(ctx)
			return nil
		})
	}
	_ = group.Wait() // each error is in errs
	for i, do := range changes {
		if isOverlap(errs[i]) {
			errs[i] = do(ctx)
		}
	}
	return errors.Join(errs...)
}
