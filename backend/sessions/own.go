// SPDX-License-Identifier: MPL-2.0

package sessions

// The engine can work in AWS as the very role whose sessions end on request. Memory is enough to mend that: a process that begins
// has no sessions from before.

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/awsrules"
	"vault-plugin-secrets-aws-dyn/backend/engine"
	"vault-plugin-secrets-aws-dyn/internal/awscreds"
)

const (
	// behind is how far AWS's clock may be behind ours unseen: what it gives before issued_before by its clock is denied, too.
	behind = 30 * time.Second

	// Settles is how long after sessions were ended a new one may be one of them, as far as clocks are apart unseen.
	Settles = behind + 2*time.Second

	// askTime bounds the question who the engine is. An emergency does not wait for it.
	askTime = 5 * time.Second
)

// Own is an AWS role as which the engine itself works, and whose sessions ended on request.
type Own struct {
	Role, Account string
	// As is the ARN by which clients of other accounts are told apart; empty for the identity of config/root.
	As string
	// Since is when they ended, and Until when the engine takes new ones.
	Since, Until time.Time

	of  string // key of the role's record
	key string // ID of the key that is to be another one; empty where each new session is
}

// Late reports whether the engine has asked for a new session, and whoever gives it one gave the old one again.
func (o Own) Late(now time.Time) bool { return o.key != "" && now.Sub(o.Until) > 2*time.Minute }

// own is what is remembered of them. The mutex guards the list and is never held while anything else happens.
type own struct {
	mu   sync.Mutex
	list []Own
}

func (o *own) add(more []Own) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, one := range more {
		o.list = slices.DeleteFunc(o.list, func(old Own) bool { return old.of == one.of && old.As == one.As })
		o.list = append(o.list, one)
	}
}

// drop forgets those for which it is time, and returns them.
func (o *own) drop(over func(Own) bool) (dropped []Own) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.list = slices.DeleteFunc(o.list, func(one Own) bool {
		if !over(one) {
			return false
		}
		dropped = append(dropped, one)
		return true
	})
	return dropped
}

// OwnEnded are the roles of whose sessions AWS refuses the engine's own.
func (s *Sessions) OwnEnded() []Own {
	s.own.mu.Lock()
	defer s.own.mu.Unlock()
	return slices.Clone(s.own.list)
}

// CutOff says why AWS refuses what the engine asks for; empty where it knows of nothing.
func (s *Sessions) CutOff() string {
	ended := s.OwnEnded()
	if len(ended) == 0 {
		return ""
	}
	o := ended[0]
	if o.Late(s.Now()) {
		return fmt.Sprintf("the engine's own sessions of AWS role %s were ended with revoke-sessions at %s, and what gave it the session still gives the old one; status says what to do", o.Role, stamp(o.Since))
	}
	return fmt.Sprintf("the engine's own sessions of AWS role %s were ended with revoke-sessions, and it gets new ones within two minutes after %s", o.Role, stamp(o.Since))
}

// RenewOwn has the engine work with new sessions, where AWS refuses those that it has; it returns of which roles.
func (s *Sessions) RenewOwn(ctx context.Context, st logical.Storage) ([]Own, error) {
	now := s.Now()
	due := func(o Own) bool { return !now.Before(o.Until) }
	ended := slices.DeleteFunc(s.OwnEnded(), func(o Own) bool { return !due(o) })
	if len(ended) == 0 || s.stillGiven(ctx, st, ended) {
		return nil, nil
	}
	s.ResetAWS() // and with it what works in other accounts
	clients, _, err := s.ownClients(ctx, st)
	if err != nil {
		return nil, fmt.Errorf("taking new sessions of the engine's own: %w", err)
	}
	var keys []string
	for _, c := range clients {
		key, err := c.KeyID(ctx)
		if err != nil {
			return nil, fmt.Errorf("taking new sessions of the engine's own: %w", err)
		}
		keys = append(keys, key)
	}
	renewed := s.own.drop(func(o Own) bool { return due(o) && !slices.Contains(keys, o.key) })
	for _, o := range renewed {
		s.Log.Info("works with new sessions of an AWS role whose sessions ended on request", "aws_role", o.Role, "account", o.Account)
	}
	return renewed, nil
}

