// SPDX-License-Identifier: MPL-2.0

package backend

// The SDK checks the types of fields before any handler of ours runs, and its
// refusal repeats the value. For a secret that is sent in the wrong type, such as a
// list of one, the refusal would hold the secret; so those are looked at first.

import (
	"context"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/engine"
)

// HandleRequest is the front door.
func (b *backend) HandleRequest(ctx context.Context, req *logical.Request) (resp *logical.Response, err error) {
	defer b.Recover(&err)
	ctx, end := b.stay.begin(ctx)
	defer end()
	if err := checkSensitive(req); err != nil {
		return engine.Respond(err)
	}
	resp, err = b.Backend.HandleRequest(ctx, req)
	if req.Operation == logical.HelpOperation && req.Path == "" {
		inlineSchemas(resp)
	}
	return resp, err
}

// HandleExistenceCheck comes before HandleRequest where a path tells create from
// update. Whether something exists does not depend on the fields that are sent, so
// they are left out: a wrong type found here would become "internal error" in Vault,
// with the value in its log, instead of a refusal that names the field.
func (b *backend) HandleExistenceCheck(ctx context.Context, req *logical.Request) (found, exists bool, err error) {
	defer b.Recover(&err)
	bare := *req
	bare.Data = nil
	return b.Backend.HandleExistenceCheck(ctx, &bare)
}

// checkSensitive refuses a secret that is not a text.
func checkSensitive(req *logical.Request) error {
	switch req.Data["secret_key"].(type) {
	case string, nil:
		return nil
	}
	return engine.UserErrorf("secret_key: must be a text")
}
