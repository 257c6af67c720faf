// SPDX-License-Identifier: MPL-2.0

package engine

// How an error becomes a response.

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/internal/awscreds"
)

// Respond says who has to act on an error. 4xx: the caller, and asking again the
// same way is of no use. 502: AWS throttles or is not well; 504: the request's time is over;
// clients may ask again.
func Respond(err error) (*logical.Response, error) {
	var mistake *UserError
	var none *awscreds.NoCredentialsError
	var notYet *awscreds.NotAcceptedError
	var elsewhere *OtherAccountError
	var coded logical.HTTPCodedError
	text := awscreds.Explain(err)
	switch {
	case errors.As(err, &coded): // wrapped, the status would not reach Vault
		return nil, logical.CodedError(coded.Code(), text)
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

// IgnoreReadOnly takes what this server may not write for no failure: it is the primary's, whose own work
// ends it.
func IgnoreReadOnly(err error) error {
	if errors.Is(err, logical.ErrReadOnly) {
		return nil
	}
	return err
}

// mostNamed is how many things of one kind a sentence names: who reads them mends the first ones first.
const mostNamed = 3

// Some names the first of a list, and counts the rest.
func Some(list []string, separator string) string {
	if more := len(list) - mostNamed; more > 0 {
		list = append(list[:mostNamed:mostNamed], fmt.Sprintf("and %d more", more))
	}
	return strings.Join(list, separator)
}

// Counted is a number of things in words.
func Counted(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}
