// SPDX-License-Identifier: MPL-2.0

package awscreds

// Inline policies of roles, by which sessions are ended early (IAM User Guide, "Disabling permissions
// for temporary security credentials").

import (
	"context"
	"fmt"
	"net/url"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
)

// RolePolicy reads an inline policy of a role; "" where the role has none of the name. Where there is no such role, the
// answer is the same: AWS has one code for both.
func (c *Client) RolePolicy(ctx context.Context, role, name string) (string, error) {
	out, err := c.iam.GetRolePolicy(ctx, &iam.GetRolePolicyInput{RoleName: &role, PolicyName: &name})
	switch {
	case isNotFound(err):
		return "", nil
	case err != nil:
		return "", fmt.Errorf("reading inline policy %s of role %s: %w", name, role, err)
	}
	text, err := url.PathUnescape(aws.ToString(out.PolicyDocument)) // it comes URL-encoded (IAM API Reference, GetRolePolicy)
	if err != nil {
		return "", fmt.Errorf("decoding inline policy %s of role %s: %w", name, role, err)
	}
	return text, nil
}

// PutRolePolicy writes an inline policy of a role, in the place of the one that has the name.
func (c *Client) PutRolePolicy(ctx context.Context, role, name, document string) error {
	_, err := c.iam.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: &role, PolicyName: &name, PolicyDocument: &document})
	if err != nil {
		return fmt.Errorf("writing inline policy %s of role %s: %w", name, role, err)
	}
	return nil
}

// DeleteRolePolicy deletes an inline policy of a role. Gone is as good as deleted.
func (c *Client) DeleteRolePolicy(ctx context.Context, role, name string) error {
	_, err := c.iam.DeleteRolePolicy(ctx, &iam.DeleteRolePolicyInput{RoleName: &role, PolicyName: &name})
	if err != nil && !isNotFound(err) {
		return fmt.Errorf("deleting inline policy %s of role %s: %w", name, role, err)
	}
	return nil
}
