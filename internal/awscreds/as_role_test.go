// SPDX-License-Identifier: MPL-2.0

package awscreds

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

func roleIn(n int) RoleSession {
	return RoleSession{RoleARN: fmt.Sprintf("arn:aws:iam::%012d:role/hub", n), Name: "vault"}
}

func TestClientsOfOtherAccountsAreKeptAndBounded(t *testing.T) {
	t.Parallel()
	c, err := New(t.Context(), Config{AccessKey: "AKIAEXAMPLEEXAMPLE00", SecretKey: "secret", Region: "us-east-1"})
	if err != nil {
		t.Fatal(err)
	}
	first := c.As(roleIn(0))
	if c.As(roleIn(0)) != first {
		t.Error("the same role has two clients")
	}
	if c.As(RoleSession{RoleARN: roleIn(0).RoleARN, Name: "vault", ExternalID: "other"}) == first {
		t.Error("another external ID has the same client")
	}
	for n := range mostRoles {
		c.As(roleIn(n + 1))
		c.As(roleIn(0)) // it is in use
	}
	if c.As(roleIn(0)) != first || c.others.order.Len() != mostRoles || len(c.others.by) != mostRoles {
		t.Errorf("%d and %d clients are kept, or the one in use is not", c.others.order.Len(), len(c.others.by))
	}
	if want := (Account{Partition: "aws", Number: "000000000007"}); c.As(roleIn(7)).KnownAccount() != want {
		t.Errorf("the account of the client is %v, before any answer", c.As(roleIn(7)).KnownAccount())
	}
	foreign, err := New(t.Context(), Config{AccessKey: "test", SecretKey: "test", IAMEndpoint: "http://127.0.0.1:1"})
	if err != nil {
		t.Fatal(err)
	}
	if foreign.As(roleIn(7)).KnownAccount().Known() {
		t.Error("the ARN is believed where every account has one number")
	}
}

// A session that cannot be replaced is used until its end.
func TestSessionIsUsedUntilItsEnd(t *testing.T) {
	t.Parallel()
	away := errors.New("STS is away")
	for left, good := range map[time.Duration]bool{time.Minute: true, -time.Minute: false} {
		cached := aws.Credentials{AccessKeyID: "ASIA", SecretAccessKey: "secret", CanExpire: true, Expires: time.Now().Add(left - renewBefore)}
		creds, err := new(roleProvider).HandleFailToRefresh(t.Context(), cached, away)
		if good != (err == nil) || good && creds.Expires.Before(time.Now()) {
			t.Errorf("%s before its end: %v, %v", left, creds.Expires, err)
		}
	}
	if _, err := new(roleProvider).HandleFailToRefresh(t.Context(), aws.Credentials{}, away); !errors.Is(err, away) {
		t.Errorf("without a session: %v", err)
	}
}
