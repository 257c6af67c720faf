// SPDX-License-Identifier: MPL-2.0

package awscreds

// What the attempts of a call tell, beyond the error that its last one ended with.

import (
	"context"
	"sync/atomic"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/smithy-go/middleware"
)

// unanswered remembers whether any attempt of a call ended without AWS saying what it
// had done. The last attempt's error alone does not tell: a lost answer followed
// by a throttled retry ends as "Throttling", and the work may be done.
type unanswered struct{ seen atomic.Bool }

// watch makes a call report its attempts to u.
func (u *unanswered) watch(o *iam.Options) {
	o.APIOptions = append(o.APIOptions, eachAttempt("Unanswered", func(err error) {
		if !notDone(err) {
			u.seen.Store(true)
		}
	}))
}

// eachAttempt tells f of every attempt of a call that fails, tried again or not. It takes the place of one of the same name,
// which the client has that this one was made from.
func eachAttempt(name string, f func(error)) func(*middleware.Stack) error {
	attempt := func(ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler) (
		middleware.FinalizeOutput, middleware.Metadata, error,
	) {
		out, meta, err := next.HandleFinalize(ctx, in)
		if err != nil {
			f(err)
		}
		return out, meta, err
	}
	return func(stack *middleware.Stack) error {
		_, _ = stack.Finalize.Remove(name) // an error says that it is not there
		return stack.Finalize.Insert(middleware.FinalizeMiddlewareFunc(name, attempt), "Retry", middleware.After)
	}
}
