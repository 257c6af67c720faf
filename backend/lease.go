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
	"vault-plugin-secrets-aws-dyn/internal/awscreds"
)

// secretType is what the built-in engine calls its leases; they are understood.
const secretType = "access_keys"

// lease is the internal data of a lease: all that its end will need, so that the
// role may change or go meanwhile. The first two fields are those that the
// built-in engine reads.
type lease struct {
	Username string `json:"username"`
	IsSTS    bool   `json:"is_sts"`

	Role         string    `json:"role,omitempty"`
	AccessKeyID  string    `json:"access_key_id,omitempty"`
	PolicyARNs   []string  `json:"policy_arns,omitempty"`
	InlinePolicy string    `json:"inline_policy,omitempty"`
	Groups       []string  `json:"iam_groups,omitempty"`
	Created      time.Time `json:"created,omitzero"`
	// Registered says that the user has a record in the register, for as long as it exists.
	Registered bool `json:"registered,omitempty"`

	// How long the lease runs, as the request and the role said when it began.
	RequestTTL time.Duration `json:"request_ttl,omitempty"`
	DefaultTTL time.Duration `json:"default_ttl,omitempty"`
	MaxTTL     time.Duration `json:"max_ttl,omitempty"`
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

// leaseOf reads a lease that we or the built-in engine wrote.
func leaseOf(secret *logical.Secret) (*lease, error) {
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
	return l, nil
}

// ttls returns the lease's length and its bound, for Vault to apply; zero leaves
// either to the mount. Whoever is closest to the credential says how long, and
// whoever says least how long at most.
func (l *lease) ttls(cfg *leaseConfig) (ttl, longest time.Duration) {
	ttl = firstSet(l.RequestTTL, l.DefaultTTL, cfg.Lease)
	longest = firstSet(l.MaxTTL, cfg.LeaseMax)
	if cfg.LeaseMax > 0 {
		longest = min(longest, cfg.LeaseMax)
	}
	return ttl, longest
}

func firstSet(durations ...time.Duration) time.Duration {
	for _, d := range durations {
		if d > 0 {
			return d
		}
	}
	return 0
}

func (b *backend) secret() *framework.Secret {
	return &framework.Secret{
		Type:   secretType,
		Fields: credsFields(),
		Renew:  b.Answer(b.renew),
		Revoke: b.revoke,
	}
}

// renew prolongs a lease as its role says now, or as it said when the role is gone.
func (b *backend) renew(ctx context.Context, req *logical.Request, _ *framework.FieldData) (*logical.Response, error) {
	l, err := leaseOf(req.Secret)
	if err != nil {
		return nil, err
	}
	if l.IsSTS {
		return nil, engine.UserErrorf("the credentials of this lease end when AWS said they would; they cannot be renewed")
	}
	if engine.CheckRoleName(l.Role) == nil { // no role has another name
		r, err := loadRole(ctx, req.Storage, l.Role)
		if err != nil {
			return nil, err
		}
		if r != nil {
			l.DefaultTTL, l.MaxTTL = r.DefaultTTL, r.MaxTTL
		}
	}
	cfg, err := engine.LoadOr(ctx, req.Storage, engine.KeyLeaseConfig, newLeaseConfig)
	if err != nil {
		return nil, err
	}
	if err := b.prolong(ctx, req, l, cfg); err != nil {
		return nil, err
	}
	resp := &logical.Response{Secret: req.Secret}
	resp.Secret.TTL, resp.Secret.MaxTTL = l.ttls(cfg)
	return resp, nil
}

// prolong writes the lease's new last moment before Vault hears of it. A lease that the
// built-in engine began gets its record here.
func (b *backend) prolong(ctx context.Context, req *logical.Request, l *lease, cfg *leaseConfig) error {
	r, err := engine.Load[issued](ctx, req.Storage, issuedKey(l.Username))
	switch {
	case err != nil:
		return err
	case r == nil && l.Registered:
		return engine.UserErrorf("the IAM user %s of this lease has been deleted; read creds/%s again", l.Username, l.Role)
	case r == nil:
		r = newIssued(l, l.began(req.Secret))
	case !r.Ending.IsZero():
		return engine.UserErrorf("the IAM user %s of this lease is being deleted; read creds/%s again", l.Username, l.Role)
	}
	now := b.Now().UTC()
	ends := lastMoment(b.Vault, l, cfg, l.began(req.Secret), now, req.Secret.Increment)
	if ends.Before(r.Ends) {
		ends = r.Ends
	}
	r.prolong(ends, now)
	return b.enter(ctx, req.Storage, l.Username, r)
}

// revokeTime bounds what is written down after a revocation that failed, perhaps for
// want of time.
const revokeTime = 10 * time.Second

// revoke ends a credential. Its errors go to Vault as they are: Vault tries again,
// and writes them to its log. Should Vault give the lease up, the sweep ends the user.
func (b *backend) revoke(ctx context.Context, req *logical.Request, _ *framework.FieldData) (resp *logical.Response, err error) {
	defer b.Recover(&err)
	l, err := leaseOf(req.Secret)
	if err != nil || l.IsSTS { // STS credentials cannot be revoked; they end by themselves
		return nil, err
	}
	existed, err := b.deleteLeased(ctx, req.Storage, l)
	if err == nil && (existed || !b.young(l, req.Secret)) {
		return nil, b.strike(ctx, req.Storage, l.Username)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), revokeTime)
	defer cancel()
	return nil, errors.Join(err, b.endLater(ctx, req.Storage, l, l.began(req.Secret)))
}

// deleteLeased deletes the user of a lease.
func (b *backend) deleteLeased(ctx context.Context, s logical.Storage, l *lease) (existed bool, err error) {
	client, err := b.AWS(ctx, s)
	if err != nil {
		return false, err
	}
	return client.DeleteUser(awscreds.Enduring(ctx), l.Username, l.owned())
}

// young reports whether a user is so new that AWS may not know it everywhere.
func (b *backend) young(l *lease, secret *logical.Secret) bool {
	return b.Now().Sub(l.began(secret)) < b.LagWindow
}

// began is when the lease began.
func (l *lease) began(secret *logical.Secret) time.Time {
	if l.Created.IsZero() {
		return secret.IssueTime
	}
	return l.Created
}
