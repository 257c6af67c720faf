// SPDX-License-Identifier: MPL-2.0

package awscreds

// What an error from AWS means. By code, never by text, and only here. The codes
// are those of the IAM API Reference, "Common errors" and the errors of each
// action.

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	smithy "github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

const (
	codeNoSuchEntity            = "NoSuchEntity"
	codeMalformedPolicy         = "MalformedPolicyDocument"
	codeEntityAlreadyExists     = "EntityAlreadyExists"
	codeDeleteConflict          = "DeleteConflict"
	codeLimitExceeded           = "LimitExceeded"
	codeConcurrentModification  = "ConcurrentModification"
	codeTemporarilyUnmodifiable = "EntityTemporarilyUnmodifiable"
	codeExpiredToken            = "ExpiredToken"
	codeAccessDenied            = "AccessDenied"
	codeInvalidClientTokenID    = "InvalidClientTokenId"
	codeInvalidAccessKeyID      = "InvalidAccessKeyId"
	codeUnrecognizedClient      = "UnrecognizedClientException"
	codeSignatureDoesNotMatch   = "SignatureDoesNotMatch"
	codeExpiredTokenException   = "ExpiredTokenException"
	codeIdentityProviderAway    = "IDPCommunicationError"
	codeInvalidIdentityToken    = "InvalidIdentityToken"
	codeRegionDisabled          = "RegionDisabledException"
	codeOptInRequired           = "OptInRequired"
)

// Code returns AWS's error code, or "" when err is not an answer of AWS.
func Code(err error) string {
	var api smithy.APIError
	if errors.As(err, &api) {
		return api.ErrorCode()
	}
	return ""
}

// IsThrottled reports whether AWS said that we call too often, to this call or to those
// before it; or whether what stands in front of AWS did.
func IsThrottled(err error) bool {
	var unsent *unsentError
	var none *NoAnswerError
	return errors.As(err, &unsent) || errors.As(err, &none) && none.Status == http.StatusTooManyRequests ||
		retry.IsErrorThrottles(retry.DefaultThrottles).IsErrorThrottle(err).Bool()
}

// IsRefused reports whether AWS answered that it will not do this: the request
// is wrong or not allowed, and asking again the same way is of no use.
func IsRefused(err error) bool {
	return Code(err) != "" && clientError(err) && !IsThrottled(err) && !isOverlap(err) && !isProviderAway(err)
}

// IsUnsupported reports whether what answers for AWS does not have the action: emulators and
// other vendors' installations lack some.
func IsUnsupported(err error) bool {
	var none *NoAnswerError
	return saysUnsupported(err) || errors.As(err, &none) && (none.Status == http.StatusMethodNotAllowed || none.Status == http.StatusNotImplemented)
}

// saysUnsupported is IsUnsupported where there is an error document that says so.
func saysUnsupported(err error) bool {
	switch Code(err) {
	case "NotImplemented", "InvalidAction", "MethodNotAllowed", "UnknownOperationException":
		return true
	}
	return false
}

// IsUnanswerable reports whether AWS will not tell what it was asked, or cannot: asking again is
// of no use.
func IsUnanswerable(err error) bool { return IsRefused(err) || IsUnsupported(err) }

// IsFromAWS reports whether err comes from a call to AWS, answered or not.
func IsFromAWS(err error) bool {
	var op *smithy.OperationError
	return errors.As(err, &op)
}

// NoCredentialsError says that there were no credentials to make a call with, so
// that it was never made.
type NoCredentialsError struct{ Err error }

func (e *NoCredentialsError) Error() string {
	return "getting AWS credentials: " + cut(e.Err.Error(), 2*mostWords)
}

// Unwrap returns what the SDK said.
func (e *NoCredentialsError) Unwrap() error { return e.Err }

// FromSTS reports whether there is an identity to begin with, and STS did not
// give the role's credentials for it.
func (e *NoCredentialsError) FromSTS() bool {
	var op *smithy.OperationError
	return errors.As(e.Err, &op) && op.Service() == sts.ServiceID
}

// NotCreatedError says that AWS certainly did not create the user: there is
// nothing to clean up, and a user of that name, if there is one, is somebody
// else's.
type NotCreatedError struct{ Err error }

func (e *NotCreatedError) Error() string { return e.Err.Error() }

// Unwrap returns why.
func (e *NotCreatedError) Unwrap() error { return e.Err }

// NameTaken reports whether that was because the account has a user of the name.
func (e *NotCreatedError) NameTaken() bool { return Code(e.Err) == codeEntityAlreadyExists }

