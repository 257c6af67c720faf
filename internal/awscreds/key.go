// SPDX-License-Identifier: MPL-2.0

package awscreds

// The keys of users that exist already: the engine's own, and those of static
// roles. A user has two keys at most (IAM User Guide, "IAM and AWS STS quotas").

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
)

// MostKeys is how many access keys AWS lets a user have.
const MostKeys = 2

// UserInfo is an IAM user that exists.
type UserInfo struct {
	Name string
	// ID is AWS's own, never used again: a user that was deleted and made anew under
	// the same name has another.
	ID  string
	ARN string
}

// IsAccount reports whether this is the root user of the account, who is no IAM user
// and whose keys IAM handles by other rules.
func (u UserInfo) IsAccount() bool { return strings.HasSuffix(u.ARN, ":root") }

// KeyInfo is an access key as AWS lists it, without its secret.
type KeyInfo struct {
	ID     string
	Active bool
	// Age is how long ago AWS says the key was made, by AWS's clock alone.
	Age time.Duration
}

// LookUpUser reads an IAM user; the caller's own when name is empty.
func (c *Client) LookUpUser(ctx context.Context, name string) (UserInfo, error) {
	in := &iam.GetUserInput{}
	if name != "" {
		in.UserName = &name
	}
	out, err := c.iam.GetUser(ctx, in)
	if err != nil {
		return UserInfo{}, fmt.Errorf("reading %s: %w", userOrOwn(name), err)
	}
	info := userInfo(out.User)
	c.learn(info.ARN) // IAM shows nobody the users of another account
	return info, nil
}

func userInfo(user *types.User) UserInfo {
	return UserInfo{Name: aws.ToString(user.UserName), ID: aws.ToString(user.UserId), ARN: aws.ToString(user.Arn)}
}

// Keys lists the access keys of a user.
func (c *Client) Keys(ctx context.Context, user string) ([]KeyInfo, error) {
	var keys []KeyInfo
	pages := iam.NewListAccessKeysPaginator(c.iam, &iam.ListAccessKeysInput{UserName: &user})
	for n := 0; pages.HasMorePages(); n++ {
		page, err := pages.NextPage(ctx)
		if err == nil && n == mostPages {
			err = errTooManyPages
		}
		if err != nil {
			return nil, fmt.Errorf("listing the access keys of %s: %w", user, err)
		}
		now := serverTime(page.ResultMetadata)
		for _, key := range page.AccessKeyMetadata {
			keys = append(keys, KeyInfo{
				ID:     aws.ToString(key.AccessKeyId),
				Active: key.Status == types.StatusTypeActive,
				Age:    now.Sub(aws.ToTime(key.CreateDate)),
			})
		}
	}
	return keys, nil
}

// MakeKey makes one more key of an existing user. An attempt that AWS may have performed is
// the last one: another could make a second key. certain is false when AWS may have made a
// key that nobody knows the secret of. freed says that another key was deleted just now to
// make room, which AWS may count for a while.
func (c *Client) MakeKey(ctx context.Context, user string, freed bool) (key Key, certain bool, err error) {
	var lost unanswered
	opts := []func(*iam.Options){certainly, lost.watch}
	if freed {
		opts = append(opts, intoFreedPlace)
	}
	out, err := c.iam.CreateAccessKey(ctx, &iam.CreateAccessKeyInput{UserName: &user}, opts...)
	if err != nil {
		return Key{}, !lost.seen.Load(), fmt.Errorf("creating an access key for %s: %w", user, err)
	}
	return Key{ID: aws.ToString(out.AccessKey.AccessKeyId), Secret: aws.ToString(out.AccessKey.SecretAccessKey)}, true, nil
}

// DeleteKey deletes a key of a user. A key that is gone is no error. A [KeyKeptError] says
// that AWS certainly did not delete it.
func (c *Client) DeleteKey(ctx context.Context, user, id string) error {
	var lost unanswered
	_, err := c.iam.DeleteAccessKey(ctx, &iam.DeleteAccessKeyInput{UserName: &user, AccessKeyId: &id}, lost.watch)
	if err == nil || isNotFound(err) {
		return nil
	}
	err = fmt.Errorf("removing access key %s of %s: %w", id, user, err)
	if !lost.seen.Load() {
		return &KeyKeptError{Err: err}
	}
	return err
}

// KeyUser tells whose a key is by now, whether it was ever used, and if so how long ago at
// last, by AWS's clock alone. AWS reports a use some time after it. A user can be renamed,
// and keeps its keys: the name that a key was made for may be another. That AWS does not know
// the key may be an error of either kind, [IsNotFound] or [IsDenied].
func (c *Client) KeyUser(ctx context.Context, keyID string) (name string, ago time.Duration, used bool, err error) {
	use, err := c.KeyUse(ctx, keyID)
	return use.User, use.Ago, use.Used, err
}

// KeyUse is whose a key is, and its last use.
type KeyUse struct {
	User    string
	Used    bool
	Ago     time.Duration
	Service string // in lower case, such as "sts"
}

// KeyUse is KeyUser, and tells by which service the key was used last.
func (c *Client) KeyUse(ctx context.Context, keyID string) (KeyUse, error) {
	out, err := c.iam.GetAccessKeyLastUsed(ctx, &iam.GetAccessKeyLastUsedInput{AccessKeyId: &keyID})
	if err != nil {
		return KeyUse{}, fmt.Errorf("asking when access key %s was last used: %w", keyID, err)
	}
	use := KeyUse{User: aws.ToString(out.UserName), Service: strings.ToLower(aws.ToString(out.AccessKeyLastUsed.ServiceName))}
	if at := out.AccessKeyLastUsed.LastUsedDate; at != nil {
		use.Used, use.Ago = true, serverTime(out.ResultMetadata).Sub(*at)
	}
	return use, nil
}

func userOrOwn(name string) string {
	if name == "" {
		return "the engine's own IAM user"
	}
	return "IAM user " + name
}
