// SPDX-License-Identifier: MPL-2.0

package awscreds

import (
	"context"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
)

// Policies are what a group, or several, give to their members.
type Policies struct {
	Documents []Document // the inline policies
	ARNs      []string   // the managed policies, each once
}

// Document is an inline policy of a group.
type Document struct {
	Name  string
	Group string
	Text  string // JSON
}

// GroupPolicies reads the policies of groups, every page, all groups at once. They
// come in the order of the groups.
func (c *Client) GroupPolicies(ctx context.Context, groups []string) (Policies, error) {
	found := make([]Policies, len(groups))
	reads := make([]change, 0, 2*len(groups))
	for i, group := range groups {
		reads = append(reads,
			func(ctx context.Context) (err error) {
				found[i].ARNs, err = c.iam.managedPolicies(ctx, group)
				return err
			},
			func(ctx context.Context) (err error) {
				found[i].Documents, err = c.inlinePolicies(ctx, group)
				return err
			})
	}
	if err := c.makeAll(ctx, reads); err != nil {
		return Policies{}, err
	}
	var joined Policies
	for _, p := range found {
		joined.Documents = append(joined.Documents, p.Documents...)
		for _, arn := range p.ARNs {
			if !slices.Contains(joined.ARNs, arn) {
				joined.ARNs = append(joined.ARNs, arn)
			}
		}
	}
	return joined, nil
}

func (c *iamCalls) managedPolicies(ctx context.Context, group string) ([]string, error) {
	arns, err := all(ctx, iam.NewListAttachedGroupPoliciesPaginator(c, &iam.ListAttachedGroupPoliciesInput{GroupName: &group}),
		func(page *iam.ListAttachedGroupPoliciesOutput) []types.AttachedPolicy { return page.AttachedPolicies },
		func(p types.AttachedPolicy) *string { return p.PolicyArn })
	if err != nil {
		return nil, fmt.Errorf("listing the managed policies of group %s: %w", group, err)
	}
	return arns, nil
}

func (c *Client) inlinePolicies(ctx context.Context, group string) ([]Document, error) {
	names, err := all(ctx, iam.NewListGroupPoliciesPaginator(c.iam, &iam.ListGroupPoliciesInput{GroupName: &group}),
		func(page *iam.ListGroupPoliciesOutput) []string { return page.PolicyNames },
		func(name string) *string { return &name })
	if err != nil {
		return nil, fmt.Errorf("listing the inline policies of group %s: %w", group, err)
	}
	documents := make([]Document, len(names))
	reads := make([]change, len(names))
	for i, name := range names {
		reads[i] = func(ctx context.Context) (err error) {
			documents[i] = Document{Name: name, Group: group}
			documents[i].Text, err = c.iam.inlinePolicy(ctx, group, name)
			return err
		}
	}
	return documents, c.makeAll(ctx, reads)
}

// inlinePolicy reads one policy.
func (c *iamCalls) inlinePolicy(ctx context.Context, group, name string) (string, error) {
	out, err := c.GetGroupPolicy(ctx, &iam.GetGroupPolicyInput{GroupName: &group, PolicyName: &name})
	if err != nil {
		return "", fmt.Errorf("reading inline policy %s of group %s: %w", name, group, err)
	}
	text, err := decodedPolicy(out.PolicyDocument)
	if err != nil {
		return "", fmt.Errorf("decoding inline policy %s of group %s: %w", name, group, err)
	}
	return text, nil
}
