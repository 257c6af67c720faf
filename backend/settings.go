// SPDX-License-Identifier: MPL-2.0

package backend

// What the configuration says about making users, read once and shared by all requests.

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/awsrules"
	"vault-plugin-secrets-aws-dyn/backend/engine"
	"vault-plugin-secrets-aws-dyn/internal/awscreds"
)

// settings are what one state of config/root, config/lease and config/users says about
// making users, so that a creation reads none of them. They do not change, but for what AWS taught. What only
// deletes does not need them: a template or a limit that nobody can read stops no
// revocation.
type settings struct {
	usernames *awsrules.NameTemplate // nil where unusable says why
	unusable  error
	users     *usersConfig
	leases    *leaseConfig

	noTags  sync.Map     // refusedTags, by role
	noProbe atomic.Int64 // until when STS counts as one that cannot tell whether a key is accepted, in nanoseconds of Unix time
}

// probePause is for how long STS is not asked about new keys after it had no GetCallerIdentity. It may have learnt it since, or
// somebody else answered in its place.
const probePause = time.Hour

// canProbe reports whether STS can tell whether a key is accepted, as far as is known.
func (s *settings) canProbe(now time.Time) bool { return now.UnixNano() >= s.noProbe.Load() }

// setNoProbe remembers that it cannot, and reports whether that is news.
func (s *settings) setNoProbe(now time.Time) (news bool) {
	before := s.noProbe.Swap(now.Add(probePause).UnixNano())
	return now.UnixNano() >= before
}

// tagPause is for how long tags that AWS refused are left out. The identity may be allowed to
// tag since.
const tagPause = 5 * time.Minute

// refusedTags are the keys of our tags that AWS refused for the users of a role.
type refusedTags struct {
	keys  []string
	until time.Time
}

// leftOut are the keys of our tags that the next user of a role goes without. When their time has
// come, one request tries them again.
func (s *settings) leftOut(role string, now time.Time) []string {
	known, refused := s.noTags.Load(role)
	if !refused {
		return nil
	}
	tags := known.(*refusedTags)
	if !now.Before(tags.until) && s.noTags.CompareAndSwap(role, known, &refusedTags{tags.keys, now.Add(tagPause)}) {
		return nil
	}
	return tags.keys
}

// setLeftOut remembers which they are, and reports whether that is news.
func (s *settings) setLeftOut(role string, keys []string, now time.Time) (news bool) {
	if len(keys) == 0 {
		_, news = s.noTags.LoadAndDelete(role)
		return news
	}
	before, known := s.noTags.Swap(role, &refusedTags{keys, now.Add(tagPause)})
	return !known || !slices.Equal(before.(*refusedTags).keys, keys)
}

// untagged are the roles whose users are made without some of our tags.
func (s *settings) untagged() (names []string) {
	s.noTags.Range(func(role, _ any) bool { names = append(names, role.(string)); return true })
	slices.Sort(names)
	return names
}

// settings returns what the configuration says now, for who makes a name.
func (i *issuer) settings(ctx context.Context, s logical.Storage) (*settings, error) {
	set, err := i.anySettings(ctx, s)
	if err != nil {
		return nil, err
	}
	return set, set.unusable
}

// anySettings is settings for who makes no name: the template may be one that nobody can use.
func (i *issuer) anySettings(ctx context.Context, s logical.Storage) (*settings, error) {
	return i.settingsNow.Get(struct{}{}, func() (*settings, error) { return readSettings(ctx, s) })
}

func readSettings(ctx context.Context, s logical.Storage) (*settings, error) {
	cfg, err := engine.LoadOr(ctx, s, engine.KeyRootConfig, engine.NewRootConfig)
	if err != nil {
		return nil, err
	}
	users, err := engine.LoadOr(ctx, s, engine.KeyUsersConfig, newUsersConfig)
	if err != nil {
		return nil, err
	}
	leases, err := engine.LoadOr(ctx, s, engine.KeyLeaseConfig, newLeaseConfig)
	if err != nil {
		return nil, err
	}
	set := &settings{users: users, leases: leases}
	if set.usernames, err = awsrules.ParseNameTemplate(cfg.UsernameTemplate); err != nil {
		set.unusable = engine.UserErrorf("%w", err)
	}
	return set, nil
}

// noteLeftOut remembers which of our tags AWS has refused for the users of a role, until they are
// tried again, and tells what is new.
func (i *issuer) noteLeftOut(c *creation, user awscreds.User, refused []string) {
	if len(user.OwnTags) == 0 { // nothing was tried
		return
	}
	left := slices.Concat(c.leftOut, refused)
	slices.Sort(left)
	if len(refused) == 0 && len(left) > 0 || !c.settings.setLeftOut(c.order.role, left, i.Now()) {
		return
	}
	if len(left) == 0 {
		i.Log.Info("AWS takes the tags again that say whose an IAM user is", "role", c.order.role)
		return
	}
	i.Log.Warn("AWS refuses tags that say whose an IAM user is, so users of the role are made without them, and they are tried again after a few minutes; allow iam:TagUser, or set ownership_tags=false at config/users", "role", c.order.role, "tags", left)
}

// unconfirmedTTL is what config/users says; 0 where nobody can read it.
func (i *issuer) unconfirmedTTL(ctx context.Context, s logical.Storage) time.Duration {
	set, err := i.anySettings(ctx, s)
	if err != nil {
		return 0
	}
	return set.users.UnconfirmedTTL
}

// refusedOwnTags says of which roles AWS is known not to allow our tags; empty if of none.
func (i *issuer) refusedOwnTags() string {
	current, known := i.settingsNow.Peek(struct{}{})
	if !known {
		return ""
	}
	names := current.untagged()
	if len(names) == 0 {
		return ""
	}
	return fmt.Sprintf("AWS refuses the tags that say whose an IAM user is, so users are being made without, and tidy does not find those (of the roles %s); "+
		"allow iam:TagUser for what config/iam-policy prints, or set ownership_tags=false at config/users", engine.Some(names, ", "))
}

// untagged warns where users are made without the tags that say whose they are.
func (i *issuer) untagged(ctx context.Context, s logical.Storage) (warnings []string, err error) {
	users, err := engine.LoadOr(ctx, s, engine.KeyUsersConfig, newUsersConfig)
	switch {
	case err != nil:
		return nil, err
	case !users.OwnershipTags:
		return []string{"ownership_tags is off at config/users: tidy knows users by these tags, and does not find those that are made without"}, nil
	}
	if refused := i.refusedOwnTags(); refused != "" {
		return []string{refused}, nil
	}
	return nil, nil
}
