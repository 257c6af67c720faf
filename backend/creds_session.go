// SPDX-License-Identifier: MPL-2.0

package backend

// Temporary credentials of STS. They expire by themselves, and AWS cannot revoke them, so nothing has to be
// stored, unless the mount registers sessions or the role has revoke_sessions (creds_revocable.go). Their leases
// tell clients how long they are valid.

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/awsrules"
	"vault-plugin-secrets-aws-dyn/backend/engine"
	"vault-plugin-secrets-aws-dyn/backend/roles"
	"vault-plugin-secrets-aws-dyn/backend/users"
	"vault-plugin-secrets-aws-dyn/internal/awscreds"
)

// issueRoleSession assumes one of the role's role_arns.
func (i *issuer) issueRoleSession(ctx context.Context, s logical.Storage, r *roles.Role, o order) (*logical.Response, error) {
	arn, err := o.pickARN(r, i.Place(ctx, s))
	if err != nil {
		return nil, err
	}
	client, err := i.AWSAs(ctx, s, r.Way())
	if err != nil {
		return nil, err
	}
	if err := r.CheckOwnAccount(ctx, client, arn); err != nil {
		return nil, err
	}
	life, err := r.Life(ctx, i.Mount, client, o.ttl, o.console != nil)
	if err != nil {
		return nil, err
	}
	name, err := i.sessionName(ctx, s, r, o)
	if err != nil {
		return nil, err
	}
	limits, err := r.Limits(ctx, client)
	if err != nil {
		return nil, err
	}
	session, err := client.AssumeRole(ctx, r.Session(arn, name, life.Asked(), limits))
	if err != nil {
		caller := "the engine's own identity"
		if r.AssumeRoleARN != "" {
			caller = r.AssumeRoleARN + ", which assume_role_arn names,"
		}
		return nil, r.Denied(err, "the policy of "+caller+" and in the trust policy of "+arn+"; AWS does not tell which of the two lacks it")
	}
	l := &lease{Lease: users.Lease{Username: name, Role: o.role, Registered: o.registered}}
	if err := l.keepRevocable(session, client, r); err != nil {
		return nil, err
	}
	resp, err := i.sessionResponse(session, l, life)
	if n := utf8.RuneCountInString(o.sessionName); err == nil && n > awsrules.MostSessionName {
		resp.AddWarning(fmt.Sprintf("role_session_name: cut from %d characters to %d, the most that AWS takes", n, awsrules.MostSessionName))
	}
	if err == nil && len(r.IAMGroups) > 0 && limits.Policy == "" && len(limits.PolicyARNs) == 0 {
		resp.AddWarning(fmt.Sprintf("iam_groups: AWS has no policies of %s now, so nothing narrows the session down: it may do all that %s may; "+
			"give the groups policies, or set policy_arns or policy_document", strings.Join(r.IAMGroups, ", "), arn))
	}
	return resp, err
}

// sessionName names the session of a role: as the request says, else as ownName; as no other where it can be revoked.
func (i *issuer) sessionName(ctx context.Context, s logical.Storage, r *roles.Role, o order) (string, error) {
	if r.RevokeSessions {
		return i.uniqueName(ctx, s, r, o)
	}
	if name := awsrules.SessionName(o.sessionName); name != "" {
		if err := awsrules.CheckSessionName(name); err != nil {
			return "", engine.UserErrorf("role_session_name: %q %v", name, err)
		}
		return name, nil
	}
	return i.ownName(ctx, s, r, o, (*awsrules.NameTemplate).Session)
}

// ownName names a session as the role says, else by the template in config/root.
func (i *issuer) ownName(ctx context.Context, s logical.Storage, r *roles.Role, o order, make func(t *awsrules.NameTemplate, displayName, role string) (string, error)) (string, error) {
	if r.SessionName != "" {
		return r.SessionName, nil
	}
	set, err := i.settings(ctx, s)
	if err != nil {
		return "", err
	}
	name, err := make(set.usernames, o.displayName, o.role)
	if err != nil {
		return "", engine.UserErrorf("%w", err)
	}
	return name, nil
}

