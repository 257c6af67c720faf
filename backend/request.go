// SPDX-License-Identifier: MPL-2.0

package backend

// Between Vault's requests and the rest: how a field becomes a value, and how an
// error becomes a response. Nothing else in the package does either.

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"github.com/hashicorp/vault/sdk/framework"
	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/internal/awscreds"
)

// set copies a field into dst when the request names it. An explicit null sets
// the field's default, and so does an empty text for what is not a text. It reports
// whether the request named the field.
func set[T any](d *framework.FieldData, name string, dst *T) bool {
	schema := d.Schema[name]
	if schema == nil {
		panic("no field " + name + " in the schema")
	}
	if raw, named := d.Raw[name]; isNull(d, name) || named && raw == "" && schema.Type != framework.TypeString {
		*dst = schema.DefaultOrZero().(T)
		return true
	}
	v, ok := d.GetOk(name)
	if ok {
		*dst = v.(T)
	}
	return ok
}

// isNull reports whether the request names a field with an explicit null.
func isNull(d *framework.FieldData, name string) bool {
	raw, named := d.Raw[name]
	return named && raw == nil
}

// setSeconds is set for durations, which Vault's fields carry as whole seconds.
func setSeconds(d *framework.FieldData, name string, dst *time.Duration) {
	var seconds int
	if set(d, name, &seconds) {
		*dst = time.Duration(seconds) * time.Second
	}
}

// seconds is how durations stand in an answer.
func seconds(d time.Duration) int64 { return int64(d / time.Second) }

// userError is a mistake of the caller's: Vault answers 400 with its text.
type userError struct{ text string }

func (e *userError) Error() string { return e.text }

// userErrorf makes a userError. The text names the field, what is wrong with it
// and what would be right. Of the caller's own words it repeats the beginning.
func userErrorf(format string, args ...any) error {
	for i, arg := range args {
		if text, ok := arg.(string); ok {
			args[i] = abridged(text)
		}
	}
	return &userError{fmt.Sprintf(format, args...)}
}

// abridged keeps a text that is much too long from filling an answer.
func abridged(text string) string {
	const enough = 200
	if len(text) <= enough {
		return text
	}
	return strings.ToValidUTF8(text[:enough], "") + "…"
}

// mistakes gathers all that is wrong with a request, so that one answer tells it all.
type mistakes []error

// mostMistakes is how many an answer tells in full.
const mostMistakes = 20

func (m *mistakes) add(field, format string, args ...any) {
	*m = append(*m, userErrorf(field+": "+format, args...))
}

// err is nil when there are no mistakes.
func (m mistakes) err() error {
	if len(m) == 0 {
		return nil
	}
	var text strings.Builder
	for i, mistake := range m {
		switch {
		case i == mostMistakes:
			fmt.Fprintf(&text, "; and %d more", len(m)-mostMistakes)
			return &userError{text.String()}
		case i > 0:
			text.WriteString("; ")
		}
		text.WriteString(mistake.Error())
	}
	return &userError{text.String()}
}

// read makes an operation that changes no storage of its own accord.
func (b *backend) read(summary string, h framework.OperationFunc) *framework.PathOperation {
	return &framework.PathOperation{Callback: b.answer(h), Summary: summary}
}

// write makes an operation that changes storage or AWS: a standby or a secondary
// passes it on, before it has done anything, to the server that may.
func (b *backend) write(summary string, h framework.OperationFunc) *framework.PathOperation {
	return &framework.PathOperation{
		Callback:                    b.answer(warnOfUnknown(h)),
		Summary:                     summary,
		Responses:                   noContent(),
		ForwardPerformanceStandby:   true,
		ForwardPerformanceSecondary: true,
	}
}

// warnOfUnknown turns "no content" into an empty answer when the request holds a
// field that the schema does not know: the SDK warns of such fields, but only
// where there is an answer to hang the warning on. An empty answer has an empty
// map for its data, since the Vault UI cannot read null.
func warnOfUnknown(h framework.OperationFunc) framework.OperationFunc {
	return func(ctx context.Context, req *logical.Request, d *framework.FieldData) (*logical.Response, error) {
		resp, err := h(ctx, req, d)
		if resp != nil || err != nil {
			return resp, err
		}
		for name := range req.Data {
			if d.Schema[name] == nil {
				return warned(nil), nil
			}
		}
		return nil, nil
	}
}

// warned is an answer that holds nothing but warnings.
func warned(warnings []string) *logical.Response {
	return &logical.Response{Data: map[string]any{}, Warnings: warnings}
}

// done is the answer to a write: none, or the warnings that it earned.
func done(warnings []string) *logical.Response {
	if len(warnings) == 0 {
		return nil
	}
	return warned(warnings)
}

// answer is the only place where an error becomes a response.
func (b *backend) answer(h framework.OperationFunc) framework.OperationFunc {
	return func(ctx context.Context, req *logical.Request, d *framework.FieldData) (resp *logical.Response, err error) {
		defer b.recoverTo(&err)
		resp, err = h(ctx, req, d)
		if err == nil {
			return resp, nil
		}
		return respond(err)
	}
}

// respond says who has to act on an error. 4xx: the caller, and asking again the
// same way is of no use. 502: AWS throttles or is not well; clients may ask again.
func respond(err error) (*logical.Response, error) {
	var mistake *userError
	var none *awscreds.NoCredentialsError
	var notYet *awscreds.NotAcceptedError
	switch {
	case errors.As(err, &mistake):
		return logical.ErrorResponse(err.Error()), nil
	case errors.As(err, &notYet):
		return nil, logical.CodedError(http.StatusBadGateway, err.Error())
	case awscreds.IsThrottled(err):
		return logical.ErrorResponse(err.Error()), logical.ErrUpstreamRateLimited // 502 with the text
	case awscreds.IsRefused(err):
		return logical.ErrorResponse(err.Error()), nil
	case errors.As(err, &none) && !none.FromSTS():
		return logical.ErrorResponse("the engine has no AWS credentials to work with: write access_key and secret_key to config/root, "+
			"or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the plugin's environment, "+
			"or run Vault where AWS gives it a role (EC2, ECS, EKS); %v", err), nil
	case awscreds.IsFromAWS(err):
		return nil, logical.CodedError(http.StatusBadGateway, err.Error())
	}
	return nil, err
}

// recoverTo turns a panic into an error: one process serves many mounts, and a
// mistake in one request must not end them all.
func (b *backend) recoverTo(err *error) {
	if p := recover(); p != nil {
		b.Logger().Error("panic in a request", "panic", p, "stack", string(debug.Stack()))
		*err = errors.New("internal error in the AWS secrets engine; Vault's log has the details")
	}
}
