// SPDX-License-Identifier: MPL-2.0

package staticrole

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/hashicorp/vault/sdk/framework"
	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/awsrules"
	"vault-plugin-secrets-aws-dyn/backend/engine"
)

// leastAhead is how long a key has to work for that no other takes over from: the SDKs for Python
// and .NET ask for the next one so long before the end.
const leastAhead = 15 * time.Minute

func (k *Keeper) pathSDKCreds() *framework.Path {
	read := k.ReadContainer("Read the access key of a static role for an AWS SDK.", k.readForSDK)
	return &framework.Path{
		Pattern:      engine.ContainerPrefix + "static-creds/" + engine.RoleName,
		DisplayAttrs: engine.Operation("", "static-creds-for-sdk"),
		Fields:       k.pathCreds().Fields,
		Operations:   map[logical.Operation]framework.OperationHandler{logical.ReadOperation: read},
		HelpSynopsis: "The access key of a static role, as AWS SDKs read it.",
		HelpDescription: `
Returns the key of static-creds/<name> in the format in which AWS SDKs and the AWS CLI
read credentials: see sdk/creds/<name>. Expiration is at most an hour from now, when SDKs
read again, and never later than the key is sure to work. If the user has another key too,
there is no room for a previous key, and in the last 15 minutes before the rotation the
answer is 503.
`,
	}
}

func (k *Keeper) readForSDK(ctx context.Context, req *logical.Request, d *framework.FieldData) (*logical.Response, error) {
	name := d.Get("name").(string)
	r, c, err := k.current(ctx, req.Storage, name)
	switch {
	case err != nil:
		return nil, err
	case c == nil:
		return nil, logical.CodedError(http.StatusNotFound, fmt.Sprintf("name: there is no static role %q; write it to static-roles/%s first", name, name))
	case c.Ending:
		return nil, k.noKey(r, http.StatusServiceUnavailable)
	}
	next := k.nextRotation(r, c)
	ends, another := c.servedEnds(r, next)
	if left := ends.Sub(k.Now()); left < leastAhead && !another {
		return nil, logical.CodedError(http.StatusServiceUnavailable, fmt.Sprintf(
			"the access key of static role %s is deleted in %d seconds to make room for its next one, since the IAM user %s has a key that is not this role's, %s; "+
				"read again then, or write replace_access_key=%s to static-roles/%s once nothing uses that key",
			r.Name, seconds(left), r.Username, strings.Join(c.OtherKeys, ", "), c.OtherKeys[0], r.Name))
	}
	id, secret, _ := c.served(r)
	if longest := k.Now().Add(r.promise()); ends.After(longest) {
		ends = longest
	}
	k.promises.make(id, ends)
	creds := engine.ContainerCredentials{AccessKeyID: id, SecretAccessKey: secret, Expiration: engine.Expiration(ends)}
	if awsrules.IsAccount(r.In.Number) {
		creds.AccountID = r.In.Number
	}
	k.Observe(req, "aws/static-credential/read", map[string]any{"role_name": r.Name})
	return creds.Response()
}

// servedEnds is until when the key that is handed out works for certain, with the next rotation at a
// time; and whether another key of the role's works by then.
func (c *creds) servedEnds(r *role, next time.Time) (ends time.Time, another bool) {
	id, _, _ := c.served(r)
	switch before := c.previousEnds(r); {
	case id == c.PreviousKey && !before.IsZero() && before.Before(next):
		return before, true
	case id == c.PreviousKey:
		return next, true
	case len(c.OtherKeys) > 0: // no room for two
		return next, false
	case r.PreviousKeyTTL > 0:
		return next.Add(min(r.PreviousKeyTTL, r.Next(next, next).Sub(next))), true
	}
	return r.Next(next, next), true
}