// KeyKeptError says that AWS certainly did not delete an access key: if there was one, it works.
type KeyKeptError struct{ Err error }

func (e *KeyKeptError) Error() string { return e.Err.Error() }

// Unwrap returns why.
func (e *KeyKeptError) Unwrap() error { return e.Err }

// NotAcceptedError says that AWS does not accept a new key so far: it may, later.
type NotAcceptedError struct{ Err error }

func (e *NotAcceptedError) Error() string { return e.Err.Error() }

// Unwrap returns what AWS said last.
func (e *NotAcceptedError) Unwrap() error { return e.Err }

// TooYoungError says that AWS calls a user younger than it would have to be.
type TooYoungError struct {
	Name       string
	Age, Least time.Duration
}

func (e *TooYoungError) Error() string {
	return fmt.Sprintf("IAM user %s is %s old by AWS's clock, and may be kept for %s", e.Name, e.Age.Round(time.Second), e.Least.Round(time.Second))
}

// IsUnknownKey reports whether AWS said that it does not know the key that signed a
// call: the key was deleted or made inactive, or is so new that AWS has not heard of it.
func IsUnknownKey(err error) bool { return Code(err) == codeInvalidClientTokenID }

// isNotAccepted reports whether AWS said that it does not accept the key that signed a
// call, which may be because it is new (IAM User Guide, "Changes that I make are not always
// immediately visible"). Services differ in what they call it.
func isNotAccepted(err error) bool {
	switch Code(err) {
	case codeInvalidClientTokenID, codeInvalidAccessKeyID, codeUnrecognizedClient, codeSignatureDoesNotMatch:
		return true
	}
	return false
}

// IsDenied reports whether AWS said that our identity may not make a call.
func IsDenied(err error) bool { return Code(err) == codeAccessDenied }

// IsMalformedPolicy reports whether AWS said that a policy breaks its grammar.
func IsMalformedPolicy(err error) bool { return Code(err) == codeMalformedPolicy }

// namedTags are the keys of those tags that a refusal names, in order; all where it names none, as
// AWS's own denials do: they name the action. A name of a user may hold a key, and does not count.
func namedTags(refusal error, tags map[string]string) []string {
	keys := slices.Sorted(maps.Keys(tags))
	var api smithy.APIError
	if !errors.As(refusal, &api) {
		return keys
	}
	words := strings.FieldsFunc(api.ErrorMessage(), func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '-' && r != '_'
	})
	named := slices.DeleteFunc(slices.Clone(keys), func(key string) bool { return !slices.Contains(words, key) })
	if len(named) == 0 {
		return keys
	}
	return named
}

// IsNotFound reports whether AWS said that what a call is about does not exist.
func IsNotFound(err error) bool { return isNotFound(err) }

func isNotFound(err error) bool { return Code(err) == codeNoSuchEntity }

// IsInUse reports whether AWS said that something cannot be deleted while another thing has it.
func IsInUse(err error) bool { return Code(err) == codeDeleteConflict }

// IsOverQuota reports whether AWS said that there is no room for more.
func IsOverQuota(err error) bool { return Code(err) == codeLimitExceeded }

func isOverlap(err error) bool {
	code := Code(err)
	return code == codeConcurrentModification || code == codeTemporarilyUnmodifiable
}

// isProviderAway reports whether STS could not reach the identity provider of a web
// identity token, which passes as a rule (STS API Reference, AssumeRoleWithWebIdentity).
func isProviderAway(err error) bool { return Code(err) == codeIdentityProviderAway }

// notDone reports whether a single attempt that ended in err certainly changed
// nothing in AWS: AWS refused it, or it was never sent. A timeout, a cut
// connection, a 5xx and an answer that is not AWS's leave it open.
func notDone(err error) bool {
	var dial *net.OpError
	var none *NoCredentialsError
	var unsent *unsentError
	var late *lateError
	return clientError(err) ||
		saysUnsupported(err) ||
		errors.As(err, &late) ||
		errors.As(err, &none) ||
		errors.As(err, &unsent) ||
		errors.As(err, &dial) && dial.Op == "dial"
}

// clientError reports whether AWS answered with a 4xx status, and nobody else did.
func clientError(err error) bool {
	var answer *smithyhttp.ResponseError
	if isNoAnswer(err) || !errors.As(err, &answer) {
		return false
	}
	status := answer.HTTPStatusCode()
	return status >= http.StatusBadRequest && status < http.StatusInternalServerError
}
