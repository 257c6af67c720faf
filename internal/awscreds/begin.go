// SPDX-License-Identifier: MPL-2.0

package awscreds

// How long a call may still be begun.

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/smithy-go/middleware"
)

// CreateBegins is how long after CreateUser was called, or after what says that the user may
// exist was written down, its last attempt may begin: a server that was paused must not make
// what another one has given up meanwhile. AWS performs what it was sent within 15 minutes or
// not at all (IAM User Guide, "Signature Version 4"); whoever waits for that long, and this,
// knows that the user comes no more.
const CreateBegins = 60 * time.Second

// beginsBy is the option for a call that must not begin late, in any of its attempts. The
// moment is looked at last of all, behind the wait for a turn, for credentials and for
// the signature: a server that is paused may go on anywhere.
func beginsBy(latest time.Time) func(*iam.Options) {
	check := func(ctx context.Context, in middleware.DeserializeInput, next middleware.DeserializeHandler) (
		middleware.DeserializeOutput, middleware.Metadata, error,
	) {
		if late := lateBy(time.Now(), latest); late > 0 {
			return middleware.DeserializeOutput{}, middleware.Metadata{}, &lateError{late}
		}
		return next.HandleDeserialize(ctx, in)
	}
	return func(o *iam.Options) {
		o.APIOptions = append(o.APIOptions, func(stack *middleware.Stack) error {
			if m, ok := stack.Finalize.Get(attemptsID); ok {
				m.(*attempts).notAfter = latest
			}
			return stack.Deserialize.Add(middleware.DeserializeMiddlewareFunc("NotAfter", check), middleware.After)
		})
	}
}

// lateBy is how much later one moment is than another, by the clock of the wall or by that
// of the machine, which may stand still while the machine is suspended.
func lateBy(now, latest time.Time) time.Duration {
	return max(now.Sub(latest), now.Round(0).Sub(latest.Round(0)))
}

// lateError says that a call was not made, because its time was over.
type lateError struct{ by time.Duration }

func (e *lateError) Error() string {
	return fmt.Sprintf("the call was not made: its time was over %s ago", e.by.Round(time.Millisecond))
}
