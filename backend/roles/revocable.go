// SPDX-License-Identifier: MPL-2.0

package roles

import (
	"context"

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
	return r.CheckAccount(here, arn)
}

// CheckAccount refuses AWS roles of another account than the one that the calls of a role are made in.
func (r *Role) CheckAccount(here awscreds.Account, arns ...string) error {
	for _, arn := range arns {
		if of := awsrules.ARNAccount(arn); awsrules.IsAccount(of) && here.Known() && of != here.Number {
			return engine.UserErrorf("revoke_sessions: %s is in AWS account %s, and the calls for this role are made in %s: only an identity of its own account can write the policy that revokes its sessions; "+
				"set assume_role_arn to a role of account %s that may, or revoke_sessions=false", arn, of, here.Number, of)
		}
	}
	return nil
}

// checkRevocable is foreignTo for a role that is written. It asks AWS at most which account config/root leads to.
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
		return []string{"revoke_sessions: AWS does not tell which account config/root leads to, so that each request checks whether role_arns are of it"}, nil
	}
	return nil, r.CheckAccount(here, r.RoleARNs...)
}
