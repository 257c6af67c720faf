// SPDX-License-Identifier: MPL-2.0

package awscreds

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
)

// User is an IAM user to be made, and all that it shall own.
type User struct {
	// Name is unique in the account, without regard to case.
	Name string
	// NameMayRepeat says that a user of this name may be somebody else's: before one
	// is taken for ours, AWS has to say that it is new and has OwnTags.
	NameMayRepeat bool
	// Path is "/" or begins and ends with a slash; empty means "/".
	Path string
	// PermissionsBoundary is the ARN of a managed policy, or empty.
	PermissionsBoundary string
	// Tags go with CreateUser itself, so that policies on aws:RequestTag see them.
	Tags map[string]string
	// OwnTags say whose the user is. They go with Tags. Those that AWS's refusal names are left
	// out, or all of them where it names none: an identity may lack iam:TagUser.
	OwnTags map[string]string
	// PolicyARNs are managed policies to attach.
	PolicyARNs []string
	// InlinePolicy and PolicyDocument are the name and JSON text of an inline
	// policy; both are empty when there is none.
	InlinePolicy, PolicyDocument string
	// Groups are existing groups to join.
	Groups []string
	// NotAfter, where it is set, is when the last attempt to make the user may begin; it is
	// a minute from when CreateUser was called at the latest. Whoever wrote down that the
	// user may exist gives that up some time later, which a server that was paused in
	// between does not know of.
	NotAfter time.Time
	// KeyMade, where it is set, hears of the user and its key while the rest is still being
	// made. Its error is the creation's.
	KeyMade func(context.Context, Created) error
}

// Key is an access key of an IAM user.
type Key struct {
	ID, Secret string
}

// Created is what AWS said of a new user.
type Created struct {
	Key Key
	// UserID is AWS's own and never used again, and ARN names the user. Both are empty
	// where the only answer that had them was lost and AWS does not let us ask.
	UserID, ARN string
	// LeftOut are the keys of those OwnTags that AWS refused; it took the user without them.
	LeftOut []string
	// Unanswered says that AWS left an attempt to make the user without an answer, which
	// it may still perform, even after the user was deleted. It is told with an error, too.
	Unanswered bool
}

// CreateUser makes an IAM user with a key, in two round trips: the user needs to
// exist before anything else can, and then everything else goes at once.
//
// After an error nothing is under way any more. A [NotCreatedError] says that
// there is no user. After any other error the user may exist with any part of
// what it shall own, and the caller has to delete it; what is known of it, the key
// perhaps, comes with the error.
func (c *Client) CreateUser(ctx context.Context, u User) (Created, error) {
	var lost unanswered
	made, leftOut, err := c.createTagged(ctx, u, &lost)
	created := Created{UserID: made.ID, ARN: made.ARN, LeftOut: leftOut, Unanswered: lost.seen.Load()}
	c.learn(made.ARN)
	if err != nil {
		return created, fmt.Errorf("creating IAM user %s: %w", u.Name, err)
	}
	changes := make([]change, 0, len(u.PolicyARNs)+len(u.Groups)+2)
	changes = append(changes, func(ctx context.Context) (err error) {
		created.Key, err = c.createKey(ctx, u.Name)
		if err == nil && u.KeyMade != nil {
			err = u.KeyMade(ctx, created)
		}
		return err
	})
	for _, arn := range u.PolicyARNs {
		changes = append(changes, func(ctx context.Context) error { return c.attachPolicy(ctx, u.Name, arn) })
	}
	if u.InlinePolicy != "" {
		changes = append(changes, func(ctx context.Context) error { return c.putPolicy(ctx, u) })
	}
	for _, group := range u.Groups {
		changes = append(changes, func(ctx context.Context) error { return c.joinGroup(ctx, u.Name, group) })
	}
	err = c.makeAll(ctx, changes)
	return created, err
}

// createTagged makes the bare user with our own tags or, where AWS does not allow those,
// without. lost hears of all attempts.
func (c *Client) createTagged(ctx context.Context, u User, lost *unanswered) (made UserInfo, leftOut []string, err error) {
	latest := time.Now().Add(CreateBegins)
	if u.NotAfter.IsZero() || u.NotAfter.After(latest) {
		u.NotAfter = latest
	}
	var first error // names what we would rather have
	for {
		made, err = c.createUser(ctx, u, lost)
		var unsigned *NoCredentialsError // for want of a session: no call was refused
		refused := (IsDenied(err) || IsUnsupported(err)) && !errors.As(err, &unsigned)
		switch {
		case !refused || lost.seen.Load():
			return made, leftOut, err
		case len(u.OwnTags) == 0 && first != nil:
			return made, nil, first
		case len(u.OwnTags) == 0:
			return made, nil, err
		case first == nil:
			first = err
		}
		out := namedTags(err, u.OwnTags)
		u.OwnTags = maps.Clone(u.OwnTags)
		for _, key := range out {
			delete(u.OwnTags, key)
		}
		leftOut = append(leftOut, out...)
	}
}

