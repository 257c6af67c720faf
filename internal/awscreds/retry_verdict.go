// SPDX-License-Identifier: MPL-2.0

package awscreds

// How the SDK's loop over the attempts of a call hears whether there is another.

import (
	"context"
	"errors"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/retry"
)

// attemptsAtMost bounds the loop where no number of attempts is configured; time
// bounds it long before.
const attemptsAtMost = 100

// verdict is the error of an attempt, and what becomes of its call.
type verdict struct {
	Err   error
	again bool
	wait  time.Duration // before the next attempt
}

func (v *verdict) Error() string { return v.Err.Error() }

// Unwrap returns what went wrong.
func (v *verdict) Unwrap() error { return v.Err }

// RetryableError tells the SDK. It asks the outermost error that can answer: should it
// find that our clock is wrong, and know by how much, then that counts.
func (v *verdict) RetryableError() bool { return v.again }

// retryer does as the verdict says. It implements [aws.RetryerV2].
type retryer struct{}

// IsErrorRetryable implements [aws.Retryer].
func (retryer) IsErrorRetryable(err error) bool {
	return retry.RetryableError{}.IsErrorRetryable(err).Bool()
}

// MaxAttempts implements [aws.Retryer]. A configured number goes before it.
func (retryer) MaxAttempts() int { return attemptsAtMost }

// RetryDelay implements [aws.Retryer].
func (retryer) RetryDelay(_ int, err error) (time.Duration, error) {
	var v *verdict
	if errors.As(err, &v) {
		return v.wait, nil
	}
	return 0, nil
}

// GetRetryToken implements [aws.Retryer]: there is no quota on retries.
func (retryer) GetRetryToken(context.Context, error) (func(error) error, error) {
	return nothingToRelease, nil
}

// GetInitialToken implements [aws.Retryer].
func (retryer) GetInitialToken() func(error) error { return nothingToRelease }

// GetAttemptToken implements [aws.RetryerV2]: our rate is limited closer to the wire,
// where the action is known.
func (retryer) GetAttemptToken(context.Context) (func(error) error, error) {
	return nothingToRelease, nil
}

func nothingToRelease(error) error { return nil }
