// SPDX-License-Identifier: MPL-2.0

//go:build unix

package main

import (
	"context"
	"io"
	"sync"
	"time"

	"github.com/hashicorp/vault/api"
)

const (
	// heldTime is how long the lease of an IAM user lasts from each renewal, where the request names no ttl: if
	// vault-aws is killed and revokes nothing, the key ends soon all the same.
	heldTime = time.Hour
	// revokeTime is how long the end of a command waits for Vault and AWS.
	revokeTime = 30 * time.Second
)

// leases are those that were issued for a command.
type leases struct {
	settings *settings
	errs     io.Writer
	mu       sync.Mutex
	held     []heldLease
}

// heldLease is one of them, and until when its credential works.
type heldLease struct {
	id   string
	user bool
	ends time.Time
}

// add notes the lease of a credential.
func (l *leases) add(c *credential) {
	if c.lease == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.held = append(l.held, heldLease{c.lease.LeaseID, c.isUser(), c.ends})
}

// renew renews the lease of an IAM user until ctx ends, and says when that is no longer possible.
func (l *leases) renew(ctx context.Context, v *vault, c *credential, ownTTL bool) {
	increment := heldTime
	if ownTTL {
		increment = time.Duration(c.lease.LeaseDuration) * time.Second
	}
	watcher, err := v.NewLifetimeWatcher(&api.LifetimeWatcherInput{Secret: c.lease, Increment: int(increment.Seconds())})
	if err != nil {
		say(l.errs, "the lease is not renewed: %v", err)
		return
	}
	go watcher.Start()
	defer watcher.Stop()
	ends := c.ends
	for {
		select {
		case <-ctx.Done():
			return
		case renewal := <-watcher.RenewCh():
			ends = renewal.RenewedAt.Add(time.Duration(renewal.Secret.LeaseDuration) * time.Second)
			l.extend(c.lease.LeaseID, ends)
		case err := <-watcher.DoneCh():
			why := ""
			if err != nil {
				why = ": " + v.explain(err, "update", "sys/leases/renew").Error()
			}
			say(l.errs, "the lease cannot be renewed any more, and the command's key works until %s%s", ends.UTC().Format(time.RFC3339), why)
			return
		}
	}
}

// extend notes until when a lease lasts now.
func (l *leases) extend(id string, ends time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range l.held {
		if l.held[i].id == id {
			l.held[i].ends = ends
		}
	}
}

// revoke revokes all that have not ended, and says what is left.
func (l *leases) revoke(ctx context.Context) {
	l.mu.Lock()
	held := l.held
	l.held = nil
	l.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), revokeTime)
	defer cancel()
	for _, lease := range held {
		if time.Now().After(lease.ends) {
			continue
		}
		err := l.revokeOne(ctx, lease.id)
		switch {
		case err == nil:
		case lease.user:
			say(l.errs, "the lease %s is not revoked, and its key works until %s: %v", lease.id, lease.ends.UTC().Format(time.RFC3339), err)
		default: // its session ends by itself, revoked or not
			say(l.errs, "the lease %s is not revoked: %v", lease.id, err)
		}
	}
}

// revokeOne revokes a lease, and waits until its user is gone.
func (l *leases) revokeOne(ctx context.Context, id string) error {
	v, err := l.settings.connect()
	if err != nil {
		return err
	}
	v.SetMaxRetries(2) // a lease that is revoked twice is revoked once
	_, err = v.write(ctx, "sys/leases/revoke", map[string]any{"lease_id": id, "sync": true})
	return err
}
