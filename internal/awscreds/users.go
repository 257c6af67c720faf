// SPDX-License-Identifier: MPL-2.0

package awscreds

// The users of the account, whoever made them. These calls are in no hurry: they are not
// tried again here, and that AWS throttles them does not slow down the calls that
// somebody waits for. When to go on is the caller's to say.

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/smithy-go/middleware"
)

// usersPerPage is the most that IAM puts on a page (IAM API Reference, ListUsers). It
// may be fewer all the same.
const usersPerPage = 1000

// FoundUser is a user of the account.
type FoundUser struct {
	Name string
	// ID and ARN are as in [UserInfo].
	ID, ARN string
	Created time.Time
	// Age is how long ago that was, by AWS's clock alone.
	Age time.Duration
	// Tags are known only of a user that was read: lists have none.
	Tags map[string]string
}

// ListUsers returns a page of the users of the account, and the marker of the next page:
// empty after the last. The first page has the empty marker.
func (c *Client) ListUsers(ctx context.Context, marker string) (users []FoundUser, next string, err error) {
	in := &iam.ListUsersInput{MaxItems: aws.Int32(usersPerPage)}
	if marker != "" {
		in.Marker = &marker
	}
	out, err := c.iam.ListUsers(ctx, in, unhurried)
	if err != nil {
		return nil, "", fmt.Errorf("listing the IAM users of the account: %w", err)
	}
	users = make([]FoundUser, 0, len(out.Users))
	for _, u := range out.Users {
		if u.UserName == nil || u.CreateDate == nil {
			continue // no age would be a very old one
		}
		age := serverTime(out.ResultMetadata).Sub(*u.CreateDate)
		users = append(users, FoundUser{
			Name: *u.UserName, ID: aws.ToString(u.UserId), ARN: aws.ToString(u.Arn), Created: *u.CreateDate, Age: age,
		})
	}
	if out.IsTruncated {
		next = aws.ToString(out.Marker)
	}
	return users, next, nil
}

// ReadUser returns a user with its tags, of which there are at most 50 and no pages (IAM
// API Reference, GetUser).
func (c *Client) ReadUser(ctx context.Context, name string) (*FoundUser, error) {
	return c.readUser(ctx, name, unhurried)
}

// LookUp is ReadUser for who waits for the answer.
func (c *Client) LookUp(ctx context.Context, name string) (*FoundUser, error) {
	return c.readUser(ctx, name)
}

func (c *Client) readUser(ctx context.Context, name string, opts ...func(*iam.Options)) (*FoundUser, error) {
	out, err := c.iam.GetUser(ctx, &iam.GetUserInput{UserName: &name}, opts...)
	if err != nil {
		return nil, fmt.Errorf("reading IAM user %s: %w", name, err)
	}
	created := aws.ToTime(out.User.CreateDate)
	user := &FoundUser{
		Name: name, ID: aws.ToString(out.User.UserId), ARN: aws.ToString(out.User.Arn),
		Created: created, Age: serverTime(out.ResultMetadata).Sub(created), Tags: map[string]string{},
	}
	for _, t := range out.User.Tags {
		user.Tags[aws.ToString(t.Key)] = aws.ToString(t.Value)
	}
	return user, nil
}

// serverTime is AWS's clock at an answer.
func serverTime(answer middleware.Metadata) time.Time {
	if now, ok := awsmiddleware.GetServerTime(answer); ok {
		return now
	}
	return time.Now() // an answer without a Date header
}

// unhurried is the option for calls that nobody waits for: each is one attempt, and
// neither slowed down nor slowing down by the pace of its action. Only a session that
// has expired is replaced (identity.go).
func unhurried(o *iam.Options) {
	o.APIOptions = append(o.APIOptions, func(stack *middleware.Stack) error {
		if m, ok := stack.Finalize.Get(attemptsID); ok {
			a := m.(*attempts)
			a.once, a.pace = true, nil
		}
		return nil
	})
}
