// SPDX-License-Identifier: MPL-2.0

package roles

// What AWS would refuse later is refused when the role is written. The limits are
// those of the IAM User Guide, "IAM and AWS STS quotas", and the patterns those of
// the IAM API Reference. A quota that AWS raises on request earns a warning.

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"vault-plugin-secrets-aws-dyn/backend/awsrules"
	"vault-plugin-secrets-aws-dyn/backend/engine"
)

const (
	defaultPolicies = 10  // managed policies of a user, unless AWS was asked for more
	mostPolicies    = 20  // the most that AWS grants
	mostGroups      = 10  // groups of a user; AWS grants no more
	mostAllGroups   = 500 // groups of an account; AWS grants no more
)

// validate returns warnings, or every mistake at once. What has a form in AWS alone is a mistake
// only where AWS is called.
func (r *Role) validate(name string, at engine.Place) (warnings []string, err error) {
	var m engine.Mistakes
	forms := engine.NewForms(at, &m)
	for _, credentialType := range r.CredentialTypes {
		if !slices.Contains(Types, credentialType) {
			m.Add("credential_type", "%q does not exist; use %s", credentialType, strings.Join(Types, ", "))
		}
	}
	if len(r.CredentialTypes) == 0 {
		m.Add("credential_type", "is missing; use %s", strings.Join(Types, ", "))
	}
	warnings = append(warnings, r.validatePolicies(&m, forms, name)...)
	r.validateGroups(&m)
	warnings = append(warnings, r.validateTemplates(&m)...)
	sample := r.sampled()
	warnings = append(warnings, sample.validateUserTags(&m)...)
	warnings = append(warnings, CheckMaxUsers(&m, r.MaxUsers)...)
	sample.validateUser(&m, forms)
	warnings = append(warnings, r.validateWait(&m)...)
	warnings = append(warnings, r.validateShare(&m)...)
	r.ValidateDisabling(&m)
	warnings = append(warnings, r.validateFields(&m)...)
	warnings = append(warnings, sample.validateSession(&m, forms)...)
	warnings = append(warnings, r.validateAccount(&m, forms)...)
	r.validateTTLs(&m)
	warnings = append(warnings, forms.Finish()...)
	if bool(r.RefuseSessionName) && r.SessionName == "" && !r.Idle("allow_session_name") {
		warnings = append(warnings, "session_name: is not set although allow_session_name=false, so sessions are named by username_template, whose display name "+
			"whoever may create tokens can choose; set it, such as to {{identity.entity.name}} with templates=true")
	}
	if r.Issues(IAMUser) && len(r.PolicyARNs)+len(r.IAMGroups) == 0 && r.PolicyDocument == "" {
		warnings = append(warnings, "the role gives no permissions; set policy_arns, policy_document or iam_groups")
	}
	return warnings, m.Err()
}

func (r *Role) validatePolicies(m *engine.Mistakes, forms *engine.Forms, name string) (warnings []string) {
	host := forms.STS // sessions name policies to STS
	if r.Issues(IAMUser) {
		host = forms.IAM
	}
	for _, arn := range r.PolicyARNs {
		forms.CheckARN(host, "policy_arns", arn, "policy")
	}
	if r.Issues(IAMUser) {
		warnings = r.validateAttached(m)
	}
	if r.PolicyDocument == "" {
		return warnings
	}
	check := awsrules.CheckPolicy
	if r.Templates {
		check = awsrules.CheckPolicyTemplate
	}
	compact, more, mistakes := check(r.PolicyDocument, awsrules.MostInline)
	if len(mistakes) > 0 {
		m.AddAll("policy_document", mistakes)
		return warnings
	}
	r.PolicyDocument = compact
	if r.Issues(IAMUser) && len(name) > awsrules.MostPolicyName {
		m.Add("name", "has %d characters; AWS allows %d to the inline policy that is named after the role", len(name), awsrules.MostPolicyName)
	}
	for _, warning := range more {
		warnings = append(warnings, "policy_document: "+warning)
	}
	if !r.Issues(IAMUser) && len(r.IAMGroups) > 0 && awsrules.PolicyVersion(compact) == awsrules.Version2008 {
		warnings = append(warnings, fmt.Sprintf("policy_document: a session of groups whose policies are of the Version %q is refused, because policies of two Versions cannot be joined; use %q here too", awsrules.Version2012, awsrules.Version2012))
	}
	return warnings
}

