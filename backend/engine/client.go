// SPDX-License-Identifier: MPL-2.0

package engine

// From config/root to a client that calls AWS.

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/internal/awscreds"
)

// clients keeps the client of the moment. The lock guards the two pointers and is
// never held while anything else happens.
type clients struct {
	mu      sync.Mutex
	current *awscreds.Client
	since   time.Time // when that was made
	making  *making
}

// making is a client being made by one request, which others wait for.
type making struct {
	done   chan struct{}
	client *awscreds.Client
	err    error
}

// AWS returns the client for what config/root says now. It needs nothing but config/root,
// so that no other configuration can stop what only has to delete. A client is immutable:
// a later write to config/root makes a new one and leaves calls under way alone. Only a
// rotation of the root key gives calls under way the new key, because it deletes the old one.
func (m *Mount) AWS(ctx context.Context, s logical.Storage) (*awscreds.Client, error) {
	c, mk, mine := m.clients.get()
	if c != nil {
		return c, nil
	}
	if mine {
		defer func() { m.clients.made(mk, m.Now()) }()
		mk.client, mk.err = m.connect(context.WithoutCancel(ctx), s)
		return mk.client, mk.err
	}
	select {
	case <-mk.done:
		return mk.client, mk.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// UseClient makes c the client until config/root changes. Tests that start many mounts
// share one.
func (m *Mount) UseClient(c *awscreds.Client) {
	m.clients.mu.Lock()
	defer m.clients.mu.Unlock()
	m.clients.current = c
}

// ResetAWS makes the next request read config/root anew.
func (m *Mount) ResetAWS() {
	m.clients.mu.Lock()
	defer m.clients.mu.Unlock()
	m.clients.current, m.clients.making = nil, nil
}

// RekeyAWS is ResetAWS for a rotation of the root key.
func (m *Mount) RekeyAWS(key awscreds.Key) {
	m.clients.mu.Lock()
	defer m.clients.mu.Unlock()
	if m.clients.current != nil {
		m.clients.current.Rekey(key)
	}
	m.clients.current, m.clients.making = nil, nil
}

// KnownClient is the client of the moment, if there is one.
func (m *Mount) KnownClient() *awscreds.Client {
	m.clients.mu.Lock()
	defer m.clients.mu.Unlock()
	return m.clients.current
}

// ClientSince is when the client of the moment was made.
func (m *Mount) ClientSince() time.Time {
	m.clients.mu.Lock()
	defer m.clients.mu.Unlock()
	if m.clients.current == nil {
		return time.Time{}
	}
	return m.clients.since
}

// get returns the client, or the making of it; mine says that the caller has to
// make it.
func (cs *clients) get() (c *awscreds.Client, m *making, mine bool) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	if cs.current == nil && cs.making == nil {
		cs.making = &making{done: make(chan struct{})}
		mine = true
	}
	return cs.current, cs.making, mine
}

// made lets those go that wait for m, and keeps its client unless config/root has
// changed meanwhile.
func (cs *clients) made(m *making, now time.Time) {
	cs.mu.Lock()
	if cs.making == m {
		cs.making = nil
		cs.current, cs.since = m.client, now // nil after an error: the next request tries again
	}
	cs.mu.Unlock()
	close(m.done)
}

// connect makes a client. It calls nobody.
func (m *Mount) connect(ctx context.Context, s logical.Storage) (*awscreds.Client, error) {
	cfg, err := LoadOr(ctx, s, KeyRootConfig, NewRootConfig)
	if err != nil {
		return nil, err
	}
	if err := cfg.CheckStored(); err != nil {
		return nil, err
	}
	where := cfg.AWS()
	where.Token, where.Watch = m.token(cfg), m.Watch
	return newClient(ctx, where)
}

// OwnClient calls AWS as the key in a configuration itself, and not as role_arn: whether a
// key works is a question about the key.
func OwnClient(ctx context.Context, cfg *RootConfig) (*awscreds.Client, error) {
	if err := cfg.CheckStored(); err != nil {
		return nil, err
	}
	where := cfg.AWS()
	where.RoleARN = ""
	return newClient(ctx, where)
}

// newClient makes a client. What is wrong with the environment is told to whoever asks, as a
// mistake: asking again is of no use until the operator has mended it.
func newClient(ctx context.Context, where awscreds.Config) (*awscreds.Client, error) {
	c, err := awscreds.New(ctx, where)
	var environment *awscreds.EnvironmentError
	if errors.As(err, &environment) {
		return nil, UserErrorf("%v", err)
	}
	return c, err
}
