// SPDX-License-Identifier: MPL-2.0

package rootkey

import (
	"context"
	"time"

	"github.com/hashicorp/vault/sdk/framework"
	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/engine"
	"vault-plugin-secrets-aws-dyn/internal/awscreds"
)

// pathRotate is where somebody asks for a rotation.
const pathRotate = "config/rotate-root"

func (r *Rotator) pathRotate() *framework.Path {
	return &framework.Path{
		Pattern:      pathRotate,
		DisplayAttrs: engine.Operation("rotate", "root-iam-credentials"),
		Operations: map[logical.Operation]framework.OperationHandler{
			logical.UpdateOperation: r.Write("Give the engine's own IAM user a new access key and delete the old one.", r.writeRotate),
		},
		HelpSynopsis: "Replace the access key in config/root with a new one.",
		HelpDescription: `
Makes a new access key for the IAM user whose key is in config/root, waits until AWS
accepts it, writes it to config/root and deletes the old one. The answer has the ID of the
new key; its secret never leaves Vault. From then on only Vault has a key of that user.

The user must have no other access key: AWS allows two, and the new one needs the second
place. It needs iam:GetUser, iam:ListAccessKeys, iam:CreateAccessKey and
iam:DeleteAccessKey on itself.

A scheduled rotation keeps the old key until AWS says that nobody has used it since. A
write here deletes that key at once, and does not wait if this storage may be a copy.

A rotation that fails in the middle is finished or undone by the next one, or
automatically within a minute.
`,
	}
}

// tickTime is how long a request to rotate waits for whoever has the key: perhaps a tick that asks AWS about the old one.
const tickTime = 2 * time.Second

func (r *Rotator) writeRotate(ctx context.Context, req *logical.Request, _ *framework.FieldData) (*logical.Response, error) {
	patience, cancel := context.WithTimeout(ctx, tickTime)
	r.Locks.Await(patience, engine.LockRootKey)
	cancel()
	ctx, unlock, ok := r.Locks.TryLock(ctx, engine.LockRootKey)
	if !ok {
		return nil, engine.UserErrorf("the root key is being rotated at this moment; read config/root in a minute to see the new one")
	}
	defer unlock()
	ctx, moment := r.Moment(ctx, engine.AskedBy(req))
	id, left, err := r.rotate(ctx, req.Storage, byOperator)
	if err != nil {
		moment.RotationFailed(engine.RootRotateFailed, failedText, true, err)
		return nil, err
	}
	resp := &logical.Response{Data: map[string]any{"access_key": id}}
	if left != nil {
		resp.AddWarning("the new key is active, and the engine will try every minute to finish: " + awscreds.Explain(left))
	}
	return resp, nil
}
