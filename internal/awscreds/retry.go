// SPDX-License-Identifier: MPL-2.0

package awscreds

// Which calls are tried again, how often, and after which wait.
//
// Throttling is counted apart from all else: a call that AWS throttles was not made,
// and is worth another attempt for as long as its caller can wait. Everything else
// that passes by itself gets a few attempts. There is no quota on retries over all
// calls, as the SDK has one: a burst of clients that AWS throttles would use it up at
// once, and most of them would fail for want of a second attempt.

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/smithy-go/middleware"
)

const (
	// usualAttempts is how often a call is made that fails in passing, when the number
	// of retries is left to us.
	usualAttempts = 3

	// patientAttempts is the same for a call about a brand-new user. The waits add up to
	// about three seconds at most: IAM shows a new user to later calls within a second
	// or two (IAM User Guide, "Changes that I make are not always immediately visible").
	patientAttempts = 7

	// throttledFor is how long a call is tried that AWS throttles, where its context has
	// no earlier end.
	throttledFor = 40 * time.Second

	// beginsWithin is how long after the first of those few attempts the last one may begin,
	// which counts where AWS does not answer at all.
	beginsWithin = 15 * time.Second

	// endures is how long calls of [Enduring] go on.
	endures = 30 * time.Second

	// The waits: full jitter, doubling, up to longestWait. That a single call was
	// throttled says nothing about the next millisecond, so it begins at a second.
	firstWait     = 50 * time.Millisecond
	throttledWait = time.Second
	longestWait   = 5 * time.Second
)

// attempts stands between the SDK's loop and one attempt of one call, and says
// whether there is to be another.
type attempts struct {
	pace    *pace // of the action; nil where our rate is not limited
	watch   func(Attempt)
	role    string // of a client of another account
	counted bool   // the number of attempts was configured, and the SDK keeps to it
	patient bool   // the call is about a brand-new user
	freed   bool   // the call needs a place that was made free a moment ago
	once    bool   // its caller comes again by itself, and later
	renews  bool   // the call is signed with the key of a session that can be made anew
	certain bool   // only an attempt that AWS certainly did not perform has another

	notAfter time.Time // when the last attempt may begin; zero for whenever

	began               time.Time
	failures, throttles int
	renewed             bool
}

const attemptsID = "Attempts"

// watchAttempts puts attempts into each call.
func watchAttempts(mode aws.RetryMode, counted bool, watch func(Attempt)) func(*middleware.Stack) error {
	var limits *paces
	if mode != aws.RetryModeStandard {
		limits = new(paces)
	}
	return func(stack *middleware.Stack) error {
		// A stack is made for one call, and its ID is the action.
		return stack.Finalize.Insert(&attempts{pace: limits.of(stack.ID()), watch: watch, counted: counted}, "Retry", middleware.After)
	}
}

// ownPaces gives the calls of a client that works as a role rates of their own: AWS throttles each
// account by itself.
func ownPaces(role string) func(*middleware.Stack) error {
	limits := new(paces)
	return func(stack *middleware.Stack) error {
		if m, ok := stack.Finalize.Get(attemptsID); ok {
			a := m.(*attempts)
			if a.role = role; a.pace != nil {
				a.pace = limits.of(stack.ID())
			}
		}
		return nil
	}
}

// patience is the option for calls about a user that was created a moment ago: for
// those, NoSuchEntity means "not yet".
func patience(o *iam.Options) { tellAttempts(o, func(a *attempts) { a.patient = true }) }

// certainly is the option for calls that must not be performed twice: an attempt that AWS may
// have performed is the last one. A call that was throttled was not made.
func certainly(o *iam.Options) { tellAttempts(o, func(a *attempts) { a.certain = true }) }

// intoFreedPlace is the option for calls that need a place within a quota which was made free a
// moment ago: for those, LimitExceeded means "not yet".
func intoFreedPlace(o *iam.Options) { tellAttempts(o, func(a *attempts) { a.freed = true }) }

// tellAttempts changes how the attempts of one call are judged.
func tellAttempts(o *iam.Options, change func(*attempts)) {
	o.APIOptions = append(o.APIOptions, func(stack *middleware.Stack) error {
		if m, ok := stack.Finalize.Get(attemptsID); ok {
			change(m.(*attempts))
		}
		return nil
	})
}

