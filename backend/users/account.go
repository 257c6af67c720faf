// SPDX-License-Identifier: MPL-2.0

package users

// Which AWS account a user was made in. A record says so as soon as AWS's answers did. What
// the first edition and the built-in engine wrote does not: those users are taken to be of the
// mount's home account, which is the one that config/root led to when the engine first heard
// its number, unless somebody writes another to config/users.

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/engine"
	"vault-plugin-secrets-aws-dyn/internal/awscreds"
)

// accounts are those that the users of the records are in, and how they are reached.
type accounts struct {
	*register
	roles Roles
}

// Roles is what the room asks about the roles of the mount.
type Roles struct {
	// Way is how the account of a role is reached; the zero value where there is no such role.
	Way func(ctx context.Context, s logical.Storage, name string) (engine.AssumeRole, error)
	// Ways are how those of all roles are, or of those that make IAM users; config/root is not among them.
	Ways func(ctx context.Context, s logical.Storage, makeUsers bool) ([]engine.AssumeRole, error)
}

// madeIn is the account that the user of a record was made in; zero where nobody knows.
func (a *accounts) madeIn(ctx context.Context, s logical.Storage, r *Record, here awscreds.Account) (awscreds.Account, error) {
	if r.Account.Known() || r.AssumeRole.IsSet() {
		return r.Account, nil // whatever config/root leads to, a role is in one account
	}
	if here.Known() && awscreds.AccountOfKey(r.AccessKeyID) == here.Number {
		return here, nil // the number in a key's ID confirms, and never contradicts
	}
	return engine.HomeAccount(ctx, s)
}

// reach is the client for the account of a user, and how it got there: as its record says or, where
// AWS refuses that, as its role says now, as other roles and records do or, where it is the
// account of config/root, as that. What AWS then says counts only from the record's account.
func (a *accounts) reach(ctx context.Context, s logical.Storage, own engine.AssumeRole, roleName string) (*awscreds.Client, engine.AssumeRole, error) {
	ofItsRole := func() ([]engine.AssumeRole, error) {
		var way engine.AssumeRole
		var err error
		if engine.CheckRoleName(roleName) == nil { // no role has another name
			way, err = a.roles.Way(ctx, s, roleName)
		}
		if engine.IsUnreadable(err) {
			err = nil // then others have to do
		}
		return sameAccount([]engine.AssumeRole{way}, own), err
	}
	return a.Reach(ctx, s, own, ofItsRole, func() ([]engine.AssumeRole, error) { return a.into(ctx, s, own, true) })
}

// Into is the client for the account that a way leads to or, where AWS refuses that, another way of a role or a record.
func (a *accounts) Into(ctx context.Context, s logical.Storage, way engine.AssumeRole) (*awscreds.Client, error) {
	client, _, err := a.Reach(ctx, s, way, func() ([]engine.AssumeRole, error) { return a.into(ctx, s, way, false) })
	return client, err
}

// into are the ways into the account of one that records have, and all roles or those that make IAM users.
func (a *accounts) into(ctx context.Context, s logical.Storage, own engine.AssumeRole, makeUsers bool) ([]engine.AssumeRole, error) {
	ways, err := a.waysOf(ctx, s, makeUsers)
	if ways = sameAccount(ways, own); own.IsSet() && own.Account() == a.homeAmong(ctx, s, own) {
		ways = append([]engine.AssumeRole{{}}, ways...)
	}
	return ways, err
}

// sameAccount are those of some ways that lead to the account of one.
func sameAccount(ways []engine.AssumeRole, own engine.AssumeRole) []engine.AssumeRole {
	return slices.DeleteFunc(ways, func(way engine.AssumeRole) bool { return !way.IsSet() || way.Account() != own.Account() })
}

// home is the account of config/root, as [engine.AssumeRole.Account] has others; empty until
// AWS has told.
func (a *accounts) home() string {
	client := a.KnownClient()
	if client == nil {
		return ""
	}
	return engine.AccountText(client.KnownAccount())
}

// homeAmong is home, and asks AWS once where users of other accounts are to be told from those.
func (a *accounts) homeAmong(ctx context.Context, s logical.Storage, by engine.AssumeRole) string {
	if home := a.home(); home != "" || !by.IsSet() && !a.index.abroad() {
		return home
	}
	if client, err := a.AWS(ctx, s); err == nil {
		_, _ = client.FindAccount(ctx) // where it does not tell, each way counts as an account
	}
	return a.home()
}

// abroad reports whether any user was made by way of a role.
func (x *index) abroad() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return len(x.ofAccount) > 1 || len(x.ofAccount) == 1 && x.ofAccount[""] == 0
}

