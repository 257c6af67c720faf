// SPDX-License-Identifier: MPL-2.0

package awscreds

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// Identity is who calls AWS, and in which account of which partition.
type Identity struct {
	Account, Partition string
	// ARN and UserID are of an IAM user, or of a session (STS API Reference, GetCallerIdentity).
	ARN, UserID string
	// Ahead is how far AWS's clock was ahead of ours at its answer.
	Ahead time.Duration
}

// WhoAmI asks STS whom the client calls AWS as, which needs no permission.
func (c *Client) WhoAmI(ctx context.Context) (Identity, error) { return whoAmI(ctx, c.sts) }

func whoAmI(ctx context.Context, clients []stsPlace) (Identity, error) {
	out, err := firstSTS(ctx, clients, func(client *sts.Client) (*sts.GetCallerIdentityOutput, error) {
		return client.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	})
	if err != nil {
		return Identity{}, fmt.Errorf("asking STS who we are: %w", err)
	}
	id := identityOf(aws.ToString(out.Arn))
	id.UserID = aws.ToString(out.UserId)
	id.Ahead, _ = awsmiddleware.GetAttemptSkew(out.ResultMetadata)
	if out.Account != nil {
		id.Account = *out.Account
	}
	return id, nil
}

// identityOf reads an ARN, arn:partition:service:region:account:resource (IAM User Guide,
// "IAM identifiers"). What is no ARN tells neither account nor partition.
func identityOf(arn string) Identity {
	id := Identity{ARN: arn}
	if parts := strings.SplitN(arn, ":", 6); len(parts) == 6 && parts[0] == "arn" {
		id.Partition, id.Account = parts[1], parts[4]
	}
	return id
}
