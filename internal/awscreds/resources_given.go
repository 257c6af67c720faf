// SPDX-License-Identifier: MPL-2.0

package awscreds

// The types of resources that the engine gives to a user.

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
)

var accessKeys = resource{
	name: "access key", plural: "access keys",
	list: func(ctx context.Context, c *iamCalls, user string) ([]string, error) {
		return all(ctx, iam.NewListAccessKeysPaginator(c, &iam.ListAccessKeysInput{UserName: &user}),
			func(page *iam.ListAccessKeysOutput) []types.AccessKeyMetadata { return page.AccessKeyMetadata },
			func(item types.AccessKeyMetadata) *string { return item.AccessKeyId })
	},
	remove: func(ctx context.Context, c *iamCalls, user, id string) error {
		_, err := c.DeleteAccessKey(ctx, &iam.DeleteAccessKeyInput{UserName: &user, AccessKeyId: &id})
		return err
	},
}

var attachedPolicies = resource{
	name: "attached policy", plural: "attached policies",
	list: func(ctx context.Context, c *iamCalls, user string) ([]string, error) {
		return all(ctx, iam.NewListAttachedUserPoliciesPaginator(c, &iam.ListAttachedUserPoliciesInput{UserName: &user}),
			func(page *iam.ListAttachedUserPoliciesOutput) []types.AttachedPolicy { return page.AttachedPolicies },
			func(item types.AttachedPolicy) *string { return item.PolicyArn })
	},
	remove: func(ctx context.Context, c *iamCalls, user, id string) error {
		_, err := c.DetachUserPolicy(ctx, &iam.DetachUserPolicyInput{UserName: &user, PolicyArn: &id})
		return err
	},
}

var inlinePolicies = resource{
	name: "inline policy", plural: "inline policies",
	list: func(ctx context.Context, c *iamCalls, user string) ([]string, error) {
		return all(ctx, iam.NewListUserPoliciesPaginator(c, &iam.ListUserPoliciesInput{UserName: &user}),
			func(page *iam.ListUserPoliciesOutput) []string { return page.PolicyNames },
			func(item string) *string { return &item })
	},
	remove: func(ctx context.Context, c *iamCalls, user, id string) error {
		_, err := c.DeleteUserPolicy(ctx, &iam.DeleteUserPolicyInput{UserName: &user, PolicyName: &id})
		return err
	},
}

var groups = resource{
	name: "group", plural: "groups",
	list: func(ctx context.Context, c *iamCalls, user string) ([]string, error) {
		return all(ctx, iam.NewListGroupsForUserPaginator(c, &iam.ListGroupsForUserInput{UserName: &user}),
			func(page *iam.ListGroupsForUserOutput) []types.Group { return page.Groups },
			func(item types.Group) *string { return item.GroupName })
	},
	remove: func(ctx context.Context, c *iamCalls, user, id string) error {
		_, err := c.RemoveUserFromGroup(ctx, &iam.RemoveUserFromGroupInput{UserName: &user, GroupName: &id})
		return err
	},
}
