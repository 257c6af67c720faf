// SPDX-License-Identifier: MPL-2.0

package awscreds

// A client for another account, reached by a role there.

import (
	"slices"

	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go/middleware"
)

// As returns a client that makes its calls as a role, which c assumes when the first
// of them is made and again when the session ends. Endpoints and retries are c's,
// and c stays as it is. Of the session, role, name and external ID count.
func (c *Client) As(s RoleSession) *Client {
	creds := cached(stscreds.NewAssumeRoleProvider(anySTS(c.sts), s.RoleARN,
		func(o *stscreds.AssumeRoleOptions) {
			o.RoleSessionName = s.Name
			o.ExternalID = optional(s.ExternalID)
		}))
	// Named otherwise than the one of c's own identity, which the options still hold.
	renew := eachAttempt("ExpiredAsRole", func(err error) {
		if Code(err) == codeExpiredToken {
			creds.Invalidate()
		}
	})
	chain := &found{chain: creds, whose: ofSession(s.RoleARN)}
	name := signer(chain.name)
	other := &Client{host: c.host, helpers: newHelpers(), lacks: c.lacks}
	other.iam = callsOf(iam.New(c.iam.options, func(o *iam.Options) {
		o.Credentials = chain
		o.APIOptions = with(with(o.APIOptions, renew), name)
	}))
	for _, client := range c.sts {
		other.sts = append(other.sts, sts.New(client.Options(), func(o *sts.Options) {
			o.Credentials = chain
			o.APIOptions = with(with(o.APIOptions, renew), name)
		}))
	}
	return other
}

// with adds to a list that others may share.
func with(list []func(*middleware.Stack) error, one func(*middleware.Stack) error) []func(*middleware.Stack) error {
	return append(slices.Clone(list), one)
}
