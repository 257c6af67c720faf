// SPDX-License-Identifier: MPL-2.0

package iampolicy

import (
	"cmp"
	"slices"

	"vault-plugin-secrets-aws-dyn/backend/awsrules"
)

// sessions allows roles to be assumed, with what the sessions carry.
func (b *builder) sessions() {
	for _, s := range b.Sessions {
		name, p, in := b.at(s.By)
		roles := s.resources()
		p.allow("AssumeRoles", []string{"sts:AssumeRole"}, roles, nil)
		needs := []string{}
		if len(s.TagKeys) > 0 {
			p.allow("TagSessions", []string{"sts:TagSession"}, roles, tagKeys(s.TagKeys))
			needs = append(needs, "sts:TagSession")
		}
		if s.Source {
			p.allow("SetSourceIdentities", []string{"sts:SetSourceIdentity"}, roles, nil)
			needs = append(needs, "sts:SetSourceIdentity")
		}
		p.readGroups(in, s.Groups)
		for _, arn := range s.ARNs {
			b.assumes(name, arn, s.ExternalID, needs)
		}
	}
}

// revocable allows sessions to be ended before their time, by a policy of the role that they are of. AWS asks for its ARN alone, so what
// allows a policy that denies allows any other as well.
func (b *builder) revocable() {
	var roles, wide []string
	for _, s := range b.Sessions {
		if !s.Revocable {
			continue
		}
		if s.Patterns {
			wide = append(wide, s.Role)
		}
		_, p, _ := b.at(s.By)
		p.allow("RevokeSessions", []string{"iam:GetRolePolicy", "iam:PutRolePolicy", "iam:DeleteRolePolicy"}, s.resources(), nil)
		roles = append(roles, s.Role)
	}
	if len(roles) > 0 {
		b.warnings = append(b.warnings, "revoke_sessions: is set in "+some(roles)+"; IAM cannot restrict the content of a policy, so the engine could give their role_arns any permission: set a permissions boundary on these roles in AWS")
	}
	if len(wide) > 0 {
		b.warnings = append(b.warnings, "revoke_sessions: role_arns of "+some(wide)+" are patterns, so the engine may write the policies of every AWS role that they cover, the engine's own as well if it is one of them; name the roles in role_arns one by one")
	}
}

// federated allows federation tokens. They may do no more than the identity itself, which nobody
// can tell from here.
func (b *builder) federated() {
	var roles []string
	for _, f := range b.Federated {
		_, p, in := b.at(Hub{})
		user := []string{"arn:" + in.partition + ":sts::" + cmp.Or(in.account, awsrules.Any) + ":federated-user/" + f.Name}
		p.allow("FederationTokens", []string{"sts:GetFederationToken"}, user, nil)
		if len(f.TagKeys) > 0 {
			p.allow("TagFederationTokens", []string{"sts:TagSession"}, user, tagKeys(f.TagKeys))
		}
		p.readGroups(in, f.Groups)
		roles = append(roles, f.Role)
	}
	if len(roles) > 0 {
		b.warnings = append(b.warnings, "federation tokens may do only what the engine's own IAM user may do as well: add what those of "+some(roles)+" should do to its policy")
	}
}

// tagKeys is the condition that a session has no other tags; to AWS their case does not matter.
func tagKeys(keys []string) Condition {
	return Condition(nil).with("ForAllValues:StringEqualsIgnoreCase", "aws:TagKeys", slices.Clone(keys))
}

// readGroups allows the policies of groups to be read, which narrow a session down.
func (p *policy) readGroups(in place, groups []string) {
	p.allow("ReadGroups", []string{"iam:ListAttachedGroupPolicies", "iam:ListGroupPolicies", "iam:GetGroupPolicy"}, in.anywhere("group", groups...), nil)
}
