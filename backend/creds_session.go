// SPDX-License-Identifier: MPL-2.0

package backend

// Temporary credentials of STS. AWS takes none back and ends them by itself, so nothing has to be
// written down; their leases tell clients how long they have.

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/awsrules"
	"vault-plugin-secrets-aws-dyn/backend/engine"
	"vault-plugin-secrets-aws-dyn/backend/users"
	"vault-plugin-secrets-aws-dyn/internal/awscreds"
)

// issueRoleSession assumes one of the role's role_arns.
func (b *backend) issueRoleSession(ctx context.Context, s logical.Storage, r *role, o order) (*logical.Response, error) {
	arn, err := r.pickARN(o, b.Place(ctx, s))
	if err != nil {
		return nil, err
	}
	client, err := b.AWSAs(ctx, s, r.assumeRole())
	if err != nil {
		return nil, err
	}
	if err := ownAccountOnly(ctx, client, r, arn); err != nil {
		return nil, err
	}
	life, err := b.sessionLife(ctx, client, r, o)
	if err != nil {
		return nil, err
	}
	name, err := b.sessionName(ctx, s, r, o)
	if err != nil {
		return nil, err
	}
	limits, err := r.limits(ctx, client)
	if err != nil {
		return nil, err
	}
	session, err := client.AssumeRole(ctx, r.session(arn, name, life.asked(), limits))
	if err != nil {
		caller := "the engine's own identity"
		if r.AssumeRoleARN != "" {
			caller = r.AssumeRoleARN + ", which assume_role_arn names,"
		}
		return nil, r.denied(err, "the policy of "+caller+" and in the trust policy of "+arn+"; AWS does not tell which of the two lacks it")
	}
	l := &lease{Lease: users.Lease{Username: name, Role: o.role, Registered: o.registered}}
	if err := l.keepRevocable(session, client, r); err != nil {
		return nil, err
	}
	resp, err := b.sessionResponse(session, l, life)
	if n := utf8.RuneCountInString(o.sessionName); err == nil && n > awsrules.MostSessionName {
		resp.AddWarning(fmt.Sprintf("role_session_name: cut from %d characters to %d, the most that AWS takes", n, awsrules.MostSessionName))
	}
	return resp, err
}

// transitiveTags are the keys of those tags of the session that pass on to further ones.
func (r *role) transitiveTags() (keys []string) {
	for _, key := range r.TransitiveTagKeys {
		if own := tagKey(r.SessionTags, key, sameKey); own != "" { // a request need not bring it
			keys = append(keys, own)
		}
	}
	return keys
}

// denied adds to AWS's refusal of a session which permissions it needs besides the usual, and where
// (IAM User Guide, "Pass session tags in AWS STS" and "Monitor and control actions taken with
// assumed roles").
func (r *role) denied(err error, where string) error {
	var needs []string
	if len(r.SessionTags) > 0 {
		needs = append(needs, "sts:TagSession for its tags")
	}
	if r.SourceIdentity != "" {
		needs = append(needs, "sts:SetSourceIdentity for its source identity")
	}
	if len(needs) == 0 || !awscreds.IsDenied(err) {
		return err
	}
	return fmt.Errorf("%w; the session needs %s, in %s", err, strings.Join(needs, " and "), where)
}

// sessionName names the session of a role: as the request says, else as ownName; as no other where it can be revoked.
func (b *backend) sessionName(ctx context.Context, s logical.Storage, r *role, o order) (string, error) {
	if r.RevokeSessions {
		return b.uniqueName(ctx, s, r, o)
	}
	if name := awsrules.SessionName(o.sessionName); name != "" {
		if err := awsrules.CheckSessionName(name); err != nil {
			return "", engine.UserErrorf("role_session_name: %q %v", name, err)
		}
		return name, nil
	}
	return b.ownName(ctx, s, r, o, (*awsrules.NameTemplate).Session)
}

