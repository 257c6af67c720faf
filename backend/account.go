// SPDX-License-Identifier: MPL-2.0

package backend

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
	"time"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/engine"
	"vault-plugin-secrets-aws-dyn/backend/staticrole"
	"vault-plugin-secrets-aws-dyn/internal/awscreds"
)

// madeIn is the account that the user of a record was made in; zero where nobody knows.
func (u *users) madeIn(ctx context.Context, s logical.Storage, r *userRecord, here awscreds.Account) (awscreds.Account, error) {
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
func (u *users) reach(ctx context.Context, s logical.Storage, own engine.AssumeRole, roleName string) (*awscreds.Client, engine.AssumeRole, error) {
	same := func(ways []engine.AssumeRole) []engine.AssumeRole {
		return slices.DeleteFunc(ways, func(way engine.AssumeRole) bool { return !way.IsSet() || way.Account() != own.Account() })
	}
	ofItsRole := func() ([]engine.AssumeRole, error) {
		var r *role
		var err error
		if engine.CheckRoleName(roleName) == nil { // no role has another name
			r, err = loadRole(ctx, s, roleName)
		}
		if engine.IsUnreadable(err) {
			err = nil // then others have to do
		}
		var ways []engine.AssumeRole
		if r != nil {
			ways = same([]engine.AssumeRole{r.assumeRole()})
		}
		return ways, err
	}
	ofOthers := func() ([]engine.AssumeRole, error) {
		ways, err := u.waysOf(ctx, s, func(r *role) bool { return r.issues(iamUser) })
		if ways = same(ways); own.IsSet() && own.Account() == u.homeAmong(ctx, s, own) {
			ways = append([]engine.AssumeRole{{}}, ways...)
		}
		return ways, err
	}
	return u.Reach(ctx, s, own, ofItsRole, ofOthers)
}

// home is the account of config/root, as [engine.AssumeRole.Account] has others; empty until
// AWS has told.
func (u *users) home() string {
	client := u.KnownClient()
	if client == nil {
		return ""
	}
	return engine.AccountText(client.KnownAccount())
}

// homeAmong is home, and asks AWS once where users of other accounts are to be told from those.
func (u *users) homeAmong(ctx context.Context, s logical.Storage, by engine.AssumeRole) string {
	if home := u.home(); home != "" || !by.IsSet() && !u.index.abroad() {
		return home
	}
	if client, err := u.AWS(ctx, s); err == nil {
		_, _ = client.FindAccount(ctx) // where it does not tell, each way counts as an account
	}
	return u.home()
}

// abroad reports whether any user was made by way of a role.
func (x *userIndex) abroad() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return len(x.ofAccount) > 1 || len(x.ofAccount) == 1 && x.ofAccount[""] == 0
}

