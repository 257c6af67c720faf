// SPDX-License-Identifier: MPL-2.0

package awscreds

// Whose key signed a call that AWS did not take: configured, found in the environment, or of a
// session. Who reads "the security token included in the request is invalid" has to know which.

import (
	"context"
	"fmt"
	"regexp"
	"strings"

	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// signedError is the error of a call, with the key that signed it.
type signedError struct {
	Err       error
	id, whose string
}

func (e *signedError) Error() string { return e.Err.Error() }

// Unwrap returns what went wrong.
func (e *signedError) Unwrap() error { return e.Err }

// note says what is wrong with the key, where that is what AWS says.
func (e *signedError) note() string {
	key := e.key()
	switch Code(e.Err) {
	case codeInvalidClientTokenID, codeInvalidAccessKeyID, codeUnrecognizedClient:
		if strings.HasPrefix(e.id, "ASIA") {
			return fmt.Sprintf("AWS does not know %s: ended early, of another partition, or of a region that is not enabled", key)
		}
		return fmt.Sprintf("AWS does not know %s: deleted, inactive, or of another partition", key)
	case codeSignatureDoesNotMatch:
		return fmt.Sprintf("the secret key is not that of %s, or the endpoint is of another region than the signature", key)
	case codeExpiredToken, codeExpiredTokenException:
		return fmt.Sprintf("expired: %s", key)
	}
	return ""
}

// keyIDForm is what the IDs of access keys look like, at AWS and elsewhere, and what no secret key does: AWS's have 40 characters.
var keyIDForm = regexp.MustCompile(`^[A-Z0-9]{16,32}$`)

// key names the key that signed. Where keys were swapped, its ID is the secret key.
func (e *signedError) key() string {
	switch {
	case keyIDForm.MatchString(e.id):
		return e.id + ", " + e.whose
	case strings.HasPrefix(e.whose, "of "):
		return "the key " + e.whose
	}
	return e.whose + ", which does not look like the ID of a key"
}

const signerID = "Signer"

// signer is an option of a client that adds to errors whose key signed the call.
func signer(whose func() string) func(*middleware.Stack) error {
	note := func(ctx context.Context, in middleware.DeserializeInput, next middleware.DeserializeHandler) (
		middleware.DeserializeOutput, middleware.Metadata, error,
	) {
		out, meta, err := next.HandleDeserialize(ctx, in)
		if id := signingKey(in.Request); err != nil && id != "" {
			err = &signedError{Err: err, id: id, whose: whose()}
		}
		return out, meta, err
	}
	return func(stack *middleware.Stack) error {
		if _, ok := stack.Deserialize.Get(signerID); ok { // of the client that this one was made from
			if _, err := stack.Deserialize.Remove(signerID); err != nil {
				return err
			}
		}
		return stack.Deserialize.Add(middleware.DeserializeMiddlewareFunc(signerID, note), middleware.Before)
	}
}

// signingKey is the ID of the key that a request is signed with (IAM User Guide, "Signature
// Version 4": Credential=ID/date/region/service/aws4_request).
func signingKey(request any) string {
	r, ok := request.(*smithyhttp.Request)
	if !ok {
		return ""
	}
	_, rest, found := strings.Cut(r.Header.Get("Authorization"), "Credential=")
	id, _, whole := strings.Cut(rest, "/")
	if !found || !whole {
		return ""
	}
	return id
}

// foundAt says where the SDK's default chain has found a key, by what the SDK calls its source.
func foundAt(source string) string {
	source, _, _ = strings.Cut(source, ":") // behind it is the path of a file
	switch source {
	case "EnvConfigCredentials":
		return "AWS_ACCESS_KEY_ID of the plugin's environment"
	case "SharedConfigCredentials":
		return "the access key in the AWS configuration files of the server"
	case "EC2RoleProvider":
		return "of the instance's role"
	case "CredentialsEndpointProvider":
		return "of the container's role"
	case "WebIdentityCredentials":
		return "of the session for AWS_WEB_IDENTITY_TOKEN_FILE"
	case "AssumeRoleProvider":
		return "of the session of the role_arn in an AWS profile"
	}
	return "the key that the AWS SDK found (" + source + ")"
}
