// SPDX-License-Identifier: MPL-2.0

package roles

import (
	"context"
	"fmt"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/awsrules"
	"vault-plugin-secrets-aws-dyn/backend/engine"
	"vault-plugin-secrets-aws-dyn/internal/awscreds"
)

// What a role needs so that its sessions can be revoked: AWS roles of the account that its calls are made in.

// CheckOwnAccount refuses to make a session revocable whose role is of another account than the
// client's: nobody can write a policy of another account's role.
func (r *Role) CheckOwnAccount(ctx context.Context, client *awscreds.Client, arn string) error {
	if !r.RevokeSessions {
		return nil
	}
	here, err := client.FindAccount(ctx)
	if err != nil {
		return err
	}
	return checkAccount(here, arn)
}

// Foreign is the first of some AWS roles that is of another account than the one that the calls of a role are made in, and
// that account; empty where there is none, or nobody knows.
func Foreign(here awscreds.Account, arns ...string) (arn, account string) {
	for _, arn := range arns {
		if of := awsrules.ARNAccount(arn); awsrules.IsAccount(of) && here.Known() && of != here.Number {
			return arn, of
		}
	}
	return "", ""
}

// checkAccount refuses AWS roles of another account for a role with revoke_sessions.
func checkAccount(here awscreds.Account, arns ...string) error {
	if arn, of := Foreign(here, arns...); arn != "" {
		return engine.UserErrorf("revoke_sessions: %s is in AWS account %s, and the calls for this role are made in %s: only an identity of its own account can write the policy that revokes its sessions; "+
			"set assume_role_arn to a role of account %s that may, or revoke_sessions=false", arn, of, here.Number, of)
	}
	return nil
}

// checkRevocable is checkAccount for a role that is written. It asks AWS at most which account config/root leads to.
func (rs *Roles) checkRevocable(ctx context.Context, s logical.Storage, r *Role) (warnings []string, err error) {
	if !r.RevokeSessions || !r.Issues(AssumedRole) {
		return nil, nil
	}
	here := awscreds.Account{Number: awsrules.ARNAccount(r.AssumeRoleARN)}
	if r.AssumeRoleARN == "" {
		ctx, cancel := context.WithTimeout(ctx, engine.AccountLook)
		defer cancel()
		if client, err := rs.AWS(ctx, s); err == nil {
			here, _ = client.FindAccount(ctx) // what nobody tells is not known
		}
	}
	if !here.Known() {
		warnings = append(warnings, "revoke_sessions: AWS does not tell which account config/root leads to, so that each request checks whether role_arns are of it")
	}
	return warnings, checkAccount(here, r.RoleARNs...)
}

// unregistered warns where a write has made a role's sessions revocable of which some have neither a lease nor a record.
func (rs *Roles) unregistered(ctx context.Context, s logical.Storage, before, now *Role) []string {
	if before.RevokeSessions || !now.RevokeSessions || !now.Issues(AssumedRole) || rs.o.Registers(ctx, s) {
		return nil
	}
	return []string{"revoke_sessions: sdk/creds refuses the role while register_sessions of config/users is off, because its sessions have no lease; creds/ works without it"}
}

// WithoutRegister warns where register_sessions is switched off, and sessions without a lease are refused from now on.
func WithoutRegister(ctx context.Context, s logical.Storage) (warnings []string, err error) {
	names, err := Names(ctx, s)
	if err != nil {
		return nil, err
	}
	var revocable []string
	for _, name := range names {
		r, err := Load(ctx, s, name)
		switch {
		case engine.IsUnreadable(err):
		case err != nil:
			return nil, err
		case r != nil && r.RevokeSessions && r.Issues(AssumedRole):
			revocable = append(revocable, name)
		}
	}
	if len(revocable) == 0 {
		return nil, nil
	}
	return []string{fmt.Sprintf("register_sessions: is off, so sdk/creds refuses %s with revoke_sessions, such as %q: nothing could revoke a session that has neither a lease nor a record; creds/ works as before",
		engine.Counted(len(revocable), "role"), revocable[0])}, nil
}
