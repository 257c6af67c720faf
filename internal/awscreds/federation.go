// SPDX-License-Identifier: MPL-2.0

package awscreds

import (
	"context"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// federated is an identity without any key of AWS: it shows a token of an OpenID
// Connect provider that the role trusts, a new one each time.
type federated struct {
	sts   []stsPlace // that sign nothing
	role  string
	token func(ctx context.Context) (string, error)
}

// Retrieve implements [aws.CredentialsProvider].
func (f federated) Retrieve(ctx context.Context) (aws.Credentials, error) {
	token, err := f.token(ctx)
	if err != nil {
		return aws.Credentials{}, fmt.Errorf("getting an identity token: %w", err)
	}
	if !IsJWT(token) {
		return aws.Credentials{}, fmt.Errorf("the identity token for role %s is not a JSON Web Token", f.role)
	}
	out, err := firstSTS(ctx, f.sts, func(client *sts.Client) (*sts.AssumeRoleWithWebIdentityOutput, error) {
		return client.AssumeRoleWithWebIdentity(ctx, &sts.AssumeRoleWithWebIdentityInput{
			RoleArn:          &f.role,
			RoleSessionName:  aws.String(rootSession),
			WebIdentityToken: &token,
		})
	})
	if err != nil {
		return aws.Credentials{}, &assumingError{role: f.role, with: " with an identity token", Err: err}
	}
	s := session(out.Credentials, nil)
	return aws.Credentials{
		AccessKeyID: s.AccessKeyID, SecretAccessKey: s.SecretKey, SessionToken: s.Token,
		Source: "web identity", CanExpire: true, Expires: s.Expires,
	}, nil
}

// IsJWT reports whether a text has the shape of a signed JSON Web Token (RFC 7519). A
// token may come from a file that the configuration names: nothing else in a file may
// leave this machine.
func IsJWT(text string) bool {
	parts := strings.Split(text, ".")
	if len(parts) != 3 || !strings.HasPrefix(text, "eyJ") { // the beginning of {" in base64
		return false
	}
	for _, part := range parts {
		if part == "" || strings.Trim(part, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			return false
		}
	}
	return true
}
