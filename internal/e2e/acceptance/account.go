// SPDX-License-Identifier: MPL-2.0

package main

// What a run makes in the account, all of it below one path, and takes away again.

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// Everything of every run has this path, and a name that begins so. A federated session has room for a name of 32 characters.
const (
	common = "awsdyn-"
	path   = "/awsdyn-acceptance/"
)

// account is the AWS account, as whoever started the run may use it.
type account struct {
	settings
	iam              *iam.Client
	id, partition    string
	prefix           string // of the names of this run
	role             string // the ARN of the role to assume
	keyID, keySecret string // of the engine's own user
	engine, toRotate string // the engine's own user, and one for a static role
}

func openAccount(ctx context.Context, s settings) (*account, error) {
	who, err := sts.NewFromConfig(s.operator, func(o *sts.Options) { o.BaseEndpoint = s.base() }).
		GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return nil, fmt.Errorf("asking AWS who you are: %w", err)
	}
	prefix := common + strings.ToLower(rand.Text()[:6]) + "-"
	a := &account{
		settings: s, iam: iam.NewFromConfig(s.operator, func(o *iam.Options) { o.BaseEndpoint = s.base() }),
		id: aws.ToString(who.Account), partition: strings.Split(aws.ToString(who.Arn)+"::", ":")[1],
		prefix: prefix, engine: prefix + "engine", toRotate: prefix + "static", role: s.assume,
	}
	a.say("in account %s as %s; all names begin with %s", a.id, aws.ToString(who.Arn), prefix)
	return a, nil
}

func (s settings) base() *string {
	if s.endpoint == "" {
		return nil
	}
	return &s.endpoint
}

// say tells how far the run is.
func (s settings) say(format string, args ...any) {
	fmt.Fprintf(s.out, "acceptance: "+format+"\n", args...)
}

