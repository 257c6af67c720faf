// SPDX-License-Identifier: MPL-2.0

package backend

// What the engine does without a request. Vault's rollback manager calls it once a
// minute, a tick, and limits the time of all chores together.

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/internal/awscreds"
)

// tickTime is what Vault gives a visit.
const tickTime = 90 * time.Second

// chore is one thing to do at each visit.
type chore struct {
	name string
	// until is when it has to be over, counted from the begin of the visit. What one does
	// not use goes to the next.
	until time.Duration
	// everywhere says that it works on servers that may not write what is replicated, too.
	everywhere bool
	do         func(context.Context, *logical.Request) error
}

// chores are done one after another.
func (b *backend) chores() []chore {
	// of makes a chore of a room's Tick.
	of := func(tick func(context.Context, logical.Storage) error) func(context.Context, *logical.Request) error {
		return func(ctx context.Context, req *logical.Request) error { return tick(ctx, req.Storage) }
	}
	return []chore{
		{name: "shared credentials", until: time.Second, everywhere: true, do: b.pruneShared},
		{name: "heartbeat", until: 10 * time.Second, do: of(b.beat)},
		{name: "own sessions", until: 13 * time.Second, everywhere: true, do: of(b.renewOwn)},
		{name: "records", until: 18 * time.Second, do: of(b.users.Tend)},
		{name: "rollback", until: 30 * time.Second, everywhere: true, do: b.rollBack}, // the WAL is each cluster's own
		{name: "root key", until: 52 * time.Second, do: of(b.rootKey.Tick)},
		{name: "static roles", until: 66 * time.Second, do: of(b.staticRoles.Tick)},
		{name: "sessions", until: 75 * time.Second, everywhere: true, do: of(b.sessions.Tick)}, // what is denied is each cluster's own
		{name: "sweep", until: 85 * time.Second, do: of(b.users.Sweep)},
		{name: "records without a user", until: 87 * time.Second, do: of(b.users.SweepGhosts)},
		{name: "tidy", until: tickTime, do: of(b.tidy.Tick)},
	}
}

// tick does all chores. None stops another, not by an error, a panic or its slowness.
func (b *backend) tick(ctx context.Context, req *logical.Request) error {
	began, whole := time.Now(), tickTime // a context goes by the real time
	if end, bounded := ctx.Deadline(); bounded {
		whole = min(whole, time.Until(end))
	}
	writable := b.Writable()
	var errs []error
	for _, c := range b.chores() {
		if !writable && !c.everywhere {
			continue // another server's, or another cluster's, task
		}
		if err := b.run(ctx, req, c, c.end(began, whole)); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", c.name, err))
		}
	}
	return awscreds.Explained(errors.Join(errs...))
}

// end is when the chore has to be over. Where the visit has less time, each gets less.
func (c chore) end(began time.Time, whole time.Duration) time.Time {
	return began.Add(time.Duration(float64(whole) * float64(c.until) / float64(tickTime)))
}

// run does one chore.
func (b *backend) run(ctx context.Context, req *logical.Request, c chore, end time.Time) (err error) {
	defer func() { _ = b.memory.Chore(c.name, err) }()
	defer b.Recover(&err)
	ctx, cancel := context.WithDeadline(ctx, end)
	defer cancel()
	return c.do(ctx, req)
}

// beat writes the heartbeat.
func (b *backend) beat(ctx context.Context, s logical.Storage) error {
	return b.Beat(ctx, s, b.users.OldestRequest())
}

// renewOwn has the engine work with new sessions where its own were ended, and forgets what AWS refused those.
func (b *backend) renewOwn(ctx context.Context, s logical.Storage) error {
	renewed, err := b.sessions.RenewOwn(ctx, s)
	for _, o := range renewed {
		b.memory.Renewed(o.As, o.Since)
	}
	return err
}

// rollBack is a rollback as Vault asks for it.
func (b *backend) rollBack(ctx context.Context, req *logical.Request) error {
	_, immediate := req.Data["immediate"]
	return b.users.RollBack(ctx, req.Storage, immediate)
}
