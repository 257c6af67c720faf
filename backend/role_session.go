// SPDX-License-Identifier: MPL-2.0

package backend

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
	defaultSession    = time.Hour        // when neither the request nor the role says
)

// validateSession checks what only sessions have, and what narrows them down.
func (r *role) validateSession(m *engine.Mistakes, forms *engine.Forms) (warnings []string) {
	for _, arn := range r.RoleARNs {
		if err := awsrules.CheckPattern(arn); r.Patterns && err != nil {
			m.Add("role_arns", "%v", err)
			continue
		} else if r.Patterns {
			arn = awsrules.Exemplar(arn)
		}
		forms.CheckARN("role_arns", arn, "role")
	}
	m.AddAll("session_tags", awsrules.CheckTags(r.SessionTags))
	if r.ExternalID != "" && !awsrules.IsExternalID(r.ExternalID) {
		m.Add("external_id", "is not an external ID: 2 to %d letters, digits and _ + = , . @ : / -", awsrules.MostExternalID)
	}
	if !r.idle("mfa_serial_number") && r.SerialNumber != "" && !awsrules.IsSerialNumber(r.SerialNumber) {
		m.Add("mfa_serial_number", "%q is neither the serial number of an MFA device nor an ARN such as arn:aws:iam::123456789012:mfa/vault", r.SerialNumber)
	}
	forms.InPartition("mfa_serial_number", r.SerialNumber)
	if r.issues(assumedRole) && len(r.RoleARNs) == 0 {
		warnings = append(warnings, "role_arns: is empty, so nothing can be issued yet; name the roles that may be assumed")
	}
	return append(warnings, r.validateLimits(m)...)
}

// validateLimits checks the policies that narrow a session down, as far as their
// sizes are known before the groups are read.
func (r *role) validateLimits(m *engine.Mistakes) (warnings []string) {
	if r.issues(iamUser) || r.issues(sessionToken) {
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
	if r.issues(federationToken) && size == 0 && len(r.IAMGroups) == 0 {
		warnings = append(warnings, "the role gives no permissions, and federation tokens are not issued without; set policy_arns, policy_document or iam_groups")
	}
	return warnings
}

// longest is the longest session of the role's kind that AWS gives to anybody.
func (r *role) longest() time.Duration {
	if r.issues(assumedRole) {
		return longestRole
	}
	return longestFederation
}

func (r *role) validateTTLs(m *engine.Mistakes) {
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

// sessionTTL is how long a session shall run: as asked, else as the role says, else
// an hour; never longer than the role, the mount or AWS allows.
func (r *role) sessionTTL(asked, mount time.Duration) (time.Duration, error) {
	ttl := firstSet(asked, r.DefaultSTSTTL, defaultSession)
	ttl = min(ttl, firstSet(r.MaxSTSTTL, mount, ttl), r.longest())
	if ttl < shortestSession {
		return 0, engine.UserErrorf("ttl: %s is less than %s, the shortest session that AWS gives", ttl, shortestSession)
	}
	return ttl, nil
}
