// SPDX-License-Identifier: MPL-2.0

package sessions

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/vault/sdk/framework"
	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/awsrules"
	"vault-plugin-secrets-aws-dyn/backend/engine"
)

// longestSession is the longest session of a role that AWS gives to anybody (STS API Reference, AssumeRole).
const longestSession = 12 * time.Hour

// tellTime bounds the write that tells other servers, which goes on when its client has left.
const tellTime = 5 * time.Second

func (s *Sessions) pathRevokeSessions() *framework.Path {
	return &framework.Path{
		Pattern:      "roles/(?P<name>[^/]+)/revoke-sessions",
		DisplayAttrs: engine.Operation("revoke", "role-sessions"),
		Fields: map[string]*framework.FieldSchema{
			"name": {
				Type:        framework.TypeString,
				Description: "Name of the role.",
			},
			"role_arn": {
				Type:        framework.TypeString,
				Description: "ARN of the AWS role whose sessions are to end. Not given: all in the role's role_arns.",
			},
		},
		Operations: map[logical.Operation]framework.OperationHandler{
			logical.UpdateOperation: engine.Gives(s.Write("End all sessions of an AWS role that were issued before now, whoever holds them.", s.revokeSessions), map[string]*framework.FieldSchema{
				"aws_roles":     {Type: framework.TypeStringSlice, Description: "Names of the AWS roles whose sessions end."},
				"issued_before": {Type: framework.TypeString, Description: "Sessions that were issued before this time end (RFC 3339)."},
			}),
		},
		HelpSynopsis: "End all sessions of a role that were issued before now.",
		HelpDescription: `
For emergencies. Writes a policy on the AWS role that denies everything to each session
that was issued before now; it takes effect within minutes. It affects everybody who works
as that AWS role: not only sessions from this mount, but also people, other tools, and the
instances, functions and pods that run as the role, until they get new credentials. Those
who may still assume the role get them at once: first disable the role, or revoke their
tokens. If an ended session has assumed other roles, those sessions live on. If the engine
itself works as that AWS role, it gets new sessions within two minutes.

The role need not have revoke_sessions. The engine needs iam:GetRolePolicy,
iam:PutRolePolicy and iam:DeleteRolePolicy on the AWS role, and removes the policy when
the longest earlier session has ended, after 12 hours.
`,
	}
}

func (s *Sessions) revokeSessions(ctx context.Context, req *logical.Request, d *framework.FieldData) (*logical.Response, error) {
	for field := range d.Raw {
		if d.Schema[field] == nil { // such as role_arns: it would end more sessions than was meant
			return nil, engine.UserErrorf("%s: is not a field of this path; role_arn names the one AWS role whose sessions should end; without it those of all role_arns of the role end", awsrules.Abridged(field))
		}
	}
	var arn string
	engine.Set(d, "role_arn", &arn)
	name := d.Get("name").(string)
	roles, err := s.rolesOf(ctx, req.Storage, name, arn)
	if err != nil {
		return nil, err
	}
	own, ahead := s.ownAmong(ctx, req.Storage, roles)
	if ahead > 0 {
		ahead += time.Second // which AWS's answers leave out
	}
	// AWS tells the time of a session by its own clock, in whole seconds.
	before := s.Now().UTC().Add(max(ahead, 0)).Truncate(time.Second).Add(time.Second)
	endAt(own, before, ahead)
	ours := func(of Role) bool { return slices.ContainsFunc(own, func(o Own) bool { return o.of == of.key() }) }
	roles = append(slices.DeleteFunc(slices.Clone(roles), ours), slices.DeleteFunc(roles, func(r Role) bool { return !ours(r) })...) // its own last, for the sake of the others
	s.own.add(own)
	var done []string
	var failed error
	for _, role := range roles {
		if err := s.denyBefore(ctx, req.Storage, role, before, before.Add(longestSession)); err != nil { // which spares no other
			s.own.unended(role, err)
			failed = errors.Join(failed, err)
			continue
		}
		s.Log.Warn("all sessions of an AWS role end on request", "aws_role", role.Name, "account", role.Account.String(), "issued_before", stamp(before), "role", name)
		done = append(done, role.Name)
	}
	s.ended(before.Add(behind - ahead)) // also where one failed
	untold := s.tellOthers(ctx, req.Storage, before)
	switch {
	case failed != nil && len(done) > 0:
		return nil, fmt.Errorf("%w; those of %s end", failed, strings.Join(done, ", "))
	case failed != nil:
		return nil, failed
	}
	resp := &logical.Response{
		Data: map[string]any{"aws_roles": done, "issued_before": stamp(before)},
		Warnings: []string{fmt.Sprintf("within minutes AWS refuses every session of %s that was issued before %s, whoever holds it: those of other mounts, of people, and of instances, functions and pods that run as the role. "+
			"Who may still assume the role gets a new session at once; sessions of other roles that were assumed from an ended one live on", strings.Join(done, ", "), stamp(before))},
	}
	if len(own) > 0 {
		resp.AddWarning(cutOffWarning(own))
	}
	if untold != nil {
		resp.AddWarning(fmt.Sprintf("performance standbys and secondaries were not told, and may go on to return ended sessions of roles with share_for until these expire; write this once more: %v", untold))
	}
	return resp, nil
}

// tellOthers has the servers and clusters that share this mount's storage drop the sessions that they share: Vault tells them of
// a key that was written.
func (s *Sessions) tellOthers(ctx context.Context, st logical.Storage, before time.Time) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), tellTime)
	defer cancel()
	err := engine.Save(ctx, st, engine.KeySessionsEnded, &sessionsEnded{before})
	if err != nil {
		s.Log.Warn("performance standbys and secondaries were not told that sessions have ended", "error", err)
	}
	return err
}

// sessionsEnded is the entry at [engine.KeySessionsEnded].
type sessionsEnded struct {
	IssuedBefore time.Time `json:"issued_before"`
}