// createUser makes the bare user, with path, boundary and tags.
func (c *Client) createUser(ctx context.Context, u User, lost *unanswered) (UserInfo, error) {
	in := &iam.CreateUserInput{UserName: &u.Name}
	if u.Path != "" {
		in.Path = &u.Path
	}
	if u.PermissionsBoundary != "" {
		in.PermissionsBoundary = &u.PermissionsBoundary
	}
	tags := maps.Clone(u.Tags)
	if tags == nil {
		tags = map[string]string{}
	}
	maps.Copy(tags, u.OwnTags)
	for k, v := range tags {
		in.Tags = append(in.Tags, types.Tag{Key: aws.String(k), Value: aws.String(v)})
	}
	began := time.Now()
	out, err := c.iam.CreateUser(ctx, in, beginsBy(u.NotAfter), lost.watch)
	switch {
	case err == nil:
		return userInfo(out.User), nil
	case !lost.seen.Load():
		return UserInfo{}, &NotCreatedError{Err: err}
	case Code(err) == codeEntityAlreadyExists:
		return c.claim(ctx, u, lateBy(time.Now(), began), err) // by either clock: the machine may have been suspended
	}
	return UserInfo{}, err
}

// claim decides whose the user is, of which a retry heard that it exists already:
// ours, made by an attempt whose answer was lost, or one that was there before. It
// returns the user, as far as AWS lets us ask, when it is ours.
func (c *Client) claim(ctx context.Context, u User, since time.Duration, exists error) (UserInfo, error) {
	user, err := c.readUser(ctx, u.Name, patience)
	switch {
	case err != nil && IsRefused(err) && !u.NameMayRepeat: // without iam:GetUser, go by the name
		return UserInfo{}, nil
	case err != nil:
		return UserInfo{}, errors.Join(exists, err)
	case user.Age > since+claimSlack:
		return UserInfo{}, &NotCreatedError{Err: exists}
	case u.NameMayRepeat && !hasAll(user.Tags, u.OwnTags): // somebody may have made it just now
		return UserInfo{}, exists
	}
	return UserInfo{Name: user.Name, ID: user.ID, ARN: user.ARN}, nil
}

// hasAll reports whether tags hold others, of which there are some.
func hasAll(tags, others map[string]string) bool {
	for key, value := range others {
		if tags[key] != value {
			return false
		}
	}
	return len(others) > 0
}

// createKey makes the user's only key. When the answer to an attempt was lost, AWS
// may have made a key that nobody knows the secret of; it goes.
func (c *Client) createKey(ctx context.Context, user string) (Key, error) {
	var lost unanswered
	out, err := c.iam.CreateAccessKey(ctx, &iam.CreateAccessKeyInput{UserName: &user}, patience, lost.watch)
	if err != nil {
		return Key{}, fmt.Errorf("creating an access key for %s: %w", user, err)
	}
	key := Key{ID: aws.ToString(out.AccessKey.AccessKeyId), Secret: aws.ToString(out.AccessKey.SecretAccessKey)}
	if lost.seen.Load() {
		if err := c.keepOnly(ctx, user, key.ID); err != nil {
			return Key{}, err
		}
	}
	return key, nil
}

// keepOnly deletes every access key of a user but one.
func (c *Client) keepOnly(ctx context.Context, user, keyID string) error {
	ids, err := accessKeys.list(ctx, c.iam, user)
	if err != nil {
		return fmt.Errorf("listing the access keys of %s: %w", user, err)
	}
	for _, id := range ids {
		if id != keyID {
			err = errors.Join(err, c.removal(accessKeys, user, id)(ctx))
		}
	}
	return err
}

func (c *Client) attachPolicy(ctx context.Context, user, arn string) error {
	_, err := c.iam.AttachUserPolicy(ctx, &iam.AttachUserPolicyInput{UserName: &user, PolicyArn: &arn}, patience)
	if err != nil {
		return fmt.Errorf("attaching %s to %s: %w", arn, user, err)
	}
	return nil
}

func (c *Client) putPolicy(ctx context.Context, u User) error {
	_, err := c.iam.PutUserPolicy(ctx, &iam.PutUserPolicyInput{
		UserName:       &u.Name,
		PolicyName:     &u.InlinePolicy,
		PolicyDocument: &u.PolicyDocument,
	}, patience)
	if err != nil {
		return fmt.Errorf("putting inline policy %s on %s: %w", u.InlinePolicy, u.Name, err)
	}
	return nil
}

func (c *Client) joinGroup(ctx context.Context, user, group string) error {
	_, err := c.iam.AddUserToGroup(ctx, &iam.AddUserToGroupInput{UserName: &user, GroupName: &group}, patience)
	if err != nil {
		return fmt.Errorf("adding %s to group %s: %w", user, group, err)
	}
	return nil
}
