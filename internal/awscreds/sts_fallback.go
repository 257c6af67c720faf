// SPDX-License-Identifier: MPL-2.0

package awscreds

// Where STS is called next, when one place does not serve.

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// aboutPlace are the refusals that say something about the place that was called, so that
// another may serve. All others are about the request, and every region would repeat them:
// AccessDenied, ValidationError, MalformedPolicyDocument, PackedPolicyTooLarge, ExpiredToken,
// RequestExpired, IDPRejectedClaim, InvalidIdentityToken, and what AWS may add. A wrong MFA code
// is AccessDenied too, and is not to be tried at each place.
var aboutPlace = map[string]string{ //nolint:gosec // pages, and no secret
	codeRegionDisabled:        "STS API Reference, AssumeRole: the account has not activated STS in the region",
	codeOptInRequired:         "STS API Reference, Common Errors: the account has no subscription there",
	codeInvalidClientTokenID:  "IAM User Guide, Manage AWS STS in an AWS Region: a region that is not enabled knows none of the account's keys, nor sessions of the global endpoint",
	codeUnrecognizedClient:    "the same, of services that speak JSON",
	codeSignatureDoesNotMatch: "IAM User Guide, Troubleshoot Signature Version 4: the signature is for another region than the endpoint's",
	"InvalidAction":           "STS API Reference, Common Errors: what answers there does not have the action",
	"NotImplemented":          "the same, of installations that are not AWS",
	"MethodNotAllowed":        "the same",
}

// isAboutPlace reports whether another place of STS may serve a call that one has refused.
func isAboutPlace(err error) bool { return aboutPlace[Code(err)] != "" }

// isAboutRequest reports whether every place of STS would refuse a call as one has.
func isAboutRequest(err error) bool { return IsRefused(err) && !isAboutPlace(err) }

// anySTS assumes roles wherever STS answers.
type anySTS []stsPlace

// AssumeRole implements [stscreds.AssumeRoleAPIClient].
func (s anySTS) AssumeRole(ctx context.Context, in *sts.AssumeRoleInput, opts ...func(*sts.Options)) (*sts.AssumeRoleOutput, error) {
	out, err := firstSTS(ctx, s, func(client *sts.Client) (*sts.AssumeRoleOutput, error) {
		return client.AssumeRole(ctx, in, opts...)
	})
	if err != nil {
		return nil, &assumingError{role: aws.ToString(in.RoleArn), Err: err}
	}
	return out, nil
}

// stsPlace is one place where STS is called. Clients of the same place, with other credentials,
// share what is known of it.
type stsPlace struct {
	*sts.Client
	silence *silence
}

// with is the same place with other options.
func (p stsPlace) with(change func(*sts.Options)) stsPlace {
	return stsPlace{sts.New(p.Options(), change), p.silence}
}

// silenceTime is how long a place that did not answer is called after the others: one that is
// away may cost a request 20 seconds.
const silenceTime = time.Minute

// silence is until when a place counts as silent, in nanoseconds of Unix time.
type silence struct{ until atomic.Int64 }

func (s *silence) now() bool { return time.Now().UnixNano() < s.until.Load() }

// learn takes what became of a call. That its caller went away says nothing of the place.
func (s *silence) learn(err error) {
	switch {
	case err == nil || IsRefused(err) || IsThrottled(err):
		s.until.Store(0)
	case !errors.Is(err, context.Canceled):
		s.until.Store(time.Now().Add(silenceTime).UnixNano())
	}
}

// inTurn are the places with those last that did not answer a moment ago.
func inTurn(places []stsPlace) []stsPlace {
	if len(places) == 1 {
		return places
	}
	var heard, silent []stsPlace
	for _, p := range places {
		if p.silence.now() {
			silent = append(silent, p)
		} else {
			heard = append(heard, p)
		}
	}
	return append(heard, silent...)
}

// firstSTS makes a call at one STS after another until one serves, or refuses the request for
// itself.
func firstSTS[T any](ctx context.Context, places []stsPlace, call func(*sts.Client) (T, error)) (T, error) {
	return untilSTS(ctx, places, isAboutRequest, call)
}

// untilSTS makes a call at one STS after another until one serves, or gives an answer that is final. Of several
// errors the one that is not about the place comes first.
func untilSTS[T any](ctx context.Context, places []stsPlace, final func(error) bool, call func(*sts.Client) (T, error)) (out T, err error) {
	var errs []error
	for _, place := range inTurn(places) {
		out, err = call(place.Client)
		place.silence.learn(err)
		if err == nil {
			return out, nil
		}
		if isAboutPlace(err) {
			errs = append(errs, err)
		} else {
			errs = slices.Insert(errs, 0, err)
		}
		if final(err) || ctx.Err() != nil {
			break
		}
	}
	return out, errors.Join(errs...)
}
