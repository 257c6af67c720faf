// SPDX-License-Identifier: MPL-2.0

package e2e

import (
	"errors"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"

	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

// This file uses a key the way its holder would: with an AWS SDK, signed, over the wire.

// key is what an answer of creds/ hands out.
type key struct{ id, secret string }

// key takes the key out of an answer.
func (a answer) key() key {
	id, _ := a.data("access_key").(string)
	secret, _ := a.data("secret_key").(string)
	return key{id, secret}
}

// whoIs asks STS whose the key is: the name of the user, or AWS's error code.
func whoIs(t testing.TB, account *fakeaws.Server, k key) (user, refusal string) {
	t.Helper()
	client := sts.New(sts.Options{
		Region:       "us-east-1",
		BaseEndpoint: aws.String(account.URL()),
		Credentials:  credentials.NewStaticCredentialsProvider(k.id, k.secret, ""),
	})
	identity, err := client.GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
	if refused := smithy.APIError(nil); errors.As(err, &refused) {
		return "", refused.ErrorCode()
	}
	if err != nil {
		t.Fatalf("asking STS for the identity of %s: %v", k.id, err)
	}
	arn := aws.ToString(identity.Arn)
	return arn[strings.LastIndexByte(arn, '/')+1:], ""
}

// mustWork demands that the key signs as some user, and returns the user's name.
func mustWork(t testing.TB, account *fakeaws.Server, k key) string {
	t.Helper()
	user, refusal := whoIs(t, account, k)
	if refusal != "" || user == "" {
		t.Fatalf("the key %s should work, and is refused: %s", k.id, refusal)
	}
	return user
}

// mustBeRefused demands that AWS no longer knows the key.
func mustBeRefused(t testing.TB, account *fakeaws.Server, k key) {
	t.Helper()
	if user, refusal := whoIs(t, account, k); refusal != "InvalidClientTokenId" {
		t.Fatalf("the key %s should be refused as InvalidClientTokenId; it is %q of %q", k.id, refusal, user)
	}
}

// callerOf asks STS whose the credential of an answer is, with its session token if it has one: an ARN, or "" for a
// credential that AWS does not know.
func callerOf(t testing.TB, account *fakeaws.Server, a answer) string {
	t.Helper()
	token, _ := a.data("session_token").(string)
	client := fakeaws.Client{Endpoint: account.URL(), Key: fakeaws.Key{
		AccessKeyID: a.key().id, SecretAccessKey: a.key().secret, SessionToken: token,
	}}
	arn, err := client.CallerARN(t.Context())
	if refusal := (*fakeaws.Refusal)(nil); err != nil && !errors.As(err, &refusal) {
		t.Fatalf("asking STS for the identity of %s: %v", a.key().id, err)
	}
	return arn
}

// mustHold demands that AWS takes the holder of an answer's credential for somebody with this in the ARN.
func mustHold(t testing.TB, account *fakeaws.Server, a answer, arn string) {
	t.Helper()
	if who := callerOf(t, account, a); !strings.Contains(who, arn) {
		t.Errorf("the credential should be of %s, and is %q's", arn, who)
	}
}
