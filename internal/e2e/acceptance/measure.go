// SPDX-License-Identifier: MPL-2.0

package main

// How long AWS takes to know a key, and to forget it.

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
)

// key is what is handed out.
type key struct{ id, secret, token string }

// inARow is how often AWS has to say the same before it counts: its servers do not learn of a key at once.
const inARow = 3

// whose asks AWS whose a key is: an ARN, or the code of a refusal.
func (s settings) whose(ctx context.Context, k key) (arn, refusal string, err error) {
	client := sts.New(sts.Options{
		Region: s.region(), BaseEndpoint: s.base(), RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider(k.id, k.secret, k.token),
	})
	who, err := client.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if refused := smithy.APIError(nil); errors.As(err, &refused) {
		return "", refused.ErrorCode(), nil
	}
	if err != nil {
		return "", "", fmt.Errorf("asking AWS whose %s is: %w", k.id, err)
	}
	return aws.ToString(who.Arn), "", nil
}

func (s settings) region() string {
	if s.operator.Region == "" {
		return "us-east-1"
	}
	return s.operator.Region
}

// until waits until AWS knows a key, or does not, and says how long that took from the call on.
func (s settings) until(ctx context.Context, k key, known bool) (arn string, took time.Duration, err error) {
	began := time.Now()
	for same := 0; same < inARow; {
		at := time.Since(began)
		who, refusal, err := s.whose(ctx, k)
		switch {
		case err != nil:
			return "", 0, err
		case (refusal == "") != known:
			same = 0
		default:
			if same == 0 {
				took = at
			}
			arn, same = who, same+1
		}
		if time.Since(began) > s.patience {
			return "", 0, fmt.Errorf("AWS has known the key %s: %t %q, and should: %t, for %s", k.id, refusal == "", refusal, known, s.patience)
		}
		if err := wait(ctx, 200*time.Millisecond); err != nil {
			return "", 0, err
		}
	}
	return arn, took, nil
}

// wait waits, unless the run is to end.
func wait(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return fmt.Errorf("interrupted: %w", ctx.Err())
	}
}

// summary is a line about durations.
func summary(all []time.Duration) string {
	slices.Sort(all)
	var each []string
	for _, d := range all {
		each = append(each, d.Round(10*time.Millisecond).String())
	}
	return fmt.Sprintf("median %s of %s", all[len(all)/2].Round(10*time.Millisecond), strings.Join(each, " "))
}