// ownName names a session as the role says, else by the template in config/root.
func (b *backend) ownName(ctx context.Context, s logical.Storage, r *role, o order, make func(t *awsrules.NameTemplate, displayName, role string) (string, error)) (string, error) {
	if r.SessionName != "" {
		return r.SessionName, nil
	}
	set, err := b.settings(ctx, s)
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
func (r *role) pickARN(o order, at engine.Place) (string, error) {
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
func (b *backend) issueFederatedUser(ctx context.Context, s logical.Storage, r *role, o order) (*logical.Response, error) {
	life, err := b.sessionLife(ctx, nil, r, o)
	if err != nil {
		return nil, err
	}
	client, err := b.AWS(ctx, s)
	if err != nil {
		return nil, err
	}
	name, err := b.ownName(ctx, s, r, o, (*awsrules.NameTemplate).Federated)
	if err != nil {
		return nil, err
	}
	limits, err := r.limits(ctx, client)
	if err != nil {
		return nil, err
	}
	if limits.Policy == "" && len(limits.PolicyARNs) == 0 {
		return nil, engine.UserErrorf("role %q gives no permissions, and a federation token without any could do nothing; set policy_arns, policy_document or iam_groups", o.role)
	}
	session, err := client.FederatedUser(ctx, awscreds.FederatedSession{Name: name, Tags: r.SessionTags, Duration: life.ttl, Limits: limits})
	if err != nil {
		return nil, r.denied(err, "the policy of the engine's own identity")
	}
	return b.sessionResponse(session, &lease{Lease: users.Lease{Username: name, Role: o.role, Registered: o.registered}}, life)
}

// issueOwnSession makes a session of the engine's own identity.
func (b *backend) issueOwnSession(ctx context.Context, s logical.Storage, r *role, o order) (*logical.Response, error) {
	life, err := b.sessionLife(ctx, nil, r, o)
	if err != nil {
		return nil, err
	}
	if r.SerialNumber != "" && o.mfaCode == "" {
		return nil, engine.UserErrorf("mfa_code: is missing; role %q has an mfa_serial_number, so STS wants the code that the device shows", o.role)
	}
	if r.SerialNumber == "" && o.mfaCode != "" {
		return nil, engine.UserErrorf("mfa_code: role %q has no mfa_serial_number; set that, or omit the code", o.role)
	}
	if o.mfaCode != "" && !awsrules.IsMFACode(o.mfaCode) { // AWS would say the same, and repeat it
		return nil, engine.UserErrorf("mfa_code: is not the code of an MFA device, which has 6 digits")
	}
	client, err := b.AWS(ctx, s)
	if err != nil {
		return nil, err
	}
	session, err := client.OwnSession(ctx, life.ttl, awscreds.MFA{Serial: r.SerialNumber, Code: o.mfaCode})
	if err != nil {
		return nil, err
	}
	return b.sessionResponse(session, &lease{Lease: users.Lease{Role: o.role, Registered: o.registered}}, life)
}

// life is how long a session shall run.
type life struct {
	ttl     time.Duration
	warning string // what was cut, and by whose bound
	unsaid  bool   // it is what AWS gives to whoever names none
}

// asked is what AWS is asked for; 0 is nothing.
func (l life) asked() time.Duration {
	if l.unsaid {
		return 0
	}
	return l.ttl
}

// sessionLife asks Vault for the mount's bound only where the role has none, and who the client
// is only where that matters: a session of a session may be too long, or may not name its time.
func (b *backend) sessionLife(ctx context.Context, client *awscreds.Client, r *role, o order) (l life, err error) {
	bounds := []bound{r.ofAWS()}
	if r.MaxSTSTTL == 0 {
		bounds = append(bounds, bound{b.Vault.MaxLeaseTTL(), "max_lease_ttl of the mount"})
	}
	l.ttl, l.warning, err = r.sessionTTL(o.ttl, bounds...)
	switch {
	case err != nil || client == nil || o.console == nil && l.ttl <= longestChained || !client.IsSession(ctx):
		return l, err
	case o.console != nil:
		return r.chainedConsole(o.ttl, bounds...)
	}
	l.ttl, l.warning, err = r.sessionTTL(o.ttl, append(bounds, ofChain)...)
	return l, err
}

// limits are the policies that narrow a session of the role down: its own and those
// of its groups.
func (r *role) limits(ctx context.Context, client *awscreds.Client) (awscreds.Limits, error) {
	limits := awscreds.Limits{Policy: r.PolicyDocument, PolicyARNs: r.PolicyARNs}
	if len(r.IAMGroups) == 0 {
		return limits, nil
	}
	groups, err := client.GroupPolicies(ctx, r.IAMGroups)
	if err != nil {
		return awscreds.Limits{}, err
	}
	limits.PolicyARNs = unique(slices.Concat(limits.PolicyARNs, groups.ARNs))
	if len(groups.Documents) > 0 {
		limits.Policy, err = r.joinedPolicy(groups.Documents)
	}
	return limits, err
}

// joinedPolicy is one policy of those of the role's groups and its own.
func (r *role) joinedPolicy(ofGroups []awscreds.Document) (string, error) {
	var policies []awsrules.NamedPolicy
	for _, d := range ofGroups {
		policies = append(policies, awsrules.NamedPolicy{Name: fmt.Sprintf("the inline policy %s of group %s", d.Name, d.Group), Document: d.Text})
	}
	if r.PolicyDocument != "" {
		if _, err := awsrules.ParsePolicy(r.PolicyDocument); err != nil { // as another engine stored it
			return "", engine.UserErrorf("policy_document: %w", err)
		}
		policies = append(policies, awsrules.NamedPolicy{Name: "the policy_document of the role", Document: r.PolicyDocument})
	}
	joined, err := awsrules.JoinPolicies(policies)
	if err != nil {
		return "", engine.UserErrorf("policy_document: %w", err)
	}
	return joined, nil
}

// rootSlack is how far our clock and AWS's may differ in the length of a session.
const rootSlack = 2 * time.Minute

// sessionResponse makes the response that gives a session and its lease to Vault.
func (b *backend) sessionResponse(session awscreds.Session, l *lease, asked life) (*logical.Response, error) {
	ttl := session.Expires.Sub(b.Now())
	if ttl <= 0 || ttl > asked.ttl {
		ttl = asked.ttl // our clock and AWS's differ
	}
	l.IsSTS, l.SessionEnds = true, session.Expires.UTC()
	if l.Registered || l.SessionUserID != "" {
		l.AccessKeyID, l.ARN, l.Over = session.AccessKeyID, session.ARN, b.Now().Add(ttl).UTC()
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
	resp := b.Secret(secretType).Response(data, internal)
	resp.Secret.TTL = ttl
	resp.Secret.Renewable = false
	if asked.warning != "" {
		resp.AddWarning(asked.warning)
	}
	if asked.ttl > longestOfRoot && (ttl-longestOfRoot).Abs() < rootSlack { // which AWS cuts by itself
		resp.AddWarning(fmt.Sprintf("ttl: AWS gave %s of %s, as it does to the root user of an account", longestOfRoot, asked.ttl))
	}
	return resp, nil
}
