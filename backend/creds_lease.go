// SPDX-License-Identifier: MPL-2.0

package backend

// What Vault keeps on an issued credential, and what happens when it renews or
// revokes it.

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/vault/sdk/framework"
	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/engine"
	"vault-plugin-secrets-aws-dyn/backend/roles"
	"vault-plugin-secrets-aws-dyn/backend/users"
	"vault-plugin-secrets-aws-dyn/internal/awscreds"
)

// secretType is what the built-in engine calls its leases; they are understood.
const secretType = "access_keys"

// lease is the internal data of a lease: all that its end will need, so that the
// role may change or go meanwhile. The built-in engine reads username and is_sts.
type lease struct {
	users.Lease
	IsSTS bool `json:"is_sts"`

	// Late is how long after the user was made the lease was given, where several have the user.
	Late time.Duration `json:"late,omitempty"`

	// How long the lease runs, as the request and the role said when it began.
	RequestTTL time.Duration `json:"request_ttl,omitempty"`
	DefaultTTL time.Duration `json:"default_ttl,omitempty"`
	MaxTTL     time.Duration `json:"max_ttl,omitempty"`

	// SessionEnds is when AWS ends a session, by AWS's clock.
	SessionEnds time.Time `json:"session_ends,omitzero"`
	revocation
}

// internal is the lease as Vault stores it.
func (l *lease) internal() (map[string]any, error) {
	raw, err := json.Marshal(l)
	if err != nil {
		return nil, fmt.Errorf("encoding the lease: %w", err)
	}
	data := map[string]any{}
	return data, json.Unmarshal(raw, &data)
}

// leaseOf reads a lease that we or the built-in engine wrote. The key of one that the
// built-in began is in what Vault handed out, which comes with the request.
func leaseOf(req *logical.Request) (*lease, error) {
	secret := req.Secret
	if secret == nil {
		return nil, errors.New("the request carries no lease")
	}
	raw, err := json.Marshal(secret.InternalData)
	if err != nil {
		return nil, fmt.Errorf("reading the lease: %w", err)
	}
	l := new(lease)
	if err := json.Unmarshal(raw, l); err != nil {
		return nil, fmt.Errorf("reading the lease: %w", err)
	}
	if l.Username == "" && !l.IsSTS {
		return nil, errors.New("reading the lease: it names no IAM user")
	}
	if key, ok := req.Data["access_key"].(string); ok && l.AccessKeyID == "" {
		l.AccessKeyID = key
	}
	return l, nil
}

// renew prolongs a lease as its role says now, or as it said when the role is gone.
func (i *issuer) renew(ctx context.Context, req *logical.Request, _ *framework.FieldData) (*logical.Response, error) {
	l, err := leaseOf(req)
	if err != nil {
		return nil, err
	}
	if l.IsSTS {
		return nil, engine.UserErrorf("the credentials of this lease end when AWS said they would; they cannot be renewed")
	}
	if engine.CheckRoleName(l.Role) == nil { // no role has another name
		r, err := i.roles.Get(ctx, req.Storage, l.Role)
		if err != nil {
			return nil, err
		}
		if r != nil {
			if err := r.RenewalRefusal("roles/" + l.Role); err != nil {
				return nil, err
			}
			if r.Issues(roles.IAMUser) { // else it says nothing of IAM users
				l.DefaultTTL, l.MaxTTL = r.DefaultTTL, r.MaxTTL
			}
		}
	}
	cfg, err := engine.LoadOr(ctx, req.Storage, engine.KeyLeaseConfig, newLeaseConfig)
	if err != nil {
		return nil, err
	}
	ctx, moment := l.moment(ctx, i.Mount, req)
	if err := i.users.Renew(ctx, req.Storage, &l.Lease, l.began(req.Secret), func(now time.Time) time.Time {
		return l.lastMoment(i.LeaseBounds(), cfg, l.began(req.Secret), now, req.Secret.Increment)
	}); err != nil {
		return nil, err
	}
	resp := &logical.Response{Secret: req.Secret}
	resp.Secret.TTL, resp.Secret.MaxTTL = i.leaseTTLs(l, cfg)
	moment.Renewed(resp)
	return resp, nil
}

// revoke ends a credential. Its errors go to Vault as they are: Vault tries again,
// and writes them to its log. Should Vault give the lease up, the sweep ends the user.
func (i *issuer) revoke(ctx context.Context, req *logical.Request, _ *framework.FieldData) (resp *logical.Response, err error) {
	defer i.Recover(&err)
	l, err := leaseOf(req)
	if err == nil && l.Handout != "" {
		i.shared.Return(l.Handout)
	}
	if err != nil {
		return nil, err
	}
	ctx, moment := l.moment(ctx, i.Mount, req)
	if l.IsSTS {
		err = i.revokeSession(ctx, req, l, moment)
	} else {
		err = i.users.Revoke(ctx, req.Storage, &l.Lease, l.began(req.Secret), moment)
		i.memory.Ended(l.Username, err)
	}
	if err != nil {
		moment.NotRevoked(err)
	}
	if err != nil && i.Vault.Tainted() {
		what := "delete the IAM user in AWS"
		if l.IsSTS {
			what = "the session ends by itself"
		}
		err = fmt.Errorf("%w; the mount is being disabled or moved, so config/root and issued/ cannot be written any more: "+
			"if AWS cannot be made to agree, drop the lease with vault lease revoke -force -prefix <lease_id>, and %s", err, what)
	}
	return nil, awscreds.Explained(err)
}