// ID implements [middleware.FinalizeMiddleware].
func (*attempts) ID() string { return attemptsID }

// HandleFinalize makes one attempt when it is its turn.
func (a *attempts) HandleFinalize(ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler) (
	middleware.FinalizeOutput, middleware.Metadata, error,
) {
	if a.began.IsZero() {
		a.began = time.Now()
	}
	if err := a.pace.wait(ctx, a.began.Add(throttledFor)); err != nil {
		a.tell(ctx, middleware.Metadata{}, err)
		return middleware.FinalizeOutput{}, middleware.Metadata{}, &verdict{Err: err}
	}
	sent := time.Now()
	out, meta, err := next.HandleFinalize(ctx, in)
	a.pace.learn(sent, time.Now(), err)
	a.tell(ctx, meta, err)
	if err != nil {
		err = a.judge(ctx, err)
	}
	return out, meta, err
}

// judge decides what becomes of a call after an attempt that failed.
func (a *attempts) judge(ctx context.Context, err error) *verdict {
	v := &verdict{Err: err}
	now := time.Now()
	switch {
	case IsThrottled(err):
		a.throttles++
		v.wait = jitter(throttledWait, a.throttles)
		v.again = a.counted || now.Add(v.wait).Before(a.began.Add(throttledFor))
	case a.renews && !a.renewed && IsUnknownKey(err): // it is signed with a new session then
		a.renewed, v.again, v.wait = true, true, jitter(firstWait, 1)
	case passes(err), a.patient && isNotFound(err), a.freed && Code(err) == codeLimitExceeded:
		a.failures++
		v.wait = jitter(firstWait, a.failures)
		at := now.Add(v.wait)
		v.again = a.counted || a.failures < a.most() && at.Before(a.began.Add(beginsWithin)) || at.Before(enduresUntil(ctx))
	}
	if a.certain && !notDone(err) {
		v.again = false
	}
	if a.once && !IsUnknownKey(err) {
		v.again = Code(err) == codeExpiredToken && a.failures == 1
	}
	// A wait that the caller would not see the end of only hides what AWS said.
	if end, bounded := ctx.Deadline(); bounded && now.Add(v.wait).After(end) {
		v.again = false
	}
	if !a.notAfter.IsZero() && now.Add(v.wait).After(a.notAfter) {
		v.again = false
	}
	return v
}

// most is how often the call is made while it fails in passing.
func (a *attempts) most() int {
	if a.patient || a.freed {
		return patientAttempts
	}
	return usualAttempts
}

// jitter is a wait before the attempt after so many failures. Whoever failed together
// comes again apart.
func jitter(first time.Duration, failures int) time.Duration {
	longest := min(first<<min(failures-1, 10), longestWait)
	return rand.N(longest) //nolint:gosec // nothing is secret about a wait
}

// passes reports whether the same call may go well a moment later: what the SDK takes
// for passing, and more. IAM answers 409 in passing when changes of one user overlap.
// STS may not reach an identity provider for a moment, or not have its new keys yet, which it
// calls InvalidIdentityToken (the SDK's own provider repeats that, too). Somebody else may answer in the
// place of AWS. And an expired session is replaced by a new one for the next attempt (identity.go).
func passes(err error) bool {
	return retry.IsErrorRetryables(retry.DefaultRetryables).IsErrorRetryable(err).Bool() ||
		isOverlap(err) || isProviderAway(err) || Code(err) == codeInvalidIdentityToken || isNoAnswer(err) && !IsUnsupported(err) || Code(err) == codeExpiredToken
}

type enduring struct{}

// Enduring gives the calls made with a context more attempts while AWS does not
// answer, for half a minute from now. It is for who would come again anyway: Vault
// gives a lease up when its revocation has failed six times.
func Enduring(ctx context.Context) context.Context {
	return context.WithValue(ctx, enduring{}, time.Now().Add(endures))
}

func enduresUntil(ctx context.Context) time.Time {
	until, _ := ctx.Value(enduring{}).(time.Time)
	return until
}
