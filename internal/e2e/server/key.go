// SPDX-License-Identifier: MPL-2.0

package server

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

// Key is what an answer of creds/ hands out.
type Key struct{ ID, Secret string }

// Key takes the key out of an answer.
func (a Answer) Key() Key {
	id, _ := a.Data("access_key").(string)
	secret, _ := a.Data("secret_key").(string)
	return Key{id, secret}
}

// whoIs asks STS whose the key is: the name of the user, or AWS's error code.
func whoIs(t testing.TB, account *fakeaws.Server, k Key) (user, refusal string) {
	t.Helper()
	client := sts.New(sts.Options{
		Region:       "us-east-1",
		BaseEndpoint: aws.String(account.URL()),
		Credentials:  credentials.NewStaticCredentialsProvider(k.ID, k.Secret, ""),
	})
	identity, err := client.GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
	if refused := smithy.APIError(nil); errors.As(err, &refused) {
		return "", refused.ErrorCode()
	}
	if err != nil {
		t.Fatalf("asking STS for the identity of %s: %v", k.ID, err)
	}
	arn := aws.ToString(identity.Arn)
	return arn[strings.LastIndexByte(arn, '/')+1:], ""
}

// MustWork demands that the key signs as some user, and returns the user's name.
func MustWork(t testing.TB, account *fakeaws.Server, k Key) string {
	t.Helper()
	user, refusal := whoIs(t, account, k)
	if refusal != "" || user == "" {
		t.Fatalf("the key %s should work, and is refused: %s", k.ID, refusal)
	}
	return user
}

// MustBeRefused demands that AWS no longer knows the key.
func MustBeRefused(t testing.TB, account *fakeaws.Server, k Key) {
	t.Helper()
	if user, refusal := whoIs(t, account, k); refusal != "InvalidClientTokenId" {
		t.Fatalf("the key %s should be refused as InvalidClientTokenId; it is %q of %q", k.ID, refusal, user)
	}
}

// CallerOf asks STS whose the credential of an answer is, with its session token if it has one: an ARN, or "" for a
// credential that AWS does not know.
func CallerOf(t testing.TB, account *fakeaws.Server, a Answer) string {
	t.Helper()
	token, _ := a.Data("session_token").(string)
	client := fakeaws.Client{Endpoint: account.URL(), Key: fakeaws.Key{
		AccessKeyID: a.Key().ID, SecretAccessKey: a.Key().Secret, SessionToken: token,
	}}
	arn, err := client.CallerARN(t.Context())
	if refusal := (*fakeaws.Refusal)(nil); err != nil && !errors.As(err, &refusal) {
		t.Fatalf("asking STS for the identity of %s: %v", a.Key().ID, err)
	}
	return arn
}

// MustHold demands that AWS takes the holder of an answer's credential for somebody with this in the ARN.
func MustHold(t testing.TB, account *fakeaws.Server, a Answer, arn string) {
	t.Helper()
	if who := CallerOf(t, account, a); !strings.Contains(who, arn) {
		t.Errorf("the credential should be of %s, and is %q's", arn, who)
	}
}

// HasUser reports whether the account has a user.
func HasUser(account *fakeaws.Server, user string) bool {
	_, ok := account.User(user)
	return ok
}
