// SPDX-License-Identifier: MPL-2.0

package backend

// Sharing: with share_for, a caller who repeats a request gets the same credential again.
// Secrets are in memory (backend/sharing). The record of an IAM user that several leases have contains
// a handout for each of them (backend/users), and the user is deleted with the last.

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/vault/sdk/helper/consts"
	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/engine"
	"vault-plugin-secrets-aws-dyn/backend/roles"
	"vault-plugin-secrets-aws-dyn/backend/sharing"
	"vault-plugin-secrets-aws-dyn/internal/awscreds"
)

// sharedStore keeps the credentials that are shared.
type sharedStore = sharing.Store[*sharedCredential, *logical.Response]

// sharedCredential is a credential that was answered, with its secret. It is immutable.
type sharedCredential struct {
	client         *awscreds.Client // that of config/root when it was made
	credentialType string
	answer         map[string]any
	lease          *lease
	made           time.Time
	life           time.Duration // of a session
	warnings       []string
}

// shareKey is what an order stands for; shares is false where it is never shared. AWS takes the code
// of an MFA device once, and so do we; one person's console is not another's.
func (o order) shareKey(r *roles.Role) (key sharing.Key, shares bool) {
	if r.ShareFor <= 0 || o.mfaCode != "" || o.console != nil {
		return key, false
	}
	return sharing.Ask{
		Entity: o.entityID, Accessor: o.accessor, Path: o.path, Role: o.role,
		Says: r, Request: []any{o.ttl, o.roleARN, o.sessionName, o.tags},
	}.Key()
}

// issueShared gives the credential that is kept for an order, or makes one and keeps it. Secrets are
// kept by the active server alone, so others pass the request on.
func (i *issuer) issueShared(ctx context.Context, s logical.Storage, r *roles.Role, o order, key sharing.Key) (*logical.Response, error) {
	standby := i.Vault.ReplicationState().HasState(consts.ReplicationPerformanceStandby)
	if standby || r.Issues(roles.IAMUser) && !i.Writable() {
		return nil, logical.ErrReadOnly
	}
	hand := func(c *sharedCredential, id string) (*logical.Response, bool, error) {
		return i.handOut(ctx, s, c, id, o)
	}
	return i.shared.Get(ctx, key, o.role, hand, func(id string) (*logical.Response, *sharing.Credential[*sharedCredential], error) {
		client, err := i.AWS(ctx, s)
		if err != nil {
			return nil, nil, err
		}
		o, made := o, i.Now().UTC()
		o.handout = id
		resp, err := i.issueNew(ctx, s, r, o)
		if err != nil {
			return nil, nil, err
		}
		credentialType, err := o.typeOf(r)
		if err != nil {
			return nil, nil, err
		}
		resp.Secret.InternalData["handout"] = id
		l, err := leaseOf(&logical.Request{Secret: resp.Secret})
		if err != nil {
			return nil, nil, err
		}
		c := &sharing.Credential[*sharedCredential]{Made: made, For: min(r.ShareFor, roles.LongestShare), Value: &sharedCredential{
			client: client, credentialType: credentialType, answer: maps.Clone(resp.Data), lease: l, made: made, life: resp.Secret.TTL, warnings: slices.Clone(resp.Warnings),
		}}
		if !l.IsSTS {
			c.User = l.Username
		}
		return resp, c, nil
	})
}

// handOut gives a credential once more; ok is false where there has to be a new one. It calls nobody.
func (i *issuer) handOut(ctx context.Context, s logical.Storage, c *sharedCredential, id string, o order) (resp *logical.Response, ok bool, err error) {
	client, err := i.AWS(ctx, s)
	if err != nil || client != c.client { // config/root or its key has changed
		return nil, false, err
	}
	if err := i.stillEnabled(ctx, s, o.role); err != nil {
		return nil, false, err
	}
	l := *c.lease
	l.Handout = id
	ctx, moment := i.CredsMoment(ctx, o.asked, o.role, c.credentialType)
	if l.IsSTS {
		resp, err = i.sessionAgain(c, &l, o, moment)
	} else {
		resp, err = i.userAgain(ctx, s, c, &l, o, moment)
	}
	if err == nil && resp != nil {
		resp.Warnings = append(resp.Warnings, c.warnings...)
		if i.Age(c.made) > i.LagWindow { // a key is not new for ever
			resp.Warnings = slices.DeleteFunc(resp.Warnings, func(warning string) bool { return strings.HasPrefix(warning, newKey) })
		}
	}
	return resp, resp != nil, err
}

// enoughLeft reports whether enough is left of a life for who gets it: what was asked for, or else half.
// A tenth may be missing of what was asked for, since whatever exists already is a little shorter.
func enoughLeft(left, life, asked time.Duration) bool {
	if asked > 0 {
		return left >= min(asked, life)*9/10
	}
	return left >= life/2
}

// sessionAgain answers a session once more; nil where too little is left of it.
func (i *issuer) sessionAgain(c *sharedCredential, l *lease, o order, moment *engine.Moment) (*logical.Response, error) {
	left := c.life - i.Age(c.made)
	if !enoughLeft(left, c.life, o.ttl) {
		return nil, nil
	}
	internal, err := l.internal()
	if err != nil {
		return nil, err
	}
	data := maps.Clone(c.answer)
	data["ttl"] = engine.Seconds(left)
	resp := i.secret.Response(data, internal)
	resp.Secret.TTL, resp.Secret.Renewable = left, false
	moment.Made(resp)
	moment.Issued("returned a session once more", resp, "shared", true)
	return resp, nil
}

// userAgain gives an IAM user one lease more; nil where it ends, or has too many or too little time.
func (i *issuer) userAgain(ctx context.Context, s logical.Storage, c *sharedCredential, l *lease, o order, moment *engine.Moment) (resp *logical.Response, err error) {
	set, err := i.anySettings(ctx, s)
	if err != nil {
		return nil, err
	}
	ends, leases, err := i.users.HandOut(ctx, s, &l.Lease, sharing.MostHandouts, func(now time.Time) (last time.Time, ok bool, err error) {
		of := i.LeaseBounds()
		l.Late = now.Sub(l.Created)
		longest := l.longest(of, set.leases)
		if !enoughLeft(longest-l.Late, longest, o.ttl) {
			return last, false, nil
		}
		resp, err = i.keyResponse(l, awscreds.Key{ID: l.AccessKeyID, Secret: c.answer["secret_key"].(string)}, set.leases)
		return l.lastMoment(of, set.leases, l.Created, now, 0), true, err
	})
	if err != nil || leases == 0 {
		return nil, err
	}
	moment.User, moment.AccessKey, moment.Account, moment.Ends = l.Username, l.AccessKeyID, l.Account.Number, ends
	moment.Issued("issued an IAM user once more", resp, "shared", true, "leases", leases)
	return resp, nil
}
