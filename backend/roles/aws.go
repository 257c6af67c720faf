// SPDX-License-Identifier: MPL-2.0

package roles

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"vault-plugin-secrets-aws-dyn/backend/awsrules"
	"vault-plugin-secrets-aws-dyn/backend/engine"
	"vault-plugin-secrets-aws-dyn/internal/awscreds"
)

// What AWS is asked for in the name of a role.

// User is the IAM user that a role describes.
func (r *Role) User(name, roleName string) awscreds.User {
	user := awscreds.User{
		Name:                name,
		Path:                r.UserPath,
		PermissionsBoundary: r.PermissionsBoundaryARN,
		Tags:                r.IAMTags,
		PolicyARNs:          r.PolicyARNs,
		Groups:              r.IAMGroups,
	}
	if r.PolicyDocument != "" {
		user.InlinePolicy, user.PolicyDocument = roleName, r.PolicyDocument
	}
	return user
}

// Limits are the policies that narrow a session of the role down: its own and those
// of its groups.
func (r *Role) Limits(ctx context.Context, client *awscreds.Client) (awscreds.Limits, error) {
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
func (r *Role) joinedPolicy(ofGroups []awscreds.Document) (string, error) {
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

// transitiveTags are the keys of those tags of the session that pass on to further ones.
func (r *Role) transitiveTags() (keys []string) {
	for _, key := range r.TransitiveTagKeys {
		if own := tagKey(r.SessionTags, key, sameKey); own != "" { // a request need not bring it
			keys = append(keys, own)
		}
	}
	return keys
}

// Denied adds to AWS's refusal of a session which permissions it needs besides the usual, and where
// (IAM User Guide, "Pass session tags in AWS STS" and "Monitor and control actions taken with
// assumed roles").
func (r *Role) Denied(err error, where string) error {
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

// Explained adds to AWS's refusal of a policy what is wrong with the role's own: AWS says
// little more than that. A role that the built-in engine stored may hold such a policy.
func (r *Role) Explained(err error) error {
	if !awscreds.IsMalformedPolicy(err) || r.PolicyDocument == "" {
		return err
	}
	if _, mistake := awsrules.ParsePolicy(r.PolicyDocument); mistake != nil {
		return fmt.Errorf("%w; policy_document of the role: %s", err, mistake.Error())
	}
	return err
}

// Session is what STS is asked for.
func (r *Role) Session(arn, name string, ttl time.Duration, limits awscreds.Limits) awscreds.RoleSession {
	return awscreds.RoleSession{
		RoleARN: arn, Name: name, ExternalID: r.ExternalID, Tags: r.SessionTags, TransitiveTags: r.transitiveTags(),
		SourceIdentity: r.SourceIdentity, Duration: ttl, Limits: limits,
	}
}
