// SPDX-License-Identifier: MPL-2.0

package awscreds

// The nine types of resources that an IAM user can own. IAM refuses to delete a user
// that owns any of them (IAM API Reference, DeleteUser). Every list is read to
// its last page: IAM may cut one short even below the number that was asked for.

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
)

// resource is how one type of resources is found and removed.
type resource struct {
	name   string
	plural string
	list   func(ctx context.Context, c *iamCalls, user string) ([]string, error)
	remove func(ctx context.Context, c *iamCalls, user, id string) error
}

var resources = []resource{
	accessKeys, attachedPolicies, inlinePolicies, groups,
	loginProfiles, mfaDevices, sshKeys, certificates, serviceCredentials,
}

// pager is what the SDK's paginators have in common.
type pager[O any] interface {
	HasMorePages() bool
	NextPage(ctx context.Context, opts ...func(*iam.Options)) (O, error)
}

// mostPages bounds a list that never ends. What a user or a group owns is bounded by quotas
// of dozens (IAM User Guide, "IAM and AWS STS quotas"), and IAM puts 100 on a page as a rule.
const mostPages = 200

var errTooManyPages = fmt.Errorf("the list has more than %d pages", mostPages)

// all reads every page and picks an identifier from each item. On an error it
// returns what it has read so far.
func all[O, T any](ctx context.Context, pages pager[O], items func(O) []T, id func(T) *string) ([]string, error) {
	var ids []string
	for n := 0; pages.HasMorePages(); n++ {
		if n == mostPages {
			return ids, errTooManyPages
		}
		page, err := pages.NextPage(ctx)
		if err != nil {
			return ids, err
		}
		for _, item := range items(page) {
			if name := aws.ToString(id(item)); name != "" {
				ids = append(ids, name)
			}
		}
	}
	return ids, nil
}
