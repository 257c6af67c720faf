// SPDX-License-Identifier: MPL-2.0

package backend

// Which AWS account a user was made in. A record says so as soon as AWS's answers did. What
// the first edition and the built-in engine wrote does not: those users are taken to be of the
// mount's home account, which is the one that config/root led to when the engine first heard
// its number, unless somebody writes another to config/users.

import (
	"context"
	"fmt"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/engine"
	"vault-plugin-secrets-aws-dyn/internal/awscreds"
)

// madeIn is the account that the user of a record was made in; zero where nobody knows.
func (b *backend) madeIn(ctx context.Context, s logical.Storage, r *userRecord, here awscreds.Account) (awscreds.Account, error) {
	if r.Account.Known() {
		return r.Account, nil
	}
	if here.Known() && awscreds.AccountOfKey(r.AccessKeyID) == here.Number {
		return here, nil // the number in a key's ID confirms, and never contradicts
	}
	home, err := engine.LoadOr(ctx, s, engine.KeyHome, func() *awscreds.Account { return new(awscreds.Account) })
	if err != nil {
		return awscreds.Account{}, fmt.Errorf("reading the mount's home account: %w", err)
	}
	return *home, nil
}

// keepHome stores the account that config/root leads to as the mount's home, if it has none.
func (b *backend) keepHome(ctx context.Context, s logical.Storage) error {
	client := b.KnownClient()
	if client == nil {
		return nil
	}
	if account, err := client.FindAccount(ctx); err != nil || !account.Known() {
		return nil //nolint:nilerr // the next tick asks again
	}
	home, err := engine.Load[awscreds.Account](ctx, s, engine.KeyHome)
	if err != nil || home != nil {
		return err
	}
	return engine.Save(ctx, s, engine.KeyHome, client.KnownAccount())
}