// validateAttached keeps to the number of policies that a user may have.
func (r *Role) validateAttached(m *engine.Mistakes) (warnings []string) {
	switch n := len(r.PolicyARNs); {
	case n > mostPolicies:
		m.Add("policy_arns", "has %d policies; AWS attaches at most %d to a user, so join some or use iam_groups", n, mostPolicies)
	case n > defaultPolicies:
		warnings = append(warnings, fmt.Sprintf("policy_arns: has %d policies; AWS attaches %d to a user unless the account's quota was raised", n, defaultPolicies))
	}
	return warnings
}

// validateUser checks what only IAM users have.
func (r *Role) validateUser(m *engine.Mistakes, forms *engine.Forms) {
	r.validatePath(m)
	if r.PermissionsBoundaryARN != "" {
		forms.CheckARN(forms.IAM, "permissions_boundary_arn", r.PermissionsBoundaryARN, "policy")
	}
}

func (r *Role) validatePath(m *engine.Mistakes) {
	if r.UserPath != "" && !r.Idle("user_path") && !awsrules.IsPath(r.UserPath) {
		m.Add("user_path", "%s is not a path in IAM: / alone, or up to %d characters that begin and end with /, without spaces", r.shown("user_path", r.UserPath), awsrules.MostPath)
	}
}

// Waiting for a key has to fit into a request, with the calls that make the user.
const (
	defaultWait = 20 * time.Second
	longestWait = 30 * time.Second
)

func (r *Role) validateWait(m *engine.Mistakes) (warnings []string) {
	switch {
	case r.WaitTimeout > longestWait:
		m.Add("wait_timeout", "%s is more than %s, which is what fits into a request", r.WaitTimeout, longestWait)
	case r.WaitTimeout > 0 && !r.WaitUntilUsable && r.Issues(IAMUser):
		warnings = append(warnings, "wait_timeout: is not used without wait_until_usable")
	}
	return warnings
}

// LongestShare is how long a role may share a credential at most.
const LongestShare = 24 * time.Hour

// validateShare bounds how long a credential is shared, and warns of what is not as it looks.
func (r *Role) validateShare(m *engine.Mistakes) (warnings []string) {
	half, field := engine.FirstSet(r.DefaultSTSTTL, defaultSession)/2, "default_sts_ttl"
	if r.Issues(IAMUser) {
		half, field = r.MaxTTL/2, "max_ttl"
	}
	switch {
	case r.ShareFor <= 0:
		return nil
	case r.ShareFor > LongestShare:
		m.Add("share_for", "%s is too long; use up to %s, or 0 to share nothing", r.ShareFor, LongestShare)
		return nil
	case r.RevokeSessions:
		m.Add("share_for", "is not possible together with revoke_sessions: a session that several leases have cannot be revoked for one of them; omit one of the two")
		return nil
	case half > 0 && r.ShareFor > half:
		warnings = append(warnings, fmt.Sprintf("share_for: %s is more than half of %s, %s; a credential is shared until half of its life is over", r.ShareFor, field, 2*half))
	}
	if r.Issues(IAMUser) {
		warnings = append(warnings, "share_for: several leases can then have one IAM user, which the built-in engine and earlier versions of this one do not know: if the mount is handed back to them, the first lease that ends deletes the user for all")
	}
	if r.Issues(SessionToken) && r.SerialNumber != "" {
		warnings = append(warnings, "share_for: is not used with mfa_serial_number; AWS takes each MFA code once")
	}
	return warnings
}