// inAccount counts the users of an account, "" for the one of config/root, which a role may lead
// to as well: home.
func (x *index) inAccount(in, home string) (n int, where string) {
	switch {
	case in == "" && home == "":
		return x.ofAccount[""], ""
	case in == "" || in == home:
		return x.ofAccount[""] + x.ofAccount[home], ""
	}
	return x.ofAccount[in], " in AWS account " + in
}

// ways are how the accounts of roles and records are reached, those of one account together;
// the one of config/root is not among them.
func (a *accounts) ways(ctx context.Context, s logical.Storage) ([]engine.AssumeRole, error) {
	return a.waysOf(ctx, s, false)
}

// waysOf are those of records, and of all roles or of those that make IAM users.
func (a *accounts) waysOf(ctx context.Context, s logical.Storage, makeUsers bool) ([]engine.AssumeRole, error) {
	ofRoles, err := a.roles.Ways(ctx, s, makeUsers)
	if err != nil {
		return nil, err
	}
	ways := map[engine.AssumeRole]bool{}
	for _, way := range ofRoles {
		ways[way] = true
	}
	a.index.each(func(e entry) {
		if e.in() != "" {
			ways[e.by.Value()] = true
		}
	})
	return slices.SortedFunc(maps.Keys(ways), func(one, other engine.AssumeRole) int {
		return cmp.Or(strings.Compare(one.Account(), other.Account()), strings.Compare(one.AssumeRoleARN, other.AssumeRoleARN), strings.Compare(one.ExternalID, other.ExternalID))
	}), nil
}

// whoseWord finds out which account it is that AWS's words were about: answers may have told it, and told another than
// before them. Where the user's account is known, and AWS refuses to name its own, they are not believed.
func (a *accounts) whoseWord(ctx context.Context, s logical.Storage, c *awscreds.Client, user string, r *Record, f *facts) error {
	ask := c.FindAccount
	if f.made.Known() {
		ask = c.AskAccount
	}
	var err error
	if f.here, err = ask(ctx); err != nil {
		return fmt.Errorf("asking which account has no IAM user %s: %w", user, err)
	}
	if !f.here.Known() {
		a.Log.Warn("AWS does not say which account has no such IAM user; its answer counts", "iam_user", user)
		return nil
	}
	f.made, err = a.madeIn(ctx, s, r, f.here)
	return err
}

// otherAccount says that config/root leads to another account than the user's.
func otherAccount(user string, made, here awscreds.Account) error {
	return &engine.OtherAccountError{What: "IAM user " + user, Made: made, Here: here, Otherwise: "write issued/" + user + "/forget to drop the record and leave the user"}
}

// keepHome stores the account that config/root leads to as the mount's home, if it has none.
func (a *accounts) keepHome(ctx context.Context, s logical.Storage) error {
	client := a.KnownClient()
	if client == nil {
		return nil
	}
	if account, err := client.FindAccount(ctx); err != nil || !account.Known() {
		return nil // the next tick asks again
	}
	ctx, unlock, ok := a.Locks.TryLock(ctx, engine.LockConfig(engine.KeyUsersConfig))
	if !ok {
		return nil // somebody may be writing it; the next tick looks again
	}
	defer unlock()
	home, err := engine.Load[awscreds.Account](ctx, s, engine.KeyHome)
	if err != nil || home != nil {
		return err
	}
	return engine.Save(ctx, s, engine.KeyHome, client.KnownAccount())
}

// SetHome stores the home account that somebody has written; empty leaves it as it is. Where
// the number stays, so does what else is known. The caller holds the lock of config/users.
func (a *accounts) SetHome(ctx context.Context, s logical.Storage, text string) error {
	if text == "" {
		return nil
	}
	next := engine.ParseAccount(text)
	home, err := engine.HomeAccount(ctx, s)
	if err != nil && !engine.IsUnreadable(err) || err == nil && home.Partition == next.Partition && home.Number == next.Number {
		return err
	}
	if client, err := a.AWS(ctx, s); err == nil { // which calls nobody
		next.Host = client.Host()
	}
	return engine.Save(ctx, s, engine.KeyHome, &next)
}

// Elsewhere counts the users whose account is another than here and is reached by config/root
// alone; home is the account of those that do not say theirs.
func (a *accounts) Elsewhere(here, home awscreds.Account) (n int, one awscreds.Account) {
	a.index.each(func(e entry) {
		in := e.account
		if !in.Known() {
			in = home
		}
		if e.in() == "" && in.Known() && !in.Same(here) {
			n, one = n+1, in
		}
	})
	return n, one
}
