// SPDX-License-Identifier: MPL-2.0

package sessions

// One write of a role's policy, for all that were gathered for it.

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/engine"
	"vault-plugin-secrets-aws-dyn/internal/awscreds"
)

// policyName is the name of the inline policies of this mount. A copy of the storage has the same, and keeps
// what stands in them.
func (s *Sessions) policyName() string {
	name := "vault-denied-sessions"
	if s.ID != "" {
		name += "-" + s.ID
	}
	return name
}

// Deny ends a session of a role early: AWS refuses its calls from some moments on. id is what aws:userid is for it, and ends when it
// ends by itself.
func (s *Sessions) Deny(ctx context.Context, st logical.Storage, role Role, id string, ends time.Time) error {
	return s.gather(ctx, st, role, &change{deny: func(d *denials) { d.deny(id, ends) }, until: ends, what: "the session lives until " + stamp(ends) + ", and its holder can use it"})
}

// denyBefore ends all sessions of a role that were given before a moment, whoever has them.
func (s *Sessions) denyBefore(ctx context.Context, st logical.Storage, role Role, before, until time.Time) error {
	return s.gather(ctx, st, role, &change{deny: func(d *denials) { d.denyBefore(before, until) }, all: true, until: until, what: "its sessions live on"})
}

// change is what is to be added to the policy of a role, and what came of it.
type change struct {
	deny func(*denials)
	all  bool   // it denies all sessions, for which room is kept
	what string // what is so without it
	err  error

	until time.Time // when the sessions that it denies end by themselves
}

// write makes the changes of a role. Who holds its lock calls it.
func (s *Sessions) write(ctx context.Context, st logical.Storage, role Role, changes []*change) error {
	p, err := s.open(ctx, st, role)
	if err != nil {
		return err
	}
	stands := p.record.and(p.inAWS).after(s.over(p))
	room := s.admit(role, stands, changes)
	if len(room) == 0 {
		return nil // each was told why
	}
	p.record.denials = with(stands, room)
	if err := s.saveDenied(ctx, st, p.record); err != nil {
		return err
	}
	written, err := s.put(ctx, p, stands, room)
	if err != nil && !awscreds.IsRefused(err) {
		return err // AWS may have written it: the record stands, and a tick looks
	}
	if !written.covers(p.record.denials) {
		p.record.denials = written
		err = errors.Join(err, s.saveDenied(ctx, st, p.record))
	}
	if p.text == p.record.text() {
		s.roles.sure(role.key(), s.Now())
	}
	return err
}

// admit tells those that have no room. Nothing that stands makes way for them.
func (s *Sessions) admit(role Role, stands denials, changes []*change) (room []*change) {
	next := stands
	for _, c := range changes {
		tried := with(next, []*change{c})
		if !c.all && !tried.fits() {
			c.err = s.full(role, stands, nil)
			continue
		}
		next, room = tried, append(room, c)
	}
	return room
}

// with is what stands, and some changes.
func with(stands denials, changes []*change) denials {
	next := stands.and(denials{})
	for _, c := range changes {
		c.deny(&next)
	}
	return next
}

// put writes the policy. Where the role's other policies leave too little room, it finds out how many of the changes fit, and
// the others are told; written is what stands in AWS then. An error is about all of them.
func (s *Sessions) put(ctx context.Context, p *opened, stands denials, changes []*change) (written denials, err error) {
	next := with(stands, changes)
	text := next.text()
	if text == p.text {
		return next, nil
	}
	switch err := p.client.PutRolePolicy(ctx, p.record.Name, s.policyName(), text); {
	case err == nil:
		p.text = text
		return next, nil
	case awscreds.IsNotFound(err): // there is no such role any more, and its sessions can do nothing
		return denials{}, nil
	case !awscreds.IsOverQuota(err):
		return stands, s.denied(p.record.Role, err)
	case len(changes) == 1:
		changes[0].err = s.full(p.record.Role, stands, err)
		return stands, nil
	}
	half := len(changes) / 2
	written, err = s.put(ctx, p, stands, changes[:half])
	if err != nil {
		return written, err
	}
	if failed := changes[half-1].err; failed != nil { // the others are as long
		for _, c := range changes[half:] {
			c.err = failed
		}
		return written, nil
	}
	return s.put(ctx, p, written, changes[half:])
}

// full says that there is no room in a role, and when there will be.
func (s *Sessions) full(role Role, stands denials, why error) error {
	until := ""
	if !stands.empty() {
		until = "; the first of them ends at " + stamp(stands.first().Add(margin))
	}
	err := engine.UserErrorf("AWS role %s has no room to deny one more session: AWS allows %d characters to all inline policies of a role, and %s has %d of them for %d denied sessions%s; "+
		"roles/<role>/revoke-sessions ends all sessions of the role", role.Name, mostPolicies, s.policyName(), len(stands.text()), len(stands.Sessions), until)
	if why != nil {
		return fmt.Errorf("%w: %w", err, why)
	}
	return err
}

// denied adds to a refusal what the engine has to be allowed.
func (s *Sessions) denied(role Role, err error) error {
	if !awscreds.IsDenied(err) {
		return err
	}
	return fmt.Errorf("%w; to revoke sessions the engine needs iam:GetRolePolicy, iam:PutRolePolicy and iam:DeleteRolePolicy on role %s of AWS account %s", err, role.Name, role.Account)
}

// opened is the policy of a role as storage and AWS have it.
type opened struct {
	client *awscreds.Client
	record *deniedRole
	text   string // in AWS
	inAWS  denials
	ahead  time.Duration // AWS's clock, of ours
}

// open reads the policy of a role, from the account that it is in and no other.
func (s *Sessions) open(ctx context.Context, st logical.Storage, role Role) (*opened, error) {
	record, err := s.loadDenied(ctx, st, role)
	if err != nil {
		return nil, err
	}
	p := &opened{record: record}
	if p.client, err = s.into(ctx, st, role.AssumeRole); err != nil {
		return nil, err
	}
	if err := s.CheckAccount(ctx, p.client, role.Account, "the session of role "+role.Name, "let the session end by itself"); err != nil {
		return nil, err
	}
	if p.text, p.ahead, err = p.client.RolePolicy(ctx, role.Name, s.policyName()); err != nil {
		return nil, s.denied(role, err)
	}
	if p.inAWS, err = parse(p.text); err != nil {
		return nil, &changedError{engine.UserErrorf("inline policy %s of role %s was changed by somebody else, and is left as it is: %v; delete the policy in AWS, and revoke again: the engine then writes everything that this mount has denied",
			s.policyName(), role.Name, err)}
	}
	return p, nil
}

// changedError says that somebody else has changed the policy of a role.
type changedError struct{ error }

func (e *changedError) Unwrap() error { return e.error }

// explain puts what is so without a change behind the reason why it failed.
func (c *change) explain() error {
	if c.err == nil || errors.Is(c.err, logical.ErrReadOnly) { // whose text Vault knows
		return c.err
	}
	return fmt.Errorf("%w; %s", c.err, c.what)
}
