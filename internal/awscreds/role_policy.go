// SPDX-License-Identifier: MPL-2.0

package awscreds

// Inline policies of roles, by which sessions are ended early (IAM User Guide, "Disabling permissions
// for temporary security credentials").

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// RolePolicy reads an inline policy of a role; "" where the role has none of the name. Where there is no such role, the
// answer is the same: AWS has one code for both. ahead is how far AWS's clock was ahead of ours at the answer.
func (c *Client) RolePolicy(ctx context.Context, role, name string) (text string, ahead time.Duration, err error) {
	out, err := c.iam.GetRolePolicy(ctx, &iam.GetRolePolicyInput{RoleName: &role, PolicyName: &name})
	switch {
	case isNotFound(err):
		return "", Ahead(err), nil
	case err != nil:
		return "", 0, fmt.Errorf("reading inline policy %s of role %s: %w", name, role, err)
	}
	ahead, _ = awsmiddleware.GetAttemptSkew(out.ResultMetadata)
	if text, err = decodedPolicy(out.PolicyDocument); err != nil {
		return "", 0, fmt.Errorf("decoding inline policy %s of role %s: %w", name, role, err)
	}
	return text, ahead, nil
}

// decodedPolicy is the text of a policy, which IAM sends URL-encoded as of RFC 3986 (IAM API Reference, GetRolePolicy and
// GetGroupPolicy): a plus sign stands for itself there.
func decodedPolicy(document *string) (string, error) { return url.PathUnescape(aws.ToString(document)) }

// Ahead is how far AWS's clock was ahead of ours when it refused a call; 0 where an error is no answer of AWS's.
func Ahead(refusal error) time.Duration {
	var answer *smithyhttp.ResponseError
	if !errors.As(refusal, &answer) || answer.Response == nil {
		return 0
	}
	at, err := http.ParseTime(answer.Response.Header.Get("Date"))
	if err != nil {
		return 0
	}
	return time.Until(at)
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
