// SPDX-License-Identifier: MPL-2.0

package staticrole

// Which AWS account the IAM user of a static role is in. That AWS shows no such user, no such
// key or another user of the name counts only from there.

import (
	"context"
	"fmt"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/engine"
	"vault-plugin-secrets-aws-dyn/internal/awscreds"
)

// accounts reach the IAM users of static roles in their AWS accounts, and say whose keys theirs are.
type accounts struct {
	*engine.Mount
	issuedHere IssuedHere
}

// clientOf returns the client for the account of a static role.
func (a *accounts) clientOf(ctx context.Context, s logical.Storage, by engine.AssumeRole) (*awscreds.Client, error) {
	return a.AWSAs(ctx, s, by.Named(defaultSession))
}

// iamUser is the IAM user of a static role.
type iamUser struct {
	name, id string
	by       engine.AssumeRole
	in       awscreds.Account // zero where the first edition or the built-in engine adopted it
	role     string
}

func (r *role) iamUser() iamUser {
	return iamUser{name: r.Username, id: r.ID, by: r.AssumeRole, in: r.In, role: r.Name}
}

func (w *walKey) iamUser() iamUser {
	return iamUser{name: w.Username, id: w.UserID, by: w.AssumeRole, in: w.In, role: w.Role}
}

// madeIn is the account that the user is in: as AWS told when it was adopted, else the one of
// the role to assume, else the mount's home; zero where nobody knows.
func (u iamUser) madeIn(ctx context.Context, s logical.Storage) (awscreds.Account, error) {
	switch {
	case u.in.Known():
		return u.in, nil
	case u.by.IsSet():
		return awscreds.Account{}, nil // whatever config/root leads to, the role is in one account
	}
	return engine.HomeAccount(ctx, s)
}

// check refuses to believe a client that the user or a key of it is gone, where it works in
// another account.
func (a *accounts) check(ctx context.Context, s logical.Storage, c *awscreds.Client, u iamUser) error {
	made, err := u.madeIn(ctx, s)
	if err != nil {
		return err
	}
	return a.CheckAccount(ctx, c, made, fmt.Sprintf("the IAM user %s of static role %s", u.name, u.role),
		"delete static-roles/"+u.role+" with force=true to drop the role and leave its keys")
}

// endKey deletes a key of the user, and reports whether AWS knew it.
func (a *accounts) endKey(ctx context.Context, s logical.Storage, c *awscreds.Client, u iamUser, id string) (existed bool, err error) {
	existed, err = c.EndKey(ctx, u.name, id)
	if err == nil && !existed {
		err = a.check(ctx, s, c, u)
	}
	return existed, err
}

// keysOf lists the keys of the user, once AWS has said that it is still the one that was
// adopted.
func (a *accounts) keysOf(ctx context.Context, s logical.Storage, c *awscreds.Client, u iamUser) (info awscreds.UserInfo, keys []awscreds.KeyInfo, err error) {
	info, err = c.LookUpUser(ctx, u.name)
	if err == nil && info.ID != u.id || awscreds.IsNotFound(err) {
		if elsewhere := a.check(ctx, s, c, u); elsewhere != nil {
			return info, nil, elsewhere
		}
	}
	if err != nil {
		return info, nil, err
	}
	if info.ID != u.id {
		return info, nil, engine.UserErrorf("username: the IAM user %s is not the one that the role was written for: AWS calls it %s, and that one was %s; "+
			"somebody recreated it. Delete the static role and write it again", u.name, info.ID, u.id)
	}
	keys, err = c.Keys(ctx, u.name)
	return info, keys, err
}

// Elsewhere counts the static roles whose user is known to be in another account than here.
func Elsewhere(ctx context.Context, s logical.Storage, here awscreds.Account) (n int, err error) {
	err = eachRole(ctx, s, func(_ string, r *role, err error) error {
		if err != nil || r.AssumeRoleARN != "" {
			return nil //nolint:nilerr // what cannot be read is told elsewhere
		}
		made, err := r.iamUser().madeIn(ctx, s)
		if err == nil && made.Known() && !made.Same(here) {
			n++
		}
		return err
	})
	return n, err
}
