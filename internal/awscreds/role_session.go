// SPDX-License-Identifier: MPL-2.0

package awscreds

// The session with which a client works in another account: made when it is first needed, kept,
// and made anew shortly before it ends.

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
)

const (
	// roleTime is how long a session for another account lasts. Every role allows an hour, also
	// to who is a role already (IAM User Guide, "Role chaining").
	roleTime = time.Hour

	// renewBefore is how long before its end a session is replaced. Until the end it is used on
	// where that fails.
	renewBefore = 5 * time.Minute

	// rolesAtOnce is how many roles are being assumed at the same time: after a restart nobody
	// has a session.
	rolesAtOnce = 16

	// turnTime bounds the wait for one's turn to assume a role, and assumeTime the call. Nobody
	// waits longer for an account that does not answer.
	turnTime   = 30 * time.Second
	assumeTime = 15 * time.Second
)

// roleProvider assumes the role of a client.
type roleProvider struct {
	provider *stscreds.AssumeRoleProvider
	turns    chan struct{}
	client   *Client
	arn      string
}

// sessionOf keeps the session of a client that c assumes a role for.
func sessionOf(c, client *Client, role asRole) *sessionCache {
	p := &roleProvider{client: client, arn: role.arn, turns: c.others.turns}
	p.provider = stscreds.NewAssumeRoleProvider(anySTS(c.sts), role.arn, func(o *stscreds.AssumeRoleOptions) {
		o.RoleSessionName = role.session
		o.ExternalID = optional(role.externalID)
		o.Duration = roleTime
	})
	return &sessionCache{CredentialsCache: aws.NewCredentialsCache(p, func(o *aws.CredentialsCacheOptions) { o.ExpiryWindow = renewBefore })}
}

// Retrieve implements [aws.CredentialsProvider]. The SDK calls it in a goroutine of its own, once
// for all who wait, and without their deadlines.
func (p *roleProvider) Retrieve(ctx context.Context) (creds aws.Credentials, err error) {
	defer recoverTo(&err)
	patience := time.NewTimer(turnTime)
	defer patience.Stop()
	select {
	case p.turns <- struct{}{}:
		defer func() { <-p.turns }()
	case <-patience.C:
		return creds, fmt.Errorf("assuming role %s: %d other roles are being assumed, and its turn did not come within %s", p.arn, rolesAtOnce, turnTime)
	}
	ctx, cancel := context.WithTimeout(ctx, assumeTime)
	defer cancel()
	if creds, err = p.provider.Retrieve(About(ctx, p.arn)); err != nil { // for whomever it is needed first
		return creds, err
	}
	p.client.session.made(creds.AccessKeyID)
	if creds.AccountID != "" { // AWS's own word, where the ARN only led to expect it
		p.client.account.Store(&Account{Partition: identityOf(p.arn).Partition, Number: creds.AccountID, Host: p.client.host})
	}
	return creds, nil
}

// HandleFailToRefresh implements [aws.HandleFailRefreshCredentialsCacheStrategy]: a session is
// used until it ends.
func (p *roleProvider) HandleFailToRefresh(_ context.Context, last aws.Credentials, err error) (aws.Credentials, error) {
	last.Expires = last.Expires.Add(renewBefore) // which the cache has taken away
	if !last.HasKeys() || !time.Now().Before(last.Expires) {
		return aws.Credentials{}, err
	}
	return last, nil
}
