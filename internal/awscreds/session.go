// SPDX-License-Identifier: MPL-2.0

package awscreds

// Temporary credentials from STS. They end when STS said that they would; those of a role can be
// denied earlier, by a policy of the role (role_policy.go).

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"
)

// Session is temporary credentials.
type Session struct {
	AccessKeyID, SecretKey, Token string
	// ARN is whom they stand for; empty where STS does not say.
	ARN string
	// RoleSessionID is what aws:userid is in policies, for a session of a role: the role's ID, a colon and the session's
	// name. Empty where STS does not say.
	RoleSessionID string
	Expires       time.Time
}

// Limits are what narrows a session down: it may do what its identity may and these
// allow. Both may be empty.
type Limits struct {
	Policy     string // JSON
	PolicyARNs []string
}

// RoleSession is what AssumeRole is asked for.
type RoleSession struct {
	RoleARN    string
	Name       string // in CloudTrail and in the session's ARN
	ExternalID string
	Tags       map[string]string
	// TransitiveTags are the keys of those that pass on to sessions of further roles.
	TransitiveTags []string
	SourceIdentity string        // lasts through further roles
	Duration       time.Duration // 0 is AWS's own, an hour
	Limits
}

// FederatedSession is what GetFederationToken is asked for.
type FederatedSession struct {
	Name     string // in CloudTrail and in the session's ARN
	Tags     map[string]string
	Duration time.Duration
	Limits
}

// AssumeRole returns a session of a role (STS API Reference, AssumeRole).
func (c *Client) AssumeRole(ctx context.Context, s RoleSession) (Session, error) {
	in := &sts.AssumeRoleInput{
		RoleArn:           &s.RoleARN,
		RoleSessionName:   &s.Name,
		DurationSeconds:   wholeSeconds(s.Duration),
		Policy:            optional(s.Policy),
		PolicyArns:        descriptors(s.PolicyARNs),
		ExternalId:        optional(s.ExternalID),
		Tags:              sessionTags(s.Tags),
		TransitiveTagKeys: s.TransitiveTags,
		SourceIdentity:    optional(s.SourceIdentity),
	}
	out, err := anySTS(c.sts).AssumeRole(ctx, in)
	if err != nil {
		return Session{}, err
	}
	var who types.AssumedRoleUser
	if out.AssumedRoleUser != nil {
		who = *out.AssumedRoleUser
	}
	made := session(out.Credentials, who.Arn)
	made.RoleSessionID = aws.ToString(who.AssumedRoleId)
	return made, nil
}

// FederatedUser returns a session of a name that exists in CloudTrail alone, with
// what both the caller and the limits allow (STS API Reference, GetFederationToken).
func (c *Client) FederatedUser(ctx context.Context, s FederatedSession) (Session, error) {
	in := &sts.GetFederationTokenInput{
		Name:            &s.Name,
		DurationSeconds: wholeSeconds(s.Duration),
		Policy:          optional(s.Policy),
		PolicyArns:      descriptors(s.PolicyARNs),
		Tags:            sessionTags(s.Tags),
	}
	out, err := firstSTS(ctx, c.sts, func(client *sts.Client) (*sts.GetFederationTokenOutput, error) {
		return client.GetFederationToken(ctx, in)
	})
	if err != nil {
		return Session{}, fmt.Errorf("getting a federation token for %s: %w", s.Name, err)
	}
	var arn *string
	if out.FederatedUser != nil {
		arn = out.FederatedUser.Arn
	}
	return session(out.Credentials, arn), nil
}

// MFA is the device of an IAM user and the code that it shows. Both are empty or
// neither.
type MFA struct{ Serial, Code string }

// OwnSession returns a session of the caller itself (STS API Reference,
// GetSessionToken). Without MFA it may not call IAM.
func (c *Client) OwnSession(ctx context.Context, d time.Duration, mfa MFA) (Session, error) {
	in := &sts.GetSessionTokenInput{
		DurationSeconds: wholeSeconds(d),
		SerialNumber:    optional(mfa.Serial),
		TokenCode:       optional(mfa.Code),
	}
	out, err := firstSTS(ctx, c.sts, func(client *sts.Client) (*sts.GetSessionTokenOutput, error) {
		return client.GetSessionToken(ctx, in)
	})
	if err != nil {
		return Session{}, fmt.Errorf("getting a session token: %w", err)
	}
	return session(out.Credentials, nil), nil
}

func session(creds *types.Credentials, arn *string) Session {
	return Session{
		AccessKeyID: aws.ToString(creds.AccessKeyId),
		SecretKey:   aws.ToString(creds.SecretAccessKey),
		Token:       aws.ToString(creds.SessionToken),
		ARN:         aws.ToString(arn),
		Expires:     aws.ToTime(creds.Expiration),
	}
}

func wholeSeconds(d time.Duration) *int32 {
	if d == 0 {
		return nil
	}
	return aws.Int32(int32(min(d, maxSession) / time.Second)) //nolint:gosec // maxSession keeps it far within 32 bits
}

// maxSession is longer than STS allows to any session (36 hours, GetSessionToken).
const maxSession = 1000 * time.Hour

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// sessionTags are in the order of their keys, so that equal requests look equal.
func sessionTags(tags map[string]string) (list []types.Tag) {
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		list = append(list, types.Tag{Key: aws.String(key), Value: aws.String(tags[key])})
	}
	return list
}

func descriptors(arns []string) []types.PolicyDescriptorType {
	var list []types.PolicyDescriptorType
	for _, arn := range arns {
		list = append(list, types.PolicyDescriptorType{Arn: aws.String(arn)})
	}
	return list
}