// stillGiven reports whether whoever gives the engine its session gives the ended one again. Then nothing begins anew: what
// memory has, such as shared credentials and sessions in other accounts, is of use as long as it lasts.
func (s *Sessions) stillGiven(ctx context.Context, st logical.Storage, ended []Own) bool {
	cfg, err := engine.LoadOr(ctx, st, engine.KeyRootConfig, engine.NewRootConfig)
	if err != nil {
		return false
	}
	source, err := engine.OwnClient(ctx, cfg)
	if err != nil {
		return false
	}
	key, err := source.KeyID(ctx)
	return err == nil && !slices.ContainsFunc(ended, func(o Own) bool { return o.key == "" || o.key != key })
}

// ownClients are the clients that call AWS as config/root says: that of all calls, and that which assumes its role_arn, where nobody
// gave it a key.
func (s *Sessions) ownClients(ctx context.Context, st logical.Storage) ([]*awscreds.Client, *engine.RootConfig, error) {
	client, err := s.AWS(ctx, st)
	if err != nil {
		return nil, nil, err
	}
	cfg, err := engine.LoadOr(ctx, st, engine.KeyRootConfig, engine.NewRootConfig)
	if err != nil {
		return nil, nil, err
	}
	clients := []*awscreds.Client{client}
	if cfg.RoleARN != "" && cfg.AccessKey == "" && cfg.IdentityTokenAudience == "" && cfg.TokenFile == "" {
		source, err := engine.OwnClient(ctx, cfg)
		if err != nil {
			return nil, nil, err
		}
		clients = append(clients, source)
	}
	return clients, cfg, nil
}

// ownAmong are the roles, of some whose sessions are about to end, as which the engine works; and how far AWS's clock is
// ahead of ours, as far as AWS tells.
func (s *Sessions) ownAmong(ctx context.Context, st logical.Storage, roles []Role) (list []Own, ahead time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	clients, cfg, err := s.ownClients(ctx, st)
	if err != nil {
		return nil, 0 // and nothing else works
	}
	add := func(arn, as, key string) {
		for _, role := range roles {
			if role.isOf(arn) {
				list = append(list, Own{Role: role.Name, Account: role.Account.String(), As: as, of: role.key(), key: key})
			}
		}
	}
	for i, c := range clients {
		session := c.IsSession(ctx)
		if i > 0 && !session {
			continue
		}
		who, other := c.WhoAmI(ctx)
		if ahead = cmp.Or(who.Ahead, ahead); !session {
			continue
		}
		key, err := c.KeyID(ctx)
		if errors.Join(err, other) != nil && i == 0 {
			who.ARN = cfg.RoleARN
		}
		add(who.ARN, "", key)
	}
	for _, arn := range clients[0].AssumedRoles() {
		add(arn, arn, "")
	}
	return list, ahead
}

// endAt says when sessions end that were given before a moment, and when a new one is none of them: once that has come by
// AWS's clock, too.
func endAt(list []Own, before time.Time, ahead time.Duration) {
	for i := range list {
		list[i].Since, list[i].Until = before, before.Add(behind-ahead)
	}
}

// unended forgets what was about to end, where nothing came of it. What AWS did not answer may have come to pass.
func (o *own) unended(role Role, why error) {
	var mistake *engine.UserError
	if awscreds.IsRefused(why) || errors.As(why, &mistake) {
		o.drop(func(one Own) bool { return one.of == role.key() })
	}
}

// isOf reports whether an ARN is of the role, or of one of its sessions.
func (r Role) isOf(arn string) bool {
	return awsrules.ARNAccount(arn) == r.Account.Number && strings.EqualFold(cmp.Or(RoleOfSession(arn), arn[strings.LastIndexByte(arn, '/')+1:]), r.Name)
}

// cutOffWarning says what becomes of the engine when it ends its own sessions.
func cutOffWarning(list []Own) string {
	var names []string
	until := time.Time{}
	for _, o := range list {
		names, until = append(names, o.Role), later(until, o.Until)
	}
	return fmt.Sprintf("the engine itself works in AWS as %s: its own sessions end too, so within minutes requests may fail with AccessDenied, until at about %s the engine gets new ones. "+
		"A session that an instance, a container or a function gave it is replaced when that has a new one, which can take hours; a write of another identity to config/root does it at once",
		strings.Join(slices.Compact(slices.Sorted(slices.Values(names))), ", "), stamp(until.Add(time.Minute)))
}
