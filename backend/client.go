// SPDX-License-Identifier: MPL-2.0

package backend

// From config/root to a client that calls AWS.

import (
	"context"
	"sync"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/internal/awscreds"
)

// client is what one state of config/root, config/lease and config/users leads to, so that
// a creation reads none of them. It is immutable: a later write makes a new one and leaves
// calls under way alone. Only a rotation of the root
// key gives calls under way the new key, because it deletes the old one.
type client struct {
	*awscreds.Client
	usernames *usernames
	users     *usersConfig
	bounds    *leaseConfig
	toldOnce  sync.Once // of what AWS does not allow
}

// clients keeps the client of the moment. The lock guards the two pointers and is
// never held while anything else happens.
type clients struct {
	mu      sync.Mutex
	current *client
	making  *making
}

// making is a client being made by one request, which others wait for.
type making struct {
	done   chan struct{}
	client *client
	err    error
}

// aws returns the client for what config/root says now.
func (b *backend) aws(ctx context.Context, s logical.Storage) (*client, error) {
	c, m, mine := b.clients.get()
	if c != nil {
		return c, nil
	}
	if mine {
		defer b.clients.made(m)
		m.client, m.err = b.connect(context.WithoutCancel(ctx), s)
		return m.client, m.err
	}
	select {
	case <-m.done:
		return m.client, m.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// get returns the client, or the making of it; mine says that the caller has to
// make it.
func (cs *clients) get() (c *client, m *making, mine bool) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	if cs.current == nil && cs.making == nil {
		cs.making = &making{done: make(chan struct{})}
		mine = true
	}
	return cs.current, cs.making, mine
}

// untagged reports whether AWS is known not to let the engine tag its users.
func (cs *clients) untagged() bool {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	return cs.current != nil && cs.current.Untagged()
}

// made lets those go that wait for m, and keeps its client unless config/root has
// changed meanwhile.
func (cs *clients) made(m *making) {
	cs.mu.Lock()
	if cs.making == m {
		cs.making = nil
		cs.current = m.client // nil after an error: the next request tries again
	}
	cs.mu.Unlock()
	close(m.done)
}

// reset makes the next request read config/root anew.
func (cs *clients) reset() {
	cs.mu.Lock()
	cs.current, cs.making = nil, nil
	cs.mu.Unlock()
}

// rekey is reset for a rotation of the root key.
func (cs *clients) rekey(key awscreds.Key) {
	cs.mu.Lock()
	if cs.current != nil {
		cs.current.Rekey(key)
	}
	cs.current, cs.making = nil, nil
	cs.mu.Unlock()
}

// connect makes a client. It calls nobody.
func (b *backend) connect(ctx context.Context, s logical.Storage) (*client, error) {
	cfg, err := loadOr(ctx, s, keyRootConfig, newRootConfig)
	if err != nil {
		return nil, err
	}
	if err := cfg.checkStored(); err != nil {
		return nil, err
	}
	users, err := loadOr(ctx, s, keyUsersConfig, newUsersConfig)
	if err != nil {
		return nil, err
	}
	bounds, err := loadOr(ctx, s, keyLeaseConfig, newLeaseConfig)
	if err != nil {
		return nil, err
	}
	where := cfg.aws()
	where.Token = b.token(cfg)
	aws, err := awscreds.New(ctx, where)
	if err != nil {
		return nil, err
	}
	return &client{Client: aws, usernames: storedUsernames(cfg.UsernameTemplate), users: users, bounds: bounds}, nil
}
