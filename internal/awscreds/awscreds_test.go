// SPDX-License-Identifier: MPL-2.0

package awscreds

// What every test here stands on: a client without retries, and a fake AWS behind
// real HTTP.

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"

	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

// TestMain takes every AWS setting but the CA bundle out of the environment.
func TestMain(m *testing.M) {
	for _, setting := range os.Environ() {
		name, _, _ := strings.Cut(setting, "=")
		if strings.HasPrefix(name, "AWS_") && name != "AWS_CA_BUNDLE" {
			_ = os.Unsetenv(name)
		}
	}
	_ = os.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	_ = os.Setenv("AWS_CONFIG_FILE", os.DevNull)
	_ = os.Setenv("AWS_SHARED_CREDENTIALS_FILE", os.DevNull)
	os.Exit(m.Run())
}

// newClient makes a client of a fake AWS, with so many retries.
func newClient(t *testing.T, aws *fakeaws.Server, retries int) *Client {
	t.Helper()
	key := aws.RootKey()
	client, err := New(t.Context(), Config{
		AccessKey: key.AccessKeyID, SecretKey: key.SecretAccessKey,
		IAMEndpoint: aws.URL(), MaxRetries: retries,
	})
	if err != nil {
		t.Fatal(err)
	}
	return client
}

var someone = User{
	Name:         "someone",
	PolicyARNs:   []string{"arn:aws:iam::aws:policy/ReadOnlyAccess"},
	InlinePolicy: "role", PolicyDocument: `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}`,
}

func mustCreate(t *testing.T, client *Client, user User) Owned {
	t.Helper()
	created, err := client.CreateUser(t.Context(), user)
	if err != nil {
		t.Fatal(err)
	}
	return Owned{AccessKeyID: created.Key.ID, PolicyARNs: user.PolicyARNs, InlinePolicy: user.InlinePolicy, Groups: user.Groups}
}

func mustDelete(t *testing.T, client *Client, name string, owned Owned) {
	t.Helper()
	if existed, err := client.DeleteUser(context.WithoutCancel(t.Context()), name, owned); err != nil || !existed {
		t.Fatalf("deleting %s: existed %v, %v", name, existed, err)
	}
}

func isNotCreated(err error) bool {
	var never *NotCreatedError
	return errors.As(err, &never)
}
