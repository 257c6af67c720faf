// SPDX-License-Identifier: MPL-2.0

package staticrole

// After a gap in the heartbeat this storage may be a copy, or one that was set back. What
// rotations by schedule leave alone then, and what an operator's decision mends.

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/engine"
	"vault-plugin-secrets-aws-dyn/internal/awscreds"
)

// mendTime is for how long after a decision a new process looks at every role once more.
const mendTime = 24 * time.Hour

// instead is what an operator can do about a rotation that waits.
func instead(r *role) string {
	return fmt.Sprintf("If no other server has a copy, write static-roles/%s/rotate to rotate now, or resume=true to config/gap for all static roles", r.Name)
}

// gaps say what a gap in the heartbeat means for the keys of static roles.
type gaps struct {
	*engine.Mount
	accounts *accounts
}

// of is the gap that counts for a key.
func (g *gaps) of(c *creds) engine.Gap {
	if c == nil {
		return g.GapAfter(time.Time{})
	}
	return g.GapAfter(c.Settled)
}

// settled is what a new key says about gaps: whoever asked for it has decided, or else time
// has, when nothing has to wait any more.
func (g *gaps) settled(old *creds, scheduled bool) time.Time {
	gap := g.of(old)
	switch {
	case !gap.Noticed.IsZero() && (!scheduled || !gap.Cautious(g.Now())):
		return g.Now().UTC()
	case old != nil:
		return old.Settled
	}
	return time.Time{}
}

// strangers has a rotation wait where the user has a key that another server may have made
// while there was no heartbeat.
func (g *gaps) strangers(r *role, c *creds, keys []awscreds.KeyInfo) error {
	gap := g.of(c)
	for _, key := range keys {
		known := slices.Contains(c.keys(), key.ID) || c != nil && slices.Contains(c.OtherKeys, key.ID)
		if !known && gap.Younger(key.Age, g.Now()) {
			return gap.WaitForOperator(r.Username, key.ID, instead(r))
		}
	}
	return nil
}

// mayEnd returns why the previous key of a role does not end by itself.
func (g *gaps) mayEnd(ctx context.Context, s logical.Storage, client *awscreds.Client, r *role, c *creds) error {
	gap := g.of(c)
	switch {
	case gap.Noticed.IsZero():
		return nil
	case gap.Cautious(g.Now()):
		return gap.WaitToDelete(instead(r))
	}
	_, keys, err := g.accounts.keysOf(ctx, s, client, r.iamUser())
	if err != nil {
		return err
	}
	return g.strangers(r, c, keys)
}

// mend looks for the key of a role in AWS, once after an operator has said how to go on, and
// replaces it where it is gone: the original of a storage that was set back has rotated it
// away. again is when to look once more; zero for as ever.
func (k *Keeper) mend(ctx context.Context, s logical.Storage, r *role, c *creds) (again time.Time, err error) {
	decided, now := k.Decided().At, k.Now()
	rotated := c.rotated(r)
	if decided.IsZero() || !rotated.Before(decided) || now.Sub(decided) > mendTime || k.queue.get(r.Name).mended.Equal(decided) {
		return time.Time{}, nil
	}
	if shown := rotated.Add(k.LagWindow); now.Before(shown) {
		return shown, nil // AWS may not show it yet
	}
	client, err := k.accounts.clientOf(ctx, s, r.AssumeRole)
	if err != nil {
		return now, err
	}
	_, keys, err := k.accounts.keysOf(ctx, s, client, r.iamUser())
	if err != nil {
		return now, err
	}
	if !slices.Contains(idsOf(keys), c.AccessKey) {
		k.Log.Warn("AWS does not know the key of a static role any more; it gets a new one", "static_role", r.Name, "iam_user", r.Username, "access_key", c.AccessKey)
		if c, err = k.rotate(ctx, s, r, c, false); err != nil {
			return now, err
		}
		k.prover.prove(ctx, s, r, c, lookPatience)
		again = c.look(r, k.Now())
	}
	k.queue.mend(r.Name, decided)
	return again, nil
}

// withForgotten takes the keys of a user for the role's that it made and has forgotten, as an
// operator has said: the youngest is the one that was handed out last.
func (c *creds) withForgotten(r *role, keys []awscreds.KeyInfo, d engine.Decision, now time.Time) *creds {
	if c == nil || !d.Restored || !c.rotated(r).Before(d.To) {
		return c
	}
	ours := c.keys()
	var all []awscreds.KeyInfo
	for _, key := range keys {
		if slices.Contains(ours, key.ID) || !slices.Contains(c.OtherKeys, key.ID) && d.Forgotten(key.Age, now) {
			all = append(all, key)
		}
	}
	if !slices.ContainsFunc(all, func(key awscreds.KeyInfo) bool { return !slices.Contains(ours, key.ID) }) {
		return c
	}
	slices.SortFunc(all, func(a, b awscreds.KeyInfo) int { return int(b.Age - a.Age) })
	with := *c
	with.AccessKey, with.PreviousKey, with.SecretKey = all[len(all)-1].ID, "", ""
	if len(all) > 1 {
		with.PreviousKey = all[len(all)-2].ID
	}
	return &with
}
