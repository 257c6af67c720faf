// SPDX-License-Identifier: MPL-2.0

package awscreds

// What becomes of each attempt of each call, told to whoever watches a client. It holds no secret:
// of an answer it has AWS's code and words, as errors do.

import (
	"context"
	"errors"
	"time"

	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	smithy "github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"
)

// Attempt is one attempt of a call, when it has ended.
type Attempt struct {
	Service, Action string // such as IAM and CreateUser
	// Role is the ARN of the role that the client of another account works as; empty for the others.
	Role string
	// About is what the call is for, as [About] says; empty where nobody has said.
	About string

	Failed    bool
	Reason    Reason // of a failure
	Code      string // AWS's, of a failure; empty where AWS did not answer
	Words     string // AWS's code and words, or what was heard in their place
	RequestID string

	Answered bool          // AWS has answered, be it a refusal
	Ahead    time.Duration // how far AWS's clock was ahead of ours at the answer
	Rate     float64       // after a throttled attempt: calls of the action a second that go on
}

type about struct{}

// About says what the calls with a context are for, in whatever words the watcher knows.
func About(ctx context.Context, what string) context.Context {
	return context.WithValue(ctx, about{}, what)
}

// tell tells the watcher of an attempt.
func (a *attempts) tell(ctx context.Context, meta middleware.Metadata, err error) {
	if a.watch == nil || ctx.Err() != nil && errors.Is(ctx.Err(), context.Canceled) { // whoever asked has gone: that says nothing of AWS
		return
	}
	t := Attempt{Service: awsmiddleware.GetServiceID(ctx), Action: awsmiddleware.GetOperationName(ctx), Role: a.role, Answered: err == nil || Code(err) != ""}
	t.About, _ = ctx.Value(about{}).(string)
	var inner *smithy.OperationError
	if errors.As(err, &inner) { // this call was not made, for want of another's answer
		t.Service, t.Action = inner.ServiceID, inner.OperationName
	}
	if ahead, told := awsmiddleware.GetAttemptSkew(meta); told && t.Answered {
		t.Ahead = ahead
	}
	t.RequestID, _ = awsmiddleware.GetRequestIDMetadata(meta)
	if err != nil {
		t.Failed, t.Reason, t.Code, t.Words = true, ReasonOf(err), Code(err), wordsOf(err)
		var signed *signedError
		if errors.As(err, &signed) && signed.note() != "" {
			t.Words += "; " + signed.note()
		}
		var answer interface{ ServiceRequestID() string }
		if errors.As(err, &answer) {
			t.RequestID = answer.ServiceRequestID()
		}
	}
	if t.Reason == ReasonThrottled && a.pace != nil {
		t.Rate = a.pace.rateNow(time.Now())
	}
	a.watch(t)
}