// Wait is how long a request waits at most until AWS accepts a new key; 0 is not at all.
func (r *Role) Wait() time.Duration {
	if !r.WaitUntilUsable {
		return 0
	}
	return min(engine.FirstSet(r.WaitTimeout, defaultWait), longestWait) // whatever storage holds
}

func (r *Role) validateGroups(m *engine.Mistakes) {
	if r.Idle("iam_groups") {
		return // does not use them
	}
	for _, group := range r.IAMGroups {
		if !awsrules.IsGroupName(group) {
			m.Add("iam_groups", "%q is not the name of an IAM group: up to 128 letters, digits and _ + = , . @ - (the name, not the ARN)", group)
		}
	}
	switch n := len(r.IAMGroups); {
	case r.Issues(IAMUser) && n > mostGroups:
		m.Add("iam_groups", "has %d groups; AWS lets a user be in %d at most", n, mostGroups)
	case n > mostAllGroups: // each request for a session reads them all
		m.Add("iam_groups", "has %d groups; AWS lets an account have %d at most", n, mostAllGroups)
	}
}

// validateAccount checks how the account of the credentials is reached.
func (r *Role) validateAccount(m *engine.Mistakes, forms *engine.Forms) (warnings []string) {
	const own = "assume_role_external_id" // validateSession checks external_id
	a := engine.AssumeRole{AssumeRoleARN: r.AssumeRoleARN, AssumeRoleSessionName: r.AssumeRoleSessionName, ExternalID: r.AssumeRoleExternalID}
	a.Check(m, forms, own)
	switch {
	case a.IsSet() && !r.Idle("assume_role_arn") && r.Issues(FederationToken): // of the deprecated form, which issues users too
		m.Add("assume_role_arn", "is not supported by a role of the deprecated form that issues %s too, which come from the account of config/root; "+
			"write credential_type=%s with it", FederationToken, IAMUser)
	case !r.Issues(IAMUser):
	case r.ExternalID != "" && !a.IsSet():
		m.Add("external_id", "is not supported by credential_type %s without assume_role_arn; only assumed_role has it for role_arns", IAMUser)
	case r.ExternalID != "" && r.AssumeRoleExternalID != "" && r.ExternalID != r.AssumeRoleExternalID:
		m.Add(own, "differs from external_id, and to an IAM user both are the one that assume_role_arn asks for; set one of them")
	}
	if r.Idle("assume_role_arn") {
		return nil // as are the other two
	}
	return a.Idle(own)
}

// validateUserTags keeps the tags that say whose a user is to the engine.
func (r *Role) validateUserTags(m *engine.Mistakes) (warnings []string) {
	if r.Idle("iam_tags") {
		return nil // does not use them
	}
	m.AddAll("iam_tags", awsrules.CheckTags(r.IAMTags))
	for _, key := range slices.Sorted(maps.Keys(r.IAMTags)) {
		if engine.IsOwnTag(key) {
			m.Add("iam_tags", "%q is a tag that the engine sets itself; choose another key", key)
		}
	}
	if n := len(r.IAMTags); n <= awsrules.MostTags && n+len(engine.OwnTags) > awsrules.MostTags {
		warnings = append(warnings, fmt.Sprintf("iam_tags: %d tags leave no room for the %d that say whose the IAM user is; tidy will not know these users", n, len(engine.OwnTags)))
	}
	return warnings
}

// AccountUsers is how many IAM users an account may have (IAM User Guide, "IAM and
// AWS STS quotas"; AWS does not raise it).
const AccountUsers = 5000

// CheckMaxUsers checks a cap, of the mount or of a role.
func CheckMaxUsers(m *engine.Mistakes, most int) (warnings []string) {
	switch {
	case most < 0:
		m.Add("max_users", "%d is not possible; use 0 for no limit, or a number up to %d, which is what AWS allows an account", most, AccountUsers)
	case most > AccountUsers:
		return []string{"max_users: is more than the 5000 IAM users that AWS allows an account, so it has no effect"}
	}
	return warnings
}
