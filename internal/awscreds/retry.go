// SPDX-License-Identifier: MPL-2.0

package awscreds

// Which calls are tried again, and how often. The waiting is the SDK's: full
// jitter, 50 ms doubling for what passes by itself, a second doubling for
// throttling, and a rate limit on our side once AWS has throttled us.

import (
	"context"
	"sync/atomic"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/smithy-go/middleware"
)

// patientAttempts is how often a call about a brand-new user is made when the
// number of retries is left to us. The waits add up to about three seconds at
// most: IAM shows a new user to later calls within a second or two (IAM User
// Guide, "Changes that I make are not always immediately visible").
const patientAttempts = 7

// newRetryer returns the SDK's adaptive retryer, or the standard one where the
// environment asks for that, taught two things. IAM answers 409 in passing when
// changes of one user overlap. And an expired session is replaced by a new one for
// the next attempt (identity.go).
func newRetryer(mode aws.RetryMode) aws.Retryer {
	r := aws.Retryer(retry.NewAdaptiveMode())
	if mode == aws.RetryModeStandard {
		r = retry.NewStandard()
	}
	return retry.AddWithErrorCodes(r, codeConcurrentModification, codeTemporarilyUnmodifiable, codeExpiredToken)
}

// patience returns the option for calls about a user that was created a moment
// ago: for those, NoSuchEntity means "not yet". Zero attempts leave their number
// to us.
func patience(attempts int) func(*iam.Options) {
	return func(o *iam.Options) {
		if attempts == 0 {
			o.Retryer = retry.AddWithMaxAttempts(o.Retryer, patientAttempts)
		}
		o.Retryer = retry.AddWithErrorCodes(o.Retryer, codeNoSuchEntity)
	}
}

// doubt remembers whether any attempt of a call ended without AWS saying what it
// had done. The last attempt's error alone does not tell: a lost answer followed
// by a throttled retry ends as "Throttling", and the work may be done.
type doubt struct{ seen atomic.Bool }

// watch makes a call report its attempts to d.
func (d *doubt) watch(o *iam.Options) {
	o.APIOptions = append(o.APIOptions, eachAttempt("Doubt", func(err error) {
		if !notDone(err) {
			d.seen.Store(true)
		}
	}))
}

// eachAttempt tells f of every attempt of a call that fails, tried again or not.
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
		return stack.Finalize.Insert(middleware.FinalizeMiddlewareFunc(name, attempt), "Retry", middleware.After)
	}
}