// prepare makes the engine's own user, one for a static role, and a role to assume.
func (a *account) prepare(ctx context.Context) error {
	for _, name := range []string{a.engine, a.toRotate} {
		if _, err := a.iam.CreateUser(ctx, &iam.CreateUserInput{UserName: &name, Path: aws.String(path)}); err != nil {
			return fmt.Errorf("making the user %s: %w", name, err)
		}
	}
	if a.role == "" {
		trust := fmt.Sprintf(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"arn:%s:iam::%s:root"},"Action":"sts:AssumeRole"}}`, a.partition, a.id)
		made, err := a.iam.CreateRole(ctx, &iam.CreateRoleInput{RoleName: aws.String(a.prefix + "role"), Path: aws.String(path), AssumeRolePolicyDocument: &trust})
		if err != nil {
			return fmt.Errorf("making a role: %w", err)
		}
		a.role = aws.ToString(made.Role.Arn)
	}
	policy := fmt.Sprintf(`{"Version":"2012-10-17","Statement":[
{"Effect":"Allow","Resource":"arn:%s:iam::%s:user%s*","Action":["iam:CreateUser","iam:DeleteUser","iam:GetUser","iam:TagUser",
"iam:CreateAccessKey","iam:DeleteAccessKey","iam:ListAccessKeys","iam:UpdateAccessKey","iam:GetAccessKeyLastUsed",
"iam:AttachUserPolicy","iam:DetachUserPolicy","iam:ListAttachedUserPolicies","iam:PutUserPolicy","iam:DeleteUserPolicy",
"iam:ListUserPolicies","iam:ListGroupsForUser"]},
{"Effect":"Allow","Resource":"%s","Action":"sts:AssumeRole"},{"Effect":"Allow","Resource":"*","Action":["sts:GetFederationToken","iam:ListUsers"]}]}`,
		a.partition, a.id, path, a.role)
	if _, err := a.iam.PutUserPolicy(ctx, &iam.PutUserPolicyInput{UserName: &a.engine, PolicyName: aws.String("engine"), PolicyDocument: &policy}); err != nil {
		return fmt.Errorf("allowing the engine's user what it needs: %w", err)
	}
	key, err := a.iam.CreateAccessKey(ctx, &iam.CreateAccessKeyInput{UserName: &a.engine})
	if err != nil {
		return fmt.Errorf("making the engine's key: %w", err)
	}
	a.keyID, a.keySecret = aws.ToString(key.AccessKey.AccessKeyId), aws.ToString(key.AccessKey.SecretAccessKey)
	return nil
}

// users are the names below the path that begin so.
func (a *account) users(ctx context.Context, prefix string) ([]string, error) {
	var names []string
	pages := iam.NewListUsersPaginator(a.iam, &iam.ListUsersInput{PathPrefix: aws.String(path)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("listing users: %w", err)
		}
		for _, user := range page.Users {
			if name := aws.ToString(user.UserName); strings.HasPrefix(name, prefix) {
				names = append(names, name)
			}
		}
	}
	return names, nil
}

// left names what the engine has not deleted, when all its leases have ended.
func (a *account) left(ctx context.Context) error {
	deadline := time.Now().Add(a.patience)
	for {
		names, err := a.users(ctx, a.prefix)
		if err != nil {
			return err
		}
		names = slices.DeleteFunc(names, func(name string) bool { return name == a.engine || name == a.toRotate })
		if len(names) == 0 {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("the engine has left these users: %q", names)
		}
		if err := wait(ctx, a.pause); err != nil {
			return err
		}
	}
}

// sweep deletes all users below the path, and roles, whose names begin so, until AWS shows none twice: a call that was under
// way when the Vault ended may come late, and so may what AWS shows.
func (a *account) sweep(ctx context.Context, prefix string) error {
	for none := 0; none < 2; none++ {
		names, err := a.users(ctx, prefix)
		if err != nil {
			return err
		}
		var errs []error
		for _, name := range names {
			errs = append(errs, a.removeUser(ctx, name))
		}
		if err := errors.Join(errs...); err != nil {
			return err
		}
		if len(names) > 0 {
			a.say("deleted %d users: %s", len(names), strings.Join(names, " "))
			none = -1
		}
		if err := wait(ctx, a.pause); err != nil {
			return err
		}
	}
	return a.removeRoles(ctx, prefix)
}

// removeUser deletes a user with what the engine gives users.
func (a *account) removeUser(ctx context.Context, name string) error {
	keys, err := a.iam.ListAccessKeys(ctx, &iam.ListAccessKeysInput{UserName: &name})
	if err != nil {
		return gone(err, "listing the keys of "+name)
	}
	var errs []error
	for _, key := range keys.AccessKeyMetadata {
		_, err := a.iam.DeleteAccessKey(ctx, &iam.DeleteAccessKeyInput{UserName: &name, AccessKeyId: key.AccessKeyId})
		errs = append(errs, gone(err, "deleting a key of "+name))
	}
	inline, err := a.iam.ListUserPolicies(ctx, &iam.ListUserPoliciesInput{UserName: &name})
	if err != nil {
		return gone(err, "listing the policies of "+name)
	}
	for _, policy := range inline.PolicyNames {
		_, err := a.iam.DeleteUserPolicy(ctx, &iam.DeleteUserPolicyInput{UserName: &name, PolicyName: &policy})
		errs = append(errs, gone(err, "deleting a policy of "+name))
	}
	attached, err := a.iam.ListAttachedUserPolicies(ctx, &iam.ListAttachedUserPoliciesInput{UserName: &name})
	if err != nil {
		return gone(err, "listing the policies of "+name)
	}
	for _, policy := range attached.AttachedPolicies {
		_, err := a.iam.DetachUserPolicy(ctx, &iam.DetachUserPolicyInput{UserName: &name, PolicyArn: policy.PolicyArn})
		errs = append(errs, gone(err, "detaching a policy of "+name))
	}
	_, err = a.iam.DeleteUser(ctx, &iam.DeleteUserInput{UserName: &name})
	return errors.Join(append(errs, gone(err, "deleting "+name))...)
}

// removeRoles deletes the roles that runs have made. They have nothing but a trust policy.
func (a *account) removeRoles(ctx context.Context, prefix string) error {
	if a.assume != "" {
		return nil
	}
	roles, err := a.iam.ListRoles(ctx, &iam.ListRolesInput{PathPrefix: aws.String(path)})
	if err != nil {
		return fmt.Errorf("listing roles: %w", err)
	}
	var errs []error
	for _, role := range roles.Roles {
		if strings.HasPrefix(aws.ToString(role.RoleName), prefix) {
			_, err := a.iam.DeleteRole(ctx, &iam.DeleteRoleInput{RoleName: role.RoleName})
			errs = append(errs, gone(err, "deleting the role "+aws.ToString(role.RoleName)))
		}
	}
	return errors.Join(errs...)
}

// gone takes "there is no such thing" for done.
func gone(err error, doing string) error {
	var missing *types.NoSuchEntityException
	if err == nil || errors.As(err, &missing) {
		return nil
	}
	return fmt.Errorf("%s: %w", doing, err)
}
