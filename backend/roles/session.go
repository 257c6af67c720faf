// SPDX-License-Identifier: MPL-2.0

package backend

// What STS would refuse later is refused when the role is written. The limits are
// those of the STS API Reference, AssumeRole, GetFederationToken and
// GetSessionToken.

import (
	"context"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/awsrules"
	"vault-plugin-secrets-aws-dyn/backend/engine"
	"vault-plugin-secrets-aws-dyn/internal/awscreds"
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
func (r *role) validateSession(m *engine.Mistakes, forms *engine.Forms) (warnings []string) {
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
	if !r.idle("mfa_serial_number") && r.SerialNumber != "" && !awsrules.IsSerialNumber(r.SerialNumber) {
		m.Add("mfa_serial_number", "%q is neither the serial number of an MFA device nor an ARN such as arn:aws:iam::123456789012:mfa/vault", r.SerialNumber)
	}
	forms.InPartition(forms.STS, "mfa_serial_number", r.SerialNumber)
	if r.issues(assumedRole) && len(r.RoleARNs) == 0 {
		warnings = append(warnings, "role_arns: is empty, so nothing can be issued yet; name the roles that may be assumed")
	}
	return append(warnings, r.validateLimits(m)...)
}

// validateSessionTags checks the tags of sessions.
func (r *role) validateSessionTags(m *engine.Mistakes) {
	if !r.idle("session_tags") {
		m.AddAll("session_tags", awsrules.CheckTags(r.SessionTags))
	}
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

// bound is how long a session may run at most, and by whose word. Zero bounds nothing.
type bound struct {
	most  time.Duration
	whose string
}

// cut cuts a lifetime to the first of the bounds that it exceeds most.
func cut(ttl time.Duration, bounds ...bound) (time.Duration, string) {
	by := ""
	for _, b := range bounds {
		if b.most > 0 && ttl > b.most {
			ttl, by = b.most, b.whose
		}
	}
	return ttl, by
}

// ofAWS is the longest session of the role's kind that AWS gives to anybody.
func (r *role) ofAWS() bound {
	return bound{r.longest(), "the longest session that AWS gives for credential_type " + strings.Join(r.CredentialTypes, ",")}
}

// ofChain is the bound where a session of a role assumes another role (IAM User Guide, "Roles
// terms and concepts", role chaining).
var ofChain = bound{longestChained, "the longest that AWS gives where the engine's own identity is a session, as with assume_role_arn, or role_arn in config/root"}

// sessionTTL is how long a session shall run: as asked, else as the role says, else an hour;
// never longer than the bounds allow. warning says what was cut, and by whose bound.
func (r *role) sessionTTL(asked time.Duration, bounds ...bound) (ttl time.Duration, warning string, err error) {
	field, want := "default_sts_ttl", firstSet(r.DefaultSTSTTL, defaultSession)
	if asked != 0 {
		field, want = "ttl", asked
	}
	ttl, by := cut(want, append([]bound{{r.MaxSTSTTL, "max_sts_ttl of the role"}}, bounds...)...)
	if ttl < shortestSession {
		return 0, "", engine.UserErrorf("ttl: %s is less than %s, the shortest session that AWS gives", ttl, shortestSession)
	}
	if ttl < want && (asked != 0 || r.DefaultSTSTTL != 0) {
		warning = fmt.Sprintf("%s: cut from %s to %s, %s", field, want, ttl, by)
	}
	return ttl, warning, nil
}

// chainedConsole is how long a session runs that is to open the console and that a session asks for. It is
// not to name a time: who passes DurationSeconds has to "call it as an IAM user with long-term credentials",
// else the sign-in fails (IAM User Guide, "Enable custom identity broker access to the AWS console").
func (r *role) chainedConsole(asked time.Duration, bounds ...bound) (l life, err error) {
	const why = "the engine's own identity is a session, and AWS signs in to the console what a session asks for only with AWS's own time"
	all := append([]bound{{r.MaxSTSTTL, "max_sts_ttl of the role"}}, bounds...)
	if most, by := cut(defaultSession, all...); most < defaultSession {
		return l, engine.UserErrorf("ttl: the console would be open for %s, and %s is less: %s; allow %s, or use a mount and a role without role_arn and assume_role_arn, "+
			"whose config/root has the access key of an IAM user", defaultSession, by, why, defaultSession)
	}
	l = life{ttl: defaultSession, unsaid: true}
	if want := firstSet(asked, r.DefaultSTSTTL, defaultSession); want != defaultSession {
		field := "default_sts_ttl"
		if asked != 0 {
			field = "ttl"
		}
		l.warning = fmt.Sprintf("%s: %s became %s: %s", field, want, defaultSession, why)
	}
	return l, nil
}

// warnOfBounds warns of lifetimes that AWS will cut; session says that config/root makes the
// engine's identity a session.
func (r *role) warnOfBounds(session bool) (warnings []string) {
	bounds := []bound{r.ofAWS()}
	switch {
	case r.issues(iamUser):
		return nil
	case (session || r.AssumeRoleARN != "") && r.issues(assumedRole):
		bounds = append(bounds, ofChain)
	case session:
		warnings = append(warnings, "credential_type: "+strings.Join(r.CredentialTypes, ",")+" needs the access key of an IAM user, and config/root has a role_arn: "+
			"AWS answers AccessDenied to the session of a role; use assumed_role, or a mount without role_arn")
	}
	for _, f := range []struct {
		name string
		ttl  time.Duration
	}{{"default_sts_ttl", r.DefaultSTSTTL}, {"max_sts_ttl", r.MaxSTSTTL}} {
		if ttl, by := cut(f.ttl, bounds...); ttl < f.ttl {
			warnings = append(warnings, fmt.Sprintf("%s: %s is more than %s, %s; sessions are cut to that", f.name, f.ttl, ttl, by))
		}
	}
	return warnings
}

// warnOfIdentity warns of the first role that a session as the engine's own identity does not
// serve as it is written.
func warnOfIdentity(ctx context.Context, s logical.Storage) []string {
	return warnOfRoles(ctx, s, "role_arn", func(r *role) []string {
		if more := r.warnOfBounds(true); len(more) > len(r.warnOfBounds(false)) {
			return more
		}
		return nil
	})
}

// session is what STS is asked for.
func (r *role) session(arn, name string, ttl time.Duration, limits awscreds.Limits) awscreds.RoleSession {
	return awscreds.RoleSession{
		RoleARN: arn, Name: name, ExternalID: r.ExternalID, Tags: r.SessionTags, TransitiveTags: r.transitiveTags(),
		SourceIdentity: r.SourceIdentity, Duration: ttl, Limits: limits,
	}
}
