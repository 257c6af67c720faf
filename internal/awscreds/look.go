// SPDX-License-Identifier: MPL-2.0

package awscreds

// What is only looked at, for people who want to know whether a configuration works. Nothing here
// changes anything.

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
)

// LookAtPolicy reads a managed policy, to see that it exists (IAM API Reference, GetPolicy).
func (c *Client) LookAtPolicy(ctx context.Context, arn string) error {
	_, err := c.iam.GetPolicy(ctx, &iam.GetPolicyInput{PolicyArn: &arn})
	return err
}

// LookAtGroup reads a group, to see that it exists: its ARN, with its path (IAM API Reference, GetGroup).
func (c *Client) LookAtGroup(ctx context.Context, name string) (arn string, err error) {
	out, err := c.iam.GetGroup(ctx, &iam.GetGroupInput{GroupName: &name, MaxItems: aws.Int32(1)})
	if err != nil || out.Group == nil {
		return "", err
	}
	return aws.ToString(out.Group.Arn), nil
}

// LookAtRole reads a role of the client's account: its ARN, and how long its sessions may last (IAM
// API Reference, GetRole).
func (c *Client) LookAtRole(ctx context.Context, name string) (arn string, longest time.Duration, err error) {
	out, err := c.iam.GetRole(ctx, &iam.GetRoleInput{RoleName: &name})
	if err != nil || out.Role == nil {
		return "", 0, err
	}
	return aws.ToString(out.Role.Arn), time.Duration(aws.ToInt32(out.Role.MaxSessionDuration)) * time.Second, nil
}

// Ask is what an identity would ask of AWS: some actions on each of some resources, with the keys of
// conditions that come with them.
type Ask struct {
	Actions, Resources []string // such as iam:CreateUser, and ARNs
	Keys               map[string][]string
}

// Decision is what the policies of an identity say of an action.
type Decision struct {
	Action   string
	Resource string
	Allowed  bool
	Words    string   // AWS's: allowed, explicitDeny or implicitDeny
	Missing  []string // keys of conditions whose values were not told, and that it depends on
}

// Simulate asks AWS what the policies of an identity say, without doing anything (IAM API Reference,
// SimulatePrincipalPolicy). It is not all that counts: resource policies and session policies are not looked at.
func (c *Client) Simulate(ctx context.Context, principal string, ask Ask) (decisions []Decision, err error) {
	in := &iam.SimulatePrincipalPolicyInput{PolicySourceArn: &principal, ActionNames: ask.Actions, ResourceArns: ask.Resources, ContextEntries: contextEntries(ask.Keys)}
	pages := iam.NewSimulatePrincipalPolicyPaginator(c.iam, in)
	for n := 0; pages.HasMorePages(); n++ {
		page, err := pages.NextPage(ctx)
		if err == nil && n == mostPages {
			err = errTooManyPages
		}
		if err != nil {
			return nil, fmt.Errorf("asking AWS what %s may do: %w", principal, err)
		}
		for _, r := range page.EvaluationResults {
			decisions = append(decisions, Decision{
				Action: aws.ToString(r.EvalActionName), Resource: aws.ToString(r.EvalResourceName), Allowed: r.EvalDecision == types.PolicyEvaluationDecisionTypeAllowed,
				Words: string(r.EvalDecision), Missing: r.MissingContextValues,
			})
		}
	}
	return decisions, nil
}

// contextEntries are in the order of their keys, so that equal requests look equal. Of the keys that this
// engine's calls have, one is of several values (IAM User Guide, "AWS global condition context keys").
func contextEntries(keys map[string][]string) (list []types.ContextEntry) {
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		kind := types.ContextKeyTypeEnumString
		if key == "aws:TagKeys" {
			kind = types.ContextKeyTypeEnumStringList
		}
		list = append(list, types.ContextEntry{ContextKeyName: aws.String(key), ContextKeyType: kind, ContextKeyValues: keys[key]})
	}
	return list
}
