// SPDX-License-Identifier: MPL-2.0

package tidy

// The accounts that a run goes through: that of config/root, and those that roles or records lead
// to.

import (
	"context"
	"errors"
	"fmt"

	"vault-plugin-secrets-aws-dyn/backend/engine"
	"vault-plugin-secrets-aws-dyn/internal/awscreds"
)

// Account is an AWS account, and the ways in which it is reached, of which one is enough.
type Account struct {
	Name string // as [engine.AssumeRole.Account] has it
	Ways []engine.AssumeRole
}

// tidy goes through each account once. One that is out of reach holds up no other.
func (r *run) tidy(ctx context.Context) (err error) {
	defer r.t.Recover(&err)
	if r.known, err = r.t.records.Known(ctx, r.storage); err != nil {
		return err
	}
	accounts, err := r.t.records.Accounts(ctx, r.storage)
	if err != nil {
		return err
	}
	var errs []error
	for _, account := range accounts {
		r.account, r.refusal, r.inARow = account, nil, 0
		err := r.tidyAccount(ctx)
		if err != nil && account.Name != "" {
			err = fmt.Errorf("AWS account %s: %w", account.Name, err)
		}
		errs = append(errs, err)
		if ctx.Err() != nil {
			break
		}
	}
	return errors.Join(errs...)
}

// client is the client for the account, by the first way that leads there. What AWS has refused
// to lead there, it is not asked again in this run.
func (r *run) client(ctx context.Context) (c *awscreds.Client, err error) {
	var errs []error
	for _, way := range r.account.Ways {
		if err := r.lost[way]; err != nil {
			errs = append(errs, err)
			continue
		}
		if c, err = r.t.AWSAs(ctx, r.storage, way); err == nil {
			r.way = way
			return c, nil
		}
		if engine.IsNotAllowed(err) {
			r.lost[way] = err
		}
		errs = append(errs, err)
	}
	return nil, errors.Join(errs...)
}