// inAccount counts the users of an account, "" for the one of config/root, which a role may lead
// to as well: home.
func (x *userIndex) inAccount(in, home string) (n int, where string) {
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
func (u *users) ways(ctx context.Context, s logical.Storage) ([]engine.AssumeRole, error) {
	return u.waysOf(ctx, s, func(*role) bool { return true })
}

// waysOf are those of records and of some of the roles.
func (u *users) waysOf(ctx context.Context, s logical.Storage, which func(*role) bool) ([]engine.AssumeRole, error) {
	names, err := s.List(ctx, engine.PrefixRole)
	if err != nil {
		return nil, err
	}
	ways := map[engine.AssumeRole]bool{}
	u.index.each(func(e indexEntry) {
		if e.in() != "" {
			ways[e.by.Value()] = true
		}
	})
	for _, name := range names {
		r, err := loadRole(ctx, s, name)
		if err != nil && !engine.IsUnreadable(err) {
			return nil, err
		}
		if r != nil && which(r) && r.assumeRole().IsSet() {
			ways[r.assumeRole()] = true
		}
	}
	return slices.SortedFunc(maps.Keys(ways), func(a, b engine.AssumeRole) int {
		return cmp.Or(strings.Compare(a.Account(), b.Account()), strings.Compare(a.AssumeRoleARN, b.AssumeRoleARN), strings.Compare(a.ExternalID, b.ExternalID))
	}), nil
}

// whoseWord finds out which account it is that AWS's words are about, where answers have not
// told.
func (u *users) whoseWord(ctx context.Context, s logical.Storage, c *awscreds.Client, user string, r *userRecord, f *facts) error {
	if f.here.Known() {
		return nil
	}
	var err error
	if f.here, err = c.FindAccount(ctx); err != nil {
		return fmt.Errorf("asking which account has no IAM user %s: %w", user, err)
	}
	if !f.here.Known() {
		u.Log.Warn("AWS does not say which account has no such IAM user; its answer counts", "iam_user", user)
		return nil
	}
	f.made, err = u.madeIn(ctx, s, r, f.here)
	return err
}

// otherAccount says that config/root leads to another account than the user's.
func otherAccount(user string, made, here awscreds.Account) error {
	return &engine.OtherAccountError{What: "IAM user " + user, Made: made, Here: here, Otherwise: "write issued/" + user + "/forget to drop the record and leave the user"}
}

// keepHome stores the account that config/root leads to as the mount's home, if it has none.
func (u *users) keepHome(ctx context.Context, s logical.Storage) error {
	client := u.KnownClient()
	if client == nil {
		return nil
	}
	if account, err := client.FindAccount(ctx); err != nil || !account.Known() {
		return nil // the next tick asks again
	}
	ctx, unlock, ok := u.Locks.TryLock(ctx, engine.LockConfig(engine.KeyUsersConfig))
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

// setHome stores the home account that somebody has written; empty leaves it as it is. Where
// the number stays, so does what else is known. The caller holds the lock of config/users.
func (u *users) setHome(ctx context.Context, s logical.Storage, text string) error {
	if text == "" {
		return nil
	}
	next := engine.ParseAccount(text)
	home, err := engine.HomeAccount(ctx, s)
	if err != nil || home.Partition == next.Partition && home.Number == next.Number {
		return err
	}
	if client, err := u.AWS(ctx, s); err == nil { // which calls nobody
		next.Host = client.Host()
	}
	return engine.Save(ctx, s, engine.KeyHome, &next)
}

// accountLook bounds the question which account config/root leads to, when it is written.
const accountLook = 2 * time.Second

// leftBehind warns where config/root leads to another account than users and static roles of
// the mount are in. It asks only where there are some, and a failure is none of the write's.
func (u *users) leftBehind(ctx context.Context, s logical.Storage) []string {
	records, err := s.List(ctx, engine.PrefixIssued)
	if err != nil {
		return nil
	}
	statics, err := s.List(ctx, engine.PrefixStaticRole)
	if err != nil || len(records)+len(statics) == 0 || u.known(ctx, s) != nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, accountLook)
	defer cancel()
	client, err := u.AWS(ctx, s)
	if err != nil {
		return nil
	}
	here, err := client.FindAccount(ctx)
	if err != nil || !here.Known() {
		return nil
	}
	home, err := engine.HomeAccount(ctx, s)
	if err != nil {
		return nil
	}
	users, from := u.elsewhere(here, home)
	roles, err := staticrole.Elsewhere(ctx, s, here)
	if err != nil || users+roles == 0 {
		return nil
	}
	if users == 0 {
		from = home
	}
	left := counted(users, "IAM user")
	switch {
	case users == 0:
		left = counted(roles, "static role")
	case roles > 0:
		left += " and " + counted(roles, "static role")
	}
	return []string{fmt.Sprintf("config/root leads to AWS account %s now, and this mount has %s in another account, such as %s: "+
		"until config/root leads there again they cannot be deleted or rotated, and revocations fail; do not disable the mount before", here, left, from)}
}

// elsewhere counts the users whose account is another than here and is reached by config/root
// alone; home is the account of those that do not say theirs.
func (u *users) elsewhere(here, home awscreds.Account) (n int, one awscreds.Account) {
	u.index.each(func(e indexEntry) {
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

// counted is a number of things in words.
func counted(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}
