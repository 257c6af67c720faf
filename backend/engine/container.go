// SPDX-License-Identifier: MPL-2.0

package engine

// The form in which AWS SDKs read credentials over HTTP: that of a container's credentials (AWS SDKs
// and Tools Reference Guide, "Container credential provider"). The answers have no lease: Vault
// allows none to a response that has a form of its own.

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/hashicorp/vault/sdk/framework"
	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/internal/awscreds"
)

// ContainerPrefix begins the paths that AWS SDKs read.
const ContainerPrefix = "sdk/"

// ContainerCredentials are credentials as an AWS SDK reads them.
type ContainerCredentials struct {
	AccessKeyID     string `json:"AccessKeyId"`
	SecretAccessKey string
	// Token is empty for the key of an IAM user. It may not be left out: the SDKs for JavaScript and
	// Python refuse an answer without it.
	Token      string
	Expiration string // see [Expiration]
	AccountID  string `json:"AccountId,omitempty"`
}

// Expiration is a time as SDKs read it, without a part of a second.
func Expiration(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// Response is the credentials as Vault passes them on, unchanged.
func (c ContainerCredentials) Response() (*logical.Response, error) {
	return raw(http.StatusOK, c)
}

// containerError is an error as an AWS SDK reads it.
type containerError struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

// raw is a response that Vault passes on as it is. The content type has no parameters: the SDK for Go
// compares all of it.
func raw(status int, body any) (*logical.Response, error) {
	text, err := json.Marshal(body)
	if err != nil {
		return nil, fmt.Errorf("encoding the answer to an AWS SDK: %w", err)
	}
	return &logical.Response{Data: map[string]any{
		logical.HTTPStatusCode:  status,
		logical.HTTPContentType: "application/json",
		logical.HTTPRawBody:     text,
	}}, nil
}

// ReadContainer makes an operation that an AWS SDK reads. Its errors are left to [ContainerAnswer]. What
// would be a warning elsewhere nobody would see: a field that the schema does not know is refused.
func (m *Mount) ReadContainer(summary string, h framework.OperationFunc) *framework.PathOperation {
	op := &framework.PathOperation{Summary: summary}
	op.Callback = func(ctx context.Context, req *logical.Request, d *framework.FieldData) (*logical.Response, error) {
		if err := unknown(d.Schema, req.Data).Err(); err != nil {
			return nil, err
		}
		return h(ctx, req, d)
	}
	return Gives(op, map[string]*framework.FieldSchema{
		"AccessKeyId":     {Type: framework.TypeString, Description: "ID of the AWS access key."},
		"SecretAccessKey": {Type: framework.TypeString, Description: "Secret of the AWS access key.", DisplayAttrs: &framework.DisplayAttributes{Sensitive: true}},
		"Token":           {Type: framework.TypeString, Description: "Token of a session; empty for a static role, which has none.", DisplayAttrs: &framework.DisplayAttributes{Sensitive: true}},
		"Expiration":      {Type: framework.TypeString, Description: "Until when the credentials work. SDKs read again some minutes earlier."},
		"AccountId":       {Type: framework.TypeString, Description: "AWS account in which they work, where it is known."},
	})
}

// ContainerAnswer turns what went wrong into the form of AWS SDKs, with the status that it has
// elsewhere. An error that [Respond] leaves as it is stays so: it comes from storage or the SDK of
// Vault's plugins, and Vault knows some by their very text.
func ContainerAnswer(resp *logical.Response, err error) (*logical.Response, error) {
	if err == nil && !resp.IsError() {
		return resp, nil
	}
	code := awscreds.Code(err)
	if !resp.IsError() {
		resp, err = Respond(err)
	}
	var coded logical.HTTPCodedError
	var status int
	var text string
	switch {
	case errors.As(err, &coded):
		status, text = coded.Code(), err.Error()
	case resp.IsError() && err == nil:
		status, text = http.StatusBadRequest, resp.Error().Error()
	case resp.IsError(): // with logical.ErrUpstreamRateLimited
		status, text = http.StatusBadGateway, resp.Error().Error()
	default:
		return resp, err
	}
	if code == "" {
		code = strings.ReplaceAll(http.StatusText(status), " ", "")
	}
	return raw(status, containerError{code, text})
}
