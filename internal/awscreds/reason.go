// SPDX-License-Identifier: MPL-2.0

package awscreds

// Why AWS did not do something, as far as it decides what an operator has to do about it.

import (
	"context"
	"errors"
	"net/http"

	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// Reason is why a call failed.
type Reason int

// The reasons. Codes are those of the IAM and STS API References, "Common errors" and the errors
// of each action.
const (
	ReasonOther       Reason = iota // none of the others
	ReasonAway                      // AWS did not answer, was not well, or somebody else answered
	ReasonThrottled                 // too many calls
	ReasonNoIdentity                // there were no credentials to make the call with
	ReasonKey                       // AWS does not know the key
	ReasonSignature                 // secret key, region or clock are wrong
	ReasonExpired                   // a session has ended
	ReasonRegion                    // the region does not serve the account
	ReasonDenied                    // a policy does not allow it, or a boundary
	ReasonQuota                     // the account, or something in it, is full
	ReasonMissing                   // something that the call names does not exist
	ReasonPolicy                    // a policy is not as AWS wants it
	ReasonUnsupported               // what answers for AWS does not have the action
)

// reasons are those that a code tells.
var reasons = map[string]Reason{
	codeInvalidClientTokenID:  ReasonKey,
	codeInvalidAccessKeyID:    ReasonKey,
	codeUnrecognizedClient:    ReasonKey,
	codeSignatureDoesNotMatch: ReasonSignature,
	"RequestExpired":          ReasonSignature,
	"IncompleteSignature":     ReasonSignature,
	"InvalidSignature":        ReasonSignature,
	codeExpiredToken:          ReasonExpired,
	codeExpiredTokenException: ReasonExpired,
	codeRegionDisabled:        ReasonRegion,
	codeOptInRequired:         ReasonRegion,
	codeAccessDenied:          ReasonDenied,
	"UnauthorizedOperation":   ReasonDenied,
	codeLimitExceeded:         ReasonQuota,
	codeNoSuchEntity:          ReasonMissing,
	codeMalformedPolicy:       ReasonPolicy,
	"PackedPolicyTooLarge":    ReasonPolicy,
	codeInvalidIdentityToken:  ReasonNoIdentity,
	"IDPRejectedClaim":        ReasonNoIdentity,
	codeIdentityProviderAway:  ReasonAway,
}

// ReasonOf is the reason of an error. Of several that were joined, it is that of the first that
// tells.
func ReasonOf(err error) Reason {
	var none *NoCredentialsError
	if errors.As(err, &none) && !none.FromSTS() {
		return ReasonNoIdentity
	}
	if IsThrottled(err) {
		return ReasonThrottled
	}
	if reason, known := reasons[Code(err)]; known {
		return reason
	}
	var answer *smithyhttp.ResponseError
	var late *lateError // there was no answer to the attempts before it
	switch {
	case IsUnsupported(err):
		return ReasonUnsupported
	case isNoAnswer(err), errors.As(err, &late), errors.As(err, &answer) && answer.HTTPStatusCode() >= http.StatusInternalServerError,
		Code(err) == "" && (IsFromAWS(err) || isUnanswered(err)):
		return ReasonAway
	}
	return ReasonOther
}

// isUnanswered reports whether the error of an attempt is one of the network or of time.
func isUnanswered(err error) bool {
	var lost *smithyhttp.RequestSendError
	var answer *smithyhttp.ResponseError
	return errors.As(err, &lost) || errors.As(err, &answer) || errors.Is(err, context.DeadlineExceeded)
}
