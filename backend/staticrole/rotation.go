// SPDX-License-Identifier: MPL-2.0

package staticrole

// Static roles are rotated when they are due, at the moment, by the room's timer. Vault's
// ticks fill the queue first, and look too.

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/engine"
)

const (
	// rotationsAtOnce is how many keys a tick rotates at the same time.
	rotationsAtOnce = 8

	// rotationsStart is how long a tick goes on beginning rotations. Vault gives a tick
	// 90 seconds; what is begun shall end within them.
	rotationsStart = 45 * time.Second
)

// Tick rotates what is due. What fails is told in the role and once in the
// log; the tick itself fails only if it cannot know the roles.
func (k *Keeper) Tick(ctx context.Context, s logical.Storage) error {
	if err := k.queue.fill(ctx, s); err != nil {
		return err
	}
	if err := k.OpenTerm(ctx, s); err != nil {
		return err
	}
	return k.lookAtDue(ctx, s)
}

// timed is what the timer does: as a tick does, without waiting for one.
func (k *Keeper) timed(ctx context.Context, s logical.Storage) error {
	if len(k.queue.due(k.Now())) > 0 {
		if err := k.ProveLeader(ctx, s); err != nil {
			return err
		}
	}
	return k.lookAtDue(ctx, s)
}

// lookAtDue looks at the roles whose time has come, and sets the timer for the next one.
func (k *Keeper) lookAtDue(ctx context.Context, s logical.Storage) error {
	defer func() { k.timer.At(k.queue.next()) }()
	began := k.Now()
	return engine.Each(ctx, k.Mount, rotationsAtOnce, k.queue.due(began),
		func() bool { return k.Now().Sub(began) < rotationsStart },
		func(ctx context.Context, name string) (none error) {
			k.lookAt(ctx, s, name)
			return none
		})
}

// lookAt rotates a static role if it is due.
func (k *Keeper) lookAt(ctx context.Context, s logical.Storage, name string) {
	ctx, unlock, ok := k.Locks.TryLock(ctx, engine.LockStaticRole(name))
	if !ok {
		return // whoever changes the role sets the time of the next look
	}
	defer unlock()
	ctx, moment := k.moment(ctx, name, engine.Asked{})
	err := k.rotateIfDue(ctx, s, name)
	var wait *engine.WaitError
	switch {
	case err == nil:
		return
	case errors.As(err, &wait):
		if k.queue.wait(name, wait, k.Now()) {
			moment.Waits("the rotation of a static role waits", wait)
		}
		return
	}
	news := k.queue.fail(name, err, k.Now())
	moment.RotationFailed(engine.StaticRotateFailed, "rotating a static role failed; a read of the role shows when it is tried again", news, err)
}

func (k *Keeper) rotateIfDue(ctx context.Context, s logical.Storage, name string) (err error) {
	defer k.Recover(&err)
	r, c, err := load(ctx, s, name)
	if err != nil {
		return err
	}
	if r == nil {
		k.queue.drop(name)
		return nil
	}
	now := k.Now()
	if c == nil || c.Ending || !now.Before(c.due(r, now)) {
		if c, err = k.rotate(ctx, s, r, c, true); err == nil {
			k.prover.prove(ctx, s, r, c, lookPatience)
		} else if k.keyless(ctx, s, name) {
			err = fmt.Errorf("the role has no key until then, and reads of static-creds/%s fail: %w", name, err)
		}
		return err
	}
	k.prover.prove(ctx, s, r, c, lookPatience)
	if again, err := k.mend(ctx, s, r, c); err != nil || !again.IsZero() {
		k.queue.set(name, again, false)
		return err
	}
	if ends := c.previousEnds(r); !ends.IsZero() && !now.Before(ends) && !c.Unproven {
		if err := k.endPrevious(ctx, s, r, c); err != nil {
			return err
		}
	}
	k.queue.set(name, c.look(r, now), true)
	return nil
}

// keyless reports whether a role's key was deleted to make room for one that is not made yet.
func (k *Keeper) keyless(ctx context.Context, s logical.Storage, name string) bool {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storageTime)
	defer cancel()
	_, c, err := load(ctx, s, name)
	return err == nil && c != nil && c.Ending
}

// rotate gives a static role a new key, now. The caller holds the role's lock.
func (k *Keeper) rotate(ctx context.Context, s logical.Storage, r *role, old *creds, scheduled bool) (*creds, error) {
	ctx, moment := k.moment(ctx, r.Name, engine.Asked{})
	placed := r.In.Known()
	c, err := k.maker.make(ctx, s, keyChange{role: r, old: old, scheduled: scheduled, commit: func(ctx context.Context, c *creds) error {
		return engine.Save(ctx, s, engine.PrefixStaticCreds+r.Name, c)
	}})
	if err != nil {
		k.queue.set(r.Name, k.Now(), false) // the old key may be gone
		return nil, err
	}
	if !placed && r.In.Known() { // the first edition and the built-in engine do not write it
		if err := saveRole(ctx, s, r, k.Now()); err != nil {
			k.Log.Warn("writing down the account of a static role; the next rotation does", "static_role", r.Name, "error", err)
		}
	}
	moment.User, moment.AccessKey, moment.Account, moment.DataPath = r.Username, c.AccessKey, r.In.Number, "static-creds/"+r.Name
	moment.Tell(engine.StaticRotated, engine.Line{Level: hclog.Info, Text: "a static role has a new key"}, "earlier_failures", k.queue.get(r.Name).failures)
	k.queue.set(r.Name, c.look(r, k.Now()), true)
	return c, nil
}

// moment begins a moment of the key of a static role.
func (k *Keeper) moment(ctx context.Context, name string, by engine.Asked) (context.Context, *engine.Moment) {
	ctx, o := k.Moment(ctx, by)
	o.Path, o.StaticRole, o.Observed = "static-roles/"+name, name, map[string]any{"role_name": name}
	return ctx, o
}

// endPrevious deletes the key before the last rotation.
func (k *Keeper) endPrevious(ctx context.Context, s logical.Storage, r *role, c *creds) error {
	client, err := k.accounts.clientOf(ctx, s, r.AssumeRole)
	if err != nil {
		return err
	}
	if err := spareEngineKey(ctx, s, "previous_key_ttl", c.PreviousKey); err != nil {
		return err
	}
	if err := k.gaps.mayEnd(ctx, s, client, r, c); err != nil {
		return err
	}
	if err := k.ProveLeader(ctx, s); err != nil {
		return err
	}
	if _, err := k.accounts.endKey(ctx, s, client, r.iamUser(), c.PreviousKey); err != nil {
		return err
	}
	c.PreviousKey = ""
	return engine.Save(ctx, s, engine.PrefixStaticCreds+r.Name, c)
}