// pickARN is the ARN to assume: the one that the request names, if the role has it,
// or the only one. What a pattern covers has to be an ARN where it goes.
func (o order) pickARN(r *roles.Role, at engine.Place) (string, error) {
	if o.roleARN != "" && r.Patterns {
		var m engine.Mistakes
		forms := engine.NewForms(at, &m)
		forms.CheckARN(at.STS, "role_arn", o.roleARN, "role")
		if err := m.Err(); err != nil {
			return "", err
		}
	}
	switch {
	case o.roleARN != "" && !slices.ContainsFunc(r.RoleARNs, func(arn string) bool {
		return arn == o.roleARN && !r.Patterns || awsrules.Matches(arn, o.roleARN) && r.Patterns
	}):
		return "", engine.UserErrorf("role_arn: %q is not among the role_arns of role %q", awsrules.Abridged(o.roleARN), o.role)
	case o.roleARN != "":
		return o.roleARN, nil
	case len(r.RoleARNs) == 1 && r.Patterns:
		return "", engine.UserErrorf("role_arn: is missing, and role %q has the pattern %s; name a role that it covers", o.role, r.RoleARNs[0])
	case len(r.RoleARNs) == 1:
		return r.RoleARNs[0], nil
	}
	return "", engine.UserErrorf("role_arn: is missing, and role %q has %d role_arns to choose from", o.role, len(r.RoleARNs))
}

// issueFederatedUser makes a session of a new name. It may do only what its policies
// allow, so there have to be some (STS API Reference, GetFederationToken).
func (i *issuer) issueFederatedUser(ctx context.Context, s logical.Storage, r *roles.Role, o order) (*logical.Response, error) {
	life, err := r.Life(ctx, i.Mount, nil, o.ttl, o.console != nil)
	if err != nil {
		return nil, err
	}
	client, err := i.AWS(ctx, s)
	if err != nil {
		return nil, err
	}
	name, err := i.ownName(ctx, s, r, o, (*awsrules.NameTemplate).Federated)
	if err != nil {
		return nil, err
	}
	limits, err := r.Limits(ctx, client)
	if err != nil {
		return nil, err
	}
	if limits.Policy == "" && len(limits.PolicyARNs) == 0 {
		return nil, engine.UserErrorf("role %q gives no permissions, and a federation token without any could do nothing; set policy_arns, policy_document or iam_groups", o.role)
	}
	session, err := client.FederatedUser(ctx, awscreds.FederatedSession{Name: name, Tags: r.SessionTags, Duration: life.TTL, Limits: limits})
	if err != nil {
		return nil, r.Denied(err, "the policy of the engine's own identity")
	}
	return i.sessionResponse(session, &lease{Lease: users.Lease{Username: name, Role: o.role, Registered: o.registered}}, life)
}

// issueOwnSession makes a session of the engine's own identity.
func (i *issuer) issueOwnSession(ctx context.Context, s logical.Storage, r *roles.Role, o order) (*logical.Response, error) {
	life, err := r.Life(ctx, i.Mount, nil, o.ttl, o.console != nil)
	if err != nil {
		return nil, err
	}
	if r.SerialNumber != "" && o.mfaCode == "" {
		return nil, engine.UserErrorf("mfa_code: is missing; role %q has an mfa_serial_number, so STS needs the code that the device shows", o.role)
	}
	if r.SerialNumber == "" && o.mfaCode != "" {
		return nil, engine.UserErrorf("mfa_code: role %q has no mfa_serial_number; set that, or omit the code", o.role)
	}
	if o.mfaCode != "" && !awsrules.IsMFACode(o.mfaCode) { // AWS would say the same, and repeat it
		return nil, engine.UserErrorf("mfa_code: is not the code of an MFA device, which has 6 digits")
	}
	client, err := i.AWS(ctx, s)
	if err != nil {
		return nil, err
	}
	session, err := client.OwnSession(ctx, life.TTL, awscreds.MFA{Serial: r.SerialNumber, Code: o.mfaCode})
	if err != nil {
		return nil, err
	}
	return i.sessionResponse(session, &lease{Lease: users.Lease{Role: o.role, Registered: o.registered}}, life)
}

// sessionResponse makes the response that gives a session and its lease to Vault.
func (i *issuer) sessionResponse(session awscreds.Session, l *lease, asked roles.Life) (*logical.Response, error) {
	ttl := session.Expires.Sub(i.Now())
	if ttl <= 0 || ttl > asked.TTL {
		ttl = asked.TTL // our clock and AWS's differ
	}
	l.IsSTS, l.SessionEnds = true, session.Expires.UTC()
	if l.Registered || l.SessionUserID != "" {
		l.AccessKeyID, l.ARN, l.Over = session.AccessKeyID, session.ARN, i.Now().Add(ttl).UTC()
	}
	internal, err := l.internal()
	if err != nil {
		return nil, err
	}
	data := map[string]any{
		"access_key":     session.AccessKeyID,
		"secret_key":     session.SecretKey,
		"security_token": session.Token,
		"session_token":  session.Token,
		"ttl":            engine.Seconds(ttl),
	}
	if session.ARN != "" {
		data["arn"] = session.ARN
	}
	resp := i.secret.Response(data, internal)
	resp.Secret.TTL = ttl
	resp.Secret.Renewable = false
	for _, warning := range asked.Warnings(ttl) {
		resp.AddWarning(warning)
	}
	return resp, nil
}
