// SPDX-License-Identifier: MPL-2.0

package engine

// Mistakes of the caller's, and how an error becomes a response.

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/awsrules"
	"vault-plugin-secrets-aws-dyn/internal/awscreds"
)

// UserError is a mistake of the caller's: Vault answers 400 with its text.
type UserError struct{ text string }

func (e *UserError) Error() string { return e.text }

// UserErrorf makes a [UserError]. The text names the field, what is wrong with it
// and what would be right. Of the caller's own words it repeats the beginning.
func UserErrorf(format string, args ...any) error {
	for i, arg := range args {
		if text, ok := arg.(string); ok {
			args[i] = awsrules.Abridged(text)
		}
	}
	return &UserError{fmt.Errorf(format, args...).Error()}
}

// Mistakes gathers all that is wrong with a request, so that one answer tells it all.
type Mistakes []error

// mostMistakes is how many an answer tells in full.
const mostMistakes = 20

// Add adds what is wrong with a field.
func (m *Mistakes) Add(field, format string, args ...any) {
	*m = append(*m, UserErrorf(field+": "+format, args...))
}

// AddAll adds what is wrong with one field.
func (m *Mistakes) AddAll(field string, errs []error) {
	for _, err := range errs {
		m.Add(field, "%v", err)
	}
}

// Err is nil when there are no mistakes.
func (m Mistakes) Err() error {
	if len(m) == 0 {
		return nil
	}
	var text strings.Builder
	for i, mistake := range m {
		switch {
		case i == mostMistakes:
			fmt.Fprintf(&text, "; and %d more", len(m)-mostMistakes)
			return &UserError{text.String()}
		case i > 0:
			text.WriteString("; ")
		}
		text.WriteString(mistake.Error())
	}
	return &UserError{text.String()}
}

// Respond says who has to act on an error. 4xx: the caller, and asking again the
// same way is of no use. 502: AWS throttles or is not well; 504: the request's time is over;
// clients may ask again.
func Respond(err error) (*logical.Response, error) {
	var mistake *UserError
	var none *awscreds.NoCredentialsError
	var notYet *awscreds.NotAcceptedError
	var elsewhere *OtherAccountError
	text := awscreds.Explain(err)
	switch {
	case errors.As(err, &mistake), errors.As(err, &elsewhere):
		return logical.ErrorResponse(text), nil
	case errors.As(err, &notYet):
		return nil, logical.CodedError(http.StatusBadGateway, text)
	case awscreds.IsThrottled(err):
		return logical.ErrorResponse(text), logical.ErrUpstreamRateLimited // 502 with the text
	case awscreds.IsRefused(err):
		return logical.ErrorResponse(text), nil
	case errors.As(err, &none) && !none.FromSTS():
		return logical.ErrorResponse("the engine has no AWS credentials to work with: write access_key and secret_key to config/root, "+
			"or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the plugin's environment, "+
			"or run Vault where AWS gives it a role (EC2, ECS, EKS); %s", text), nil
	case awscreds.IsFromAWS(err):
		return nil, logical.CodedError(http.StatusBadGateway, text)
	case errors.Is(err, context.DeadlineExceeded):
		return nil, logical.CodedError(http.StatusGatewayTimeout, text)
	}
	return nil, err
}
