// SPDX-License-Identifier: MPL-2.0

package awscreds

// Whether AWS accepts an access key that was made a moment ago. A new key is known to some of
// AWS's servers before it is to others (IAM User Guide, "Changes that I make are not always
// immediately visible"), so one look tells little: who asks here asks again.

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go/middleware"
)

// stsLook bounds the wait for STS where it is only asked for its opinion of a key.
const stsLook = 3 * time.Second

// Accepted asks IAM and STS, once each, whether they accept the client's own key, which
// has to be user's. An STS that does not answer says nothing: not everybody has a way
// to it, nor needs one.
func (c *Client) Accepted(ctx context.Context, user string) error {
	info, err := c.LookUpUser(ctx, "")
	if err != nil {
		return err
	}
	if info.Name != user {
		return fmt.Errorf("the access key belongs to %s and not to %s", info.Name, user)
	}
	if err := acceptedBySTS(ctx, c.sts, isAboutRequest); isNotAccepted(err) || IsThrottled(err) && !isNoAnswer(err) {
		return err
	}
	return nil
}

// Probe returns what asks STS once whether it accepts a key, at the endpoints of c and through
// its connections. An error means "not yet", whatever it is, but for [IsUnsupported]. A look is
// a single attempt, and takes no part in the rate that c keeps to: whoever waits for a key must
// not slow down those who work. A fallback counts only where STS does not answer at the place before
// it, or does not serve there: its users may know no other place.
func (c *Client) Probe(key Key) func(context.Context) error {
	clients := make([]stsPlace, len(c.sts))
	for i, place := range c.sts {
		clients[i] = place.with(func(o *sts.Options) {
			o.Credentials = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
				return aws.Credentials{AccessKeyID: key.ID, SecretAccessKey: key.Secret, Source: "new key"}, nil
			})
			o.Retryer = aws.NopRetryer{}
			o.APIOptions = with(o.APIOptions, ofAnotherKey, signer(func() string { return "the new key" }))
		})
	}
	return func(ctx context.Context) error { return acceptedBySTS(ctx, clients, saysOfKey) }
}

// ofAnotherKey takes out of a call what is about the client's own: the rate of its actions, and the session that
// it works with.
func ofAnotherKey(stack *middleware.Stack) error {
	for _, id := range []string{attemptsID, renewalID} {
		_, _ = stack.Finalize.Remove(id) // an error says that it is not there
	}
	return nil
}

// saysOfKey reports whether STS has answered for the key that signed a call, and not for the place alone.
func saysOfKey(err error) bool {
	code := Code(err)
	return (clientError(err) || IsThrottled(err)) && code != codeRegionDisabled && code != codeOptInRequired && !IsUnsupported(err)
}

// acceptedBySTS asks who signs the calls of some clients, which needs no permission (STS API
// Reference, GetCallerIdentity). An STS that denies it all the same, by an endpoint policy or a
// service control policy, knows the key: AWS authenticates a caller before it looks at policies
// (IAM User Guide, "How AWS enforcement code logic evaluates requests"). final says after which
// answer no other place is asked.
func acceptedBySTS(ctx context.Context, clients []stsPlace, final func(error) bool) error {
	ctx, cancel := context.WithTimeout(ctx, stsLook)
	defer cancel()
	_, err := untilSTS(ctx, clients, final, func(client *sts.Client) (*sts.GetCallerIdentityOutput, error) {
		return client.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	})
	if err != nil && !IsDenied(err) {
		return fmt.Errorf("asking STS whether it accepts the key: %w", err)
	}
	return nil
}
