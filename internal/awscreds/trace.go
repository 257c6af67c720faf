// SPDX-License-Identifier: MPL-2.0

package awscreds

import (
	"context"
	"errors"
	"sync"

	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/smithy-go/middleware"
)

// Trace remembers the request IDs of AWS's answers to the calls of one context. AWS's support and
// CloudTrail find a call by it.
type Trace struct {
	mu  sync.Mutex
	ids map[string]string // by action, of the last answer
}

type traceKey struct{}

// Traced returns a context whose calls are remembered.
func Traced(ctx context.Context) (context.Context, *Trace) {
	t := &Trace{ids: map[string]string{}}
	return context.WithValue(ctx, traceKey{}, t), t
}

// RequestID is AWS's ID of the last call that was answered of the first of some actions which has one.
func (t *Trace) RequestID(actions ...string) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, action := range actions {
		if id := t.ids[action]; id != "" {
			return id
		}
	}
	return ""
}

// RequestID is AWS's ID of the call that failed; empty where AWS has not answered, or named none.
func RequestID(err error) string {
	var answer interface{ ServiceRequestID() string }
	if errors.As(err, &answer) {
		return answer.ServiceRequestID()
	}
	return ""
}

// traceAnswers has a call tell the trace of its context.
func traceAnswers(stack *middleware.Stack) error {
	action := stack.ID() // a stack is made for one call
	return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("Trace", func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (
		middleware.InitializeOutput, middleware.Metadata, error,
	) {
		out, meta, err := next.HandleInitialize(ctx, in)
		if t, traced := ctx.Value(traceKey{}).(*Trace); traced {
			id, _ := awsmiddleware.GetRequestIDMetadata(meta)
			if failed := RequestID(err); failed != "" {
				id = failed
			}
			t.note(action, id)
		}
		return out, meta, err
	}), middleware.Before)
}

func (t *Trace) note(action, id string) {
	if id == "" {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ids[action] = cut(id, mostCode)
}
