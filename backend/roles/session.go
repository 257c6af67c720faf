// SPDX-License-Identifier: MPL-2.0

package roles

// What STS would refuse later is refused when the role is written. The limits are
// those of the STS API Reference, AssumeRole, GetFederationToken and
// GetSessionToken.

import (
	"time"
	"unicode/utf8"

	"vault-plugin-secrets-aws-dyn/backend/awsrules"
	"vault-plugin-secrets-aws-dyn/backend/engine"
)

const (
	shortestSession   = 15 * time.Minute // of any kind
	longestRole       = 12 * time.Hour   // AssumeRole, where the role allows that much
	longestFederation = 36 * time.Hour   // GetFederationToken, GetSessionToken
	mostSessionARNs   = 10               // managed policies that narrow a session down
	longestChained    = time.Hour        // AssumeRole with the credentials of a session
	longestOfRoot     = time.Hour        // GetFederationToken, GetSessionToken as the root user of an account
	defaultSession    = time.Hour        // when neither the request nor the role says
)

// validateSession checks what only sessions have, and what narrows them down.
func (r *Role) validateSession(m *engine.Mistakes, forms *engine.Forms) (warnings []string) {
	for _, arn := range r.RoleARNs {
		warning, err := awsrules.CheckPattern(arn)
		switch {
		case err != nil:
			m.Add("role_arns", "%v", err)
			continue
		case warning != "":
			warnings = append(warnings, "role_arns: "+warning)
		}
		if r.Patterns {
			arn = awsrules.Exemplar(arn)
		}
		forms.CheckARN(forms.STS, "role_arns", arn, "role")
	}
	r.validateSessionTags(m)
	r.validateNames(m)
	warnings = append(warnings, r.validateTagKeys(m)...)
	engine.CheckExternalID(m, "external_id", r.ExternalID)
	if !r.Idle("mfa_serial_number") && r.SerialNumber != "" && !awsrules.IsSerialNumber(r.SerialNumber) {
		m.Add("mfa_serial_number", "%q is neither the serial number of an MFA device nor an ARN such as arn:aws:iam::123456789012:mfa/vault", r.SerialNumber)
	}
	forms.InPartition(forms.STS, "mfa_serial_number", r.SerialNumber)
	if r.Issues(AssumedRole) && len(r.RoleARNs) == 0 {
		warnings = append(warnings, "role_arns: is empty, so nothing can be issued yet; name the roles that may be assumed")
	}
	return append(warnings, r.validateLimits(m)...)
}

// validateSessionTags checks the tags of sessions.
func (r *Role) validateSessionTags(m *engine.Mistakes) {
	if !r.Idle("session_tags") {
		m.AddAll("session_tags", awsrules.CheckTags(r.SessionTags))
	}
}

// validateLimits checks the policies that narrow a session down, as far as their
// sizes are known before the groups are read.
func (r *Role) validateLimits(m *engine.Mistakes) (warnings []string) {
	if r.Issues(IAMUser) || r.Issues(SessionToken) {
		return nil
	}
	if n := len(r.PolicyARNs); n > mostSessionARNs {
		m.Add("policy_arns", "has %d policies; AWS narrows a session down by %d at most", n, mostSessionARNs)
	}
	size := utf8.RuneCountInString(r.PolicyDocument)
	for _, arn := range r.PolicyARNs {
		size += utf8.RuneCountInString(arn)
	}
	if size > awsrules.MostInline {
		m.Add("policy_document", "and policy_arns have %d characters together; AWS allows %d to the policies of a session", size, awsrules.MostInline)
	}
	if r.Issues(FederationToken) && size == 0 && len(r.IAMGroups) == 0 {
		warnings = append(warnings, "the role gives no permissions, and federation tokens are not issued without; set policy_arns, policy_document or iam_groups")
	}
	return warnings
}

// longest is the longest session of the role's kind that AWS gives to anybody.
func (r *Role) longest() time.Duration {
	if r.Issues(AssumedRole) {
		return longestRole
	}
	return longestFederation
}

func (r *Role) validateTTLs(m *engine.Mistakes) {
	if r.MaxTTL > 0 && r.DefaultTTL > r.MaxTTL {
		m.Add("default_ttl", "%s is more than max_ttl, %s", r.DefaultTTL, r.MaxTTL)
	}
	if r.MaxSTSTTL > 0 && r.DefaultSTSTTL > r.MaxSTSTTL {
		m.Add("default_sts_ttl", "%s is more than max_sts_ttl, %s", r.DefaultSTSTTL, r.MaxSTSTTL)
	}
	for _, bound := range []struct {
		field string
		ttl   time.Duration
	}{{"default_sts_ttl", r.DefaultSTSTTL}, {"max_sts_ttl", r.MaxSTSTTL}} {
		if bound.ttl > 0 && bound.ttl < shortestSession {
			m.Add(bound.field, "%s is less than %s, the shortest session that AWS gives", bound.ttl, shortestSession)
		}
	}
	if r.DefaultSTSTTL > r.longest() {
		m.Add("default_sts_ttl", "%s is more than %s, the longest session of this type that AWS gives", r.DefaultSTSTTL, r.longest())
	}
}
