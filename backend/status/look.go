// SPDX-License-Identifier: MPL-2.0

package status

// Looks at AWS that checks are made of.

import (
	"context"
	"slices"
	"strings"
	"time"

	"vault-plugin-secrets-aws-dyn/backend/engine"
	"vault-plugin-secrets-aws-dyn/internal/awscreds"
)

// Look is a client of AWS, and whom it calls AWS as.
type Look struct {
	*Checks
	Client *awscreds.Client
	Who    awscreds.Identity
}

// Clock compares AWS's clock with ours.
func (c *Checks) Clock(ahead time.Duration) {
	apart := ahead.Abs().Round(time.Second)
	if apart < mostAhead {
		c.OK("clock", "%s from AWS's", apart)
		return
	}
	c.Bad("clock", "%s from AWS's, which refuses calls from 15 minutes on; set the clock of this server (NTP)", apart)
}

// Key looks at the key in config/root, as the user that has it. rotates are the calls of its rotation.
func (c *Checks) Key(ctx context.Context, cfg *engine.RootConfig, rotates func(user string) []awscreds.Ask) {
	if cfg.AccessKey == "" {
		return
	}
	own, err := engine.OwnClient(ctx, cfg)
	var who awscreds.Identity
	if err == nil {
		who, err = own.WhoAmI(ctx)
	}
	if err != nil {
		c.Failed("key", err, "", "write an access_key and secret_key that work to config/root")
		return
	}
	_, name, user := strings.Cut(who.ARN, ":user/")
	if !user {
		c.Unknown("key", "%s is not an IAM user", who.ARN)
		return
	}
	(&Look{c, own, who}).Allowed(ctx, rotates(who.ARN)...)
	name = name[strings.LastIndexByte(name, '/')+1:]
	keys, err := own.Keys(ctx, name)
	if err != nil {
		c.Failed("key", err, "iam:ListAccessKeys on "+who.ARN, "check the IAM user of config/root")
		return
	}
	for _, key := range keys {
		if key.ID == cfg.AccessKey {
			c.OK("key", "%s of the IAM user %s is %d days old", key.ID, name, int(key.Age/(24*time.Hour)))
		}
	}
	if len(keys) >= awscreds.MostKeys && cfg.Plan() != "" {
		c.Bad("key", "the IAM user %s has %d access keys, so a rotation has no room for a new one; delete the one that nobody uses", name, len(keys))
	}
}

// Exists takes a look at something that the role names.
func (l *Look) Exists(about string, err error, permission string) {
	if err != nil {
		l.Failed(about, err, permission, "make it in AWS, or change the role")
		return
	}
	l.OK(about, "exists")
}

// Longest compares how long sessions of a role may last, as they are asked for, with what AWS allows.
func (l *Look) Longest(ctx context.Context, arn string, asked time.Duration) {
	about := "max_sts_ttl for " + arn
	if l.Client.IsSession(ctx) {
		l.OK(about, "AWS allows an hour, since the engine itself is a role: longer sessions are cut to it")
		return
	}
	if _, rest, _ := strings.Cut(arn, ":iam::"); !strings.HasPrefix(rest, l.Who.Account+":") {
		l.Unknown(about, "the role is in another account, whose MaxSessionDuration the engine may not read")
		return
	}
	_, allowed, err := l.Client.LookAtRole(ctx, arn[strings.LastIndexByte(arn, '/')+1:])
	switch {
	case err != nil:
		l.Failed(about, err, "iam:GetRole on "+arn, "check the role in AWS")
	case asked > allowed:
		l.Bad(about, "the role in Vault allows sessions of %s, and the MaxSessionDuration of the role in AWS is %s; raise that, or lower default_sts_ttl and max_sts_ttl", asked, allowed)
	default:
		l.OK(about, "the MaxSessionDuration of the role in AWS is %s", allowed)
	}
}

// Allowed asks AWS what the policies of the engine's identity say of some calls.
func (l *Look) Allowed(ctx context.Context, asks ...awscreds.Ask) {
	if len(asks) == 0 {
		return
	}
	principal, err := l.principal(ctx)
	if err != nil {
		l.Failed("permissions", err, "iam:GetRole on the engine's role", "check the identity of config/root")
		return
	}
	var fine, not []string
	for _, ask := range asks {
		decisions, err := l.Client.Simulate(ctx, principal, ask)
		if err != nil {
			l.Failed("permissions: "+strings.Join(ask.Actions, ", "), err, "iam:SimulatePrincipalPolicy on "+principal, "check the identity of config/root")
			not = append(not, ask.Actions...)
			continue
		}
		for _, d := range decisions {
			if d.Allowed {
				fine = append(fine, d.Action)
				continue
			}
			not = append(not, d.Action)
			l.denied(d, principal)
		}
	}
	fine = slices.DeleteFunc(slices.Compact(slices.Sorted(slices.Values(fine))), func(action string) bool { return slices.Contains(not, action) })
	if len(fine) > 0 {
		l.OK("permissions", "%s", strings.Join(fine, ", "))
	}
}

// denied tells of a call that the policies of a principal do not allow.
func (l *Look) denied(d awscreds.Decision, principal string) {
	if len(d.Missing) > 0 {
		slices.Sort(d.Missing)
		l.Unknown("permissions: "+d.Action, "on %s depends on %s", d.Resource, strings.Join(d.Missing, ", "))
		return
	}
	l.Bad("permissions: "+d.Action, "%s on %s; allow it in the policy of %s, as config/iam-policy has it", d.Words, d.Resource, principal)
}

// principal is the ARN whose policies count: of a session, that is its role (IAM API Reference,
// SimulatePrincipalPolicy, PolicySourceArn).
func (l *Look) principal(ctx context.Context) (string, error) {
	_, rest, session := strings.Cut(l.Who.ARN, ":assumed-role/")
	if !session {
		return l.Who.ARN, nil
	}
	name, _, _ := strings.Cut(rest, "/")
	arn, _, err := l.Client.LookAtRole(ctx, name)
	return arn, err // the session's ARN does not tell the path of the role
}
