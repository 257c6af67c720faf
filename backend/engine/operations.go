// SPDX-License-Identifier: MPL-2.0

package engine

// How a handler becomes an operation of a path, and how API documents and generated
// clients call it. The names of the operations are those of the built-in engine, whatever
// name the plugin is registered under.

import (
	"context"
	"errors"
	"maps"
	"net/http"

	"github.com/hashicorp/vault/sdk/framework"
	"github.com/hashicorp/vault/sdk/logical"
)

// Operation names the operations of a path: aws-<verb>-<suffix>. An empty verb
// is the operation's own.
func Operation(verb, suffix string) *framework.DisplayAttributes {
	return &framework.DisplayAttributes{
		OperationPrefix: "aws",
		OperationVerb:   verb,
		OperationSuffix: suffix,
	}
}

// Read makes an operation that changes no storage of its own accord.
func (m *Mount) Read(summary string, h framework.OperationFunc) *framework.PathOperation {
	return &framework.PathOperation{Callback: m.Answer(h), Summary: summary}
}

// Write makes an operation that changes storage or AWS: a standby or a secondary
// passes it on, before it has done anything, to the server that may.
func (m *Mount) Write(summary string, h framework.OperationFunc) *framework.PathOperation {
	return &framework.PathOperation{
		Callback:                    m.Answer(warnOfUnknown(h)),
		Summary:                     summary,
		Responses:                   noContent(),
		ForwardPerformanceStandby:   true,
		ForwardPerformanceSecondary: true,
	}
}

// Alone is a handler under a lock: what it reads to write it again, no other request changes meanwhile.
func (m *Mount) Alone(on func(*framework.FieldData) LockKey, h framework.OperationFunc) framework.OperationFunc {
	return func(ctx context.Context, req *logical.Request, d *framework.FieldData) (*logical.Response, error) {
		ctx, unlock, err := m.Locks.Lock(ctx, on(d))
		if err != nil {
			return nil, err
		}
		defer unlock()
		return h(ctx, req, d)
	}
}

// ConfigureAlone is Configure for what stands under a key, by one request at a time.
func (m *Mount) ConfigureAlone(key, what, summary string, h framework.OperationFunc) *framework.PathOperation {
	return m.Configure(what, summary, m.Alone(func(*framework.FieldData) LockKey { return LockConfig(key) }, h))
}

// warnOfUnknown turns "no content" into an empty answer when the request holds a
// field that the schema does not know: the SDK warns of such fields, but only
// where there is an answer to hang the warning on. An empty answer has an empty
// map for its data, since the Vault UI cannot read null. A refusal names such fields too: a
// misspelt one may be why another is wrong.
func warnOfUnknown(h framework.OperationFunc) framework.OperationFunc {
	return func(ctx context.Context, req *logical.Request, d *framework.FieldData) (*logical.Response, error) {
		resp, err := h(ctx, req, d)
		misspelt := unknown(d.Schema, req.Data)
		var mistake *UserError
		switch {
		case len(misspelt) == 0:
		case errors.As(err, &mistake):
			err = append(Mistakes{err}, misspelt...).Err()
		case resp == nil && err == nil:
			resp = Warned(nil)
		}
		return resp, err
	}
}

// Warned is an answer that holds nothing but warnings.
func Warned(warnings []string) *logical.Response {
	return &logical.Response{Data: map[string]any{}, Warnings: warnings}
}

// Done is the answer to a write: none, or the warnings that it earned.
func Done(warnings []string) *logical.Response {
	if len(warnings) == 0 {
		return nil
	}
	return Warned(warnings)
}

// Answer is the only place where an error becomes a response.
func (m *Mount) Answer(h framework.OperationFunc) framework.OperationFunc {
	return func(ctx context.Context, req *logical.Request, d *framework.FieldData) (resp *logical.Response, err error) {
		defer m.Recover(&err)
		resp, err = h(ctx, req, d)
		if err == nil {
			return resp, nil
		}
		return Respond(err)
	}
}

// AnswerLease is Answer for what Vault asks of a lease. Vault logs the error that comes back and
// shows it to who renews; where a response tells what is wrong, both end in "%!w(<nil>)".
func (m *Mount) AnswerLease(h framework.OperationFunc) framework.OperationFunc {
	answer := m.Answer(h)
	return func(ctx context.Context, req *logical.Request, d *framework.FieldData) (*logical.Response, error) {
		resp, err := answer(ctx, req, d)
		switch {
		case !resp.IsError():
			return resp, err
		case err != nil:
			return nil, logical.CodedError(http.StatusBadGateway, resp.Error().Error())
		}
		return nil, logical.CodedError(http.StatusBadRequest, resp.Error().Error())
	}
}

// Configure is Write, named aws-configure-<what>.
func (m *Mount) Configure(what, summary string, h framework.OperationFunc) *framework.PathOperation {
	op := m.Write(summary, h)
	op.DisplayAttrs = &framework.DisplayAttributes{OperationVerb: "configure", OperationSuffix: what}
	return op
}

// Gives says which fields an operation answers with.
func Gives(op *framework.PathOperation, fields map[string]*framework.FieldSchema) *framework.PathOperation {
	op.Responses = map[int][]framework.Response{http.StatusOK: {{Description: "OK", Fields: fields}}}
	return op
}

// Without is a schema without some of its fields.
func Without(schema map[string]*framework.FieldSchema, names ...string) map[string]*framework.FieldSchema {
	rest := maps.Clone(schema)
	for _, name := range names {
		delete(rest, name)
	}
	return rest
}

// noContent is the answer to most writes.
func noContent() map[int][]framework.Response {
	return map[int][]framework.Response{http.StatusNoContent: {{Description: "No content"}}}
}
