// SPDX-License-Identifier: MPL-2.0

package awscreds

// Where STS is called next, when one place does not serve.

import (
	"context"
	"errors"
	"slices"

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

// anySTS assumes roles wherever STS answers.
type anySTS []*sts.Client

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

// firstSTS makes a call at one STS after another until one serves, or refuses the request for
// itself. Of several errors the one that is not about the place comes first.
func firstSTS[T any](ctx context.Context, clients []*sts.Client, call func(*sts.Client) (T, error)) (out T, err error) {
	var errs []error
	for _, client := range clients {
		out, err = call(client)
		if err == nil {
			return out, nil
		}
		if isAboutPlace(err) {
			errs = append(errs, err)
		} else {
			errs = slices.Insert(errs, 0, err)
		}
		if IsRefused(err) && !isAboutPlace(err) || ctx.Err() != nil {
			break
		}
	}
	return out, errors.Join(errs...)
}
