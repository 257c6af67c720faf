// SPDX-License-Identifier: MPL-2.0

package sessions

// What a tick does for the roles whose sessions were denied: a policy goes when all that it denies has ended, and is
// written again where it is not what it should be: after a crash between storage and AWS, where AWS's answer was lost, or when
// another cluster wrote at the same moment.

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/engine"
	"vault-plugin-secrets-aws-dyn/internal/awscreds"
)

const (
	// lookEvery is how often a policy is read that should be as it is.
	lookEvery = 15 * time.Minute

	rolesAtOnce = 8
)

// roles is when each record is to be looked at. The mutex guards the fields and is never held while anything else happens.
type roles struct {
	mu     sync.Mutex
	filled bool
	known  map[string]roleLook // by key
}

type roleLook struct {
	ends time.Time // when nothing has to stand any more
	seen time.Time // when AWS had it all; zero while nobody knows
}

func (r *roles) unsure(key string, ends time.Time) { r.set(key, roleLook{ends: ends}) }

func (r *roles) sure(key string, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if l, known := r.known[key]; known {
		l.seen = now
		r.known[key] = l
	}
}

func (r *roles) set(key string, l roleLook) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.known == nil {
		r.known = map[string]roleLook{}
	}
	r.known[key] = l
}

func (r *roles) forget(key string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.known, key)
}

// due are the keys of the records that are to be looked at.
func (r *roles) due(now time.Time) (keys []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for key, l := range r.known {
		if !now.Before(l.ends) || l.seen.IsZero() || now.Sub(l.seen) >= lookEvery {
			keys = append(keys, key)
		}
	}
	return keys
}

// tendRoles looks at the policies whose time it is.
func (s *Sessions) tendRoles(ctx context.Context, st logical.Storage) error {
	if err := s.fillRoles(ctx, st); err != nil {
		return err
	}
	keys := s.roles.due(s.Now())
	account := func(key string) string { return strings.Split(key, "/")[1] }
	var errs []error
	for _, left := range engine.EachByAccount(ctx, s.Mount, rolesAtOnce, keys, account, nil, func(ctx context.Context, key string) error { return s.tend(ctx, st, key) }) {
		errs = append(errs, left.Errs...)
	}
	return errors.Join(errs...)
}

// fillRoles finds the records, once in the life of the process. What is known of one stays.
func (s *Sessions) fillRoles(ctx context.Context, st logical.Storage) error {
	s.roles.mu.Lock()
	filled := s.roles.filled
	s.roles.mu.Unlock()
	if filled {
		return nil
	}
	keys, err := recordsBelow(ctx, st)
	if err != nil {
		return fmt.Errorf("reading which sessions were denied: %w", err)
	}
	s.roles.mu.Lock()
	defer s.roles.mu.Unlock()
	if s.roles.known == nil {
		s.roles.known = map[string]roleLook{}
	}
	for _, key := range keys {
		if _, known := s.roles.known[key]; !known {
			s.roles.known[key] = roleLook{ends: s.Now()}
		}
	}
	s.roles.filled = true
	return nil
}

// recordsBelow are the keys of all records of roles.
func recordsBelow(ctx context.Context, st logical.Storage) (keys []string, err error) {
	accounts, err := st.List(ctx, engine.PrefixDenied)
	if err != nil {
		return nil, err
	}
	for _, account := range accounts {
		names, err := st.List(ctx, engine.PrefixDenied+account)
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			keys = append(keys, engine.PrefixDenied+account+name)
		}
	}
	return keys, nil
}

// tend makes the policy of one role what it should be.
func (s *Sessions) tend(ctx context.Context, st logical.Storage, key string) error {
	ctx, unlock, ok := s.Locks.TryLock(ctx, engine.LockDeniedRole(key))
	if !ok {
		return nil // it is being written
	}
	defer unlock()
	record, err := engine.Load[deniedRole](ctx, st, key)
	if engine.IsUnreadable(err) {
		return fmt.Errorf("which sessions of an AWS role are denied cannot be read; what AWS denies stays so, and the next revocation of one of its sessions, or roles/<role>/revoke-sessions, writes the record anew: %w", err)
	}
	if err != nil {
		return err
	}
	if record == nil {
		s.roles.forget(key)
		return nil
	}
	s.roles.unsure(key, record.ends().Add(margin))
	err = s.tendPolicy(ctx, st, key, record)
	if err != nil && lasts(err) && s.Now().Add(min(awscreds.Ahead(err), 0)).After(record.ends().Add(engine.LostAfter)) { // by both clocks
		s.Log.Warn("gave up the policy that denies sessions of an AWS role; all these sessions have ended, and the policy may be left in AWS",
			"aws_role", record.Name, "account", record.Account.String(), "policy", s.policyName(), "error", err)
		record.denials = denials{}
		err = s.saveDenied(ctx, st, record)
	}
	s.states.tended(record.Role, s.Now(), err)
	return err
}

// lasts reports whether an error is one that another try does not mend: AWS refuses, the policy is somebody else's now, or
// config/root leads to another account.
func lasts(err error) bool {
	var elsewhere *engine.OtherAccountError
	var changed *changedError
	return awscreds.IsRefused(err) || errors.As(err, &elsewhere) || errors.As(err, &changed)
}

// tendPolicy is tend for a role of which there is a record. Who holds its lock calls it.
func (s *Sessions) tendPolicy(ctx context.Context, st logical.Storage, key string, record *deniedRole) error {
	p, err := s.open(ctx, st, record.Role)
	if err != nil {
		return fmt.Errorf("tending the policy that denies sessions of role %s: %w", record.Name, err)
	}
	stands := p.record.and(p.inAWS).after(s.over(p))
	if !stands.empty() && p.inAWS.covers(p.record.after(s.over(p))) {
		s.states.counted(record.Role, s.Now(), stands)
		s.roles.set(key, roleLook{ends: stands.ends().Add(margin), seen: s.Now()})
		return nil
	}
	return s.rewrite(ctx, st, p, stands)
}

// rewrite writes the policy that should stand, or removes what nobody needs any more.
func (s *Sessions) rewrite(ctx context.Context, st logical.Storage, p *opened, stands denials) (err error) {
	if err := engine.Save(ctx, st, p.record.key(), p.record); err != nil { // who leads no more must not take back what the next leader denied
		return err
	}
	switch {
	case stands.empty() && p.text != "":
		err = p.client.DeleteRolePolicy(ctx, p.record.Name, s.policyName())
	case !stands.empty():
		err = p.client.PutRolePolicy(ctx, p.record.Name, s.policyName(), stands.text())
	}
	switch {
	case awscreds.IsNotFound(err): // no such role
		stands = denials{}
	case awscreds.IsOverQuota(err): // who asked was told, or will be
		stands = p.inAWS.after(s.over(p))
	case err != nil:
		return s.denied(p.record.Role, err)
	}
	p.record.denials = stands
	if err := s.saveDenied(ctx, st, p.record); err != nil {
		return err
	}
	s.roles.sure(p.record.key(), s.Now())
	return nil
}
