// SPDX-License-Identifier: MPL-2.0

package roles

import (
	"context"
	"fmt"
	"strings"
	"time"

	"vault-plugin-secrets-aws-dyn/backend/engine"
	"vault-plugin-secrets-aws-dyn/internal/awscreds"
)

// How long a session of a role runs: as asked, as the role says, and as long as AWS and Vault let it.

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
func (r *Role) ofAWS() bound {
	return bound{r.longest(), "the longest session that AWS gives for credential_type " + strings.Join(r.CredentialTypes, ",")}
}

// ofChain is the bound where a session of a role assumes another role (IAM User Guide, "Roles
// terms and concepts", role chaining).
var ofChain = bound{longestChained, "the longest that AWS gives where the engine's own identity is a session, as with assume_role_arn, or role_arn in config/root"}

// sessionTTL is how long a session shall run: as asked, else as the role says, else an hour;
// never longer than the bounds allow. warning says what was cut, and by whose bound.
func (r *Role) sessionTTL(asked time.Duration, bounds ...bound) (ttl time.Duration, warning string, err error) {
	field, want := "default_sts_ttl", engine.FirstSet(r.DefaultSTSTTL, defaultSession)
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

// Life is how long a session shall run.
type Life struct {
	TTL     time.Duration
	warning string // what was cut, and by whose bound
	unsaid  bool   // it is what AWS gives to whoever names none
}

// Asked is what AWS is asked for; 0 is nothing.
func (l Life) Asked() time.Duration {
	if l.unsaid {
		return 0
	}
	return l.TTL
}

// Life asks Vault for the mount's bound only where the role has none, and who the client
// is only where that matters: a session of a session may be too long, or may not name its time.
// Asked is what the request asks for, and console says that the session is to open the console.
func (r *Role) Life(ctx context.Context, m *engine.Mount, client *awscreds.Client, asked time.Duration, console bool) (l Life, err error) {
	bounds := []bound{r.ofAWS()}
	if r.MaxSTSTTL == 0 || r.RevokeSessions { // whose sessions end with their leases
		bounds = append(bounds, bound{m.Vault.MaxLeaseTTL(), "max_lease_ttl of the mount"})
	}
	l.TTL, l.warning, err = r.sessionTTL(asked, bounds...)
	switch {
	case err != nil || client == nil || !console && l.TTL <= longestChained || !client.IsSession(ctx):
		return l, err
	case console:
		return r.chainedConsole(asked, bounds...)
	}
	l.TTL, l.warning, err = r.sessionTTL(asked, append(bounds, ofChain)...)
	return l, err
}

// chainedConsole is how long a session runs that is to open the console and that a session asks for. It is
// not to name a time: who passes DurationSeconds has to "call it as an IAM user with long-term credentials",
// else the sign-in fails (IAM User Guide, "Enable custom identity broker access to the AWS console").
func (r *Role) chainedConsole(asked time.Duration, bounds ...bound) (l Life, err error) {
	const why = "the engine's own identity is a session, and AWS signs in to the console what a session asks for only with AWS's own time"
	all := append([]bound{{r.MaxSTSTTL, "max_sts_ttl of the role"}}, bounds...)
	if most, by := cut(defaultSession, all...); most < defaultSession {
		return l, engine.UserErrorf("ttl: the console would be open for %s, and %s is less: %s; allow %s, or use a mount and a role without role_arn and assume_role_arn, "+
			"whose config/root has the access key of an IAM user", defaultSession, by, why, defaultSession)
	}
	l = Life{TTL: defaultSession, unsaid: true}
	if want := engine.FirstSet(asked, r.DefaultSTSTTL, defaultSession); want != defaultSession {
		field := "default_sts_ttl"
		if asked != 0 {
			field = "ttl"
		}
		l.warning = fmt.Sprintf("%s: %s became %s: %s", field, want, defaultSession, why)
	}
	return l, nil
}

// Warnings say what was cut; given is what AWS gave.
func (l Life) Warnings(given time.Duration) (warnings []string) {
	const slack = 2 * time.Minute // our clock and AWS's may differ
	if l.warning != "" {
		warnings = append(warnings, l.warning)
	}
	if l.TTL > longestOfRoot && (given-longestOfRoot).Abs() < slack { // which AWS cuts by itself
		warnings = append(warnings, fmt.Sprintf("ttl: AWS gave %s instead of %s, which is the most that the root user of an account gets", longestOfRoot, l.TTL))
	}
	return warnings
}

// warnOfBounds warns of lifetimes that AWS will cut; session says that config/root makes the
// engine's identity a session.
func (r *Role) warnOfBounds(session bool) (warnings []string) {
	bounds := []bound{r.ofAWS()}
	switch {
	case r.Issues(IAMUser):
		return nil
	case (session || r.AssumeRoleARN != "") && r.Issues(AssumedRole):
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
