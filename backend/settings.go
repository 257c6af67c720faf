// SPDX-License-Identifier: MPL-2.0

package backend

// What the configuration says about making users, read once and shared by all requests.

import (
	"context"
	"sync"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/awsrules"
	"vault-plugin-secrets-aws-dyn/backend/engine"
)

// settings are what one state of config/root, config/lease and config/users says about
// making users, so that a creation reads none of them. They are immutable. What only
// deletes does not need them: a template or a limit that nobody can read stops no
// revocation.
type settings struct {
	usernames *awsrules.NameTemplate
	users     *usersConfig
	leases    *leaseConfig

	noTags sync.Map // the roles for whose users AWS does not allow our tags
}

// untagged reports whether AWS is known not to allow our tags for the users of a role.
func (s *settings) untagged(role string) bool {
	_, untagged := s.noTags.Load(role)
	return untagged
}

// setUntagged remembers it, and reports whether that is news.
func (s *settings) setUntagged(role string) bool {
	_, known := s.noTags.LoadOrStore(role, true)
	return !known
}

func (s *settings) anyUntagged() (some bool) {
	s.noTags.Range(func(_, _ any) bool { some = true; return false })
	return some
}

// settings returns what the configuration says now.
func (u *users) settings(ctx context.Context, s logical.Storage) (*settings, error) {
	return u.settingsNow.Get(struct{}{}, func() (*settings, error) { return readSettings(ctx, s) })
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
	usernames, err := awsrules.ParseNameTemplate(cfg.UsernameTemplate)
	if err != nil {
		return nil, engine.UserErrorf("%w", err)
	}
	return &settings{usernames: usernames, users: users, leases: leases}, nil
}
