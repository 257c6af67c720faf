// SPDX-License-Identifier: MPL-2.0

package backend

// A mount may be handed to the built-in engine and come back. Meanwhile that engine
// renews leases and writes no records, so what the register says of their ends is no
// longer true. Nothing tells that it was there, except that this engine was not: so the
// watch is written down at every tick, and a gap in it makes what was written before
// doubtful. Doubtful leases may live as long as the mount allows at all.

import (
	"context"
	"fmt"
	"time"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/engine"
)

// watchGap is how long there may be no watch without it being a gap: more than the
// minute between two ticks, and than a restart takes as a rule.
const watchGap = 5 * time.Minute

// watch says since when all renewals are known.
type watch struct {
	Since time.Time `json:"since"`
	Seen  time.Time `json:"seen"` // the last tick
}

// latest is the latest moment that a lease can live to.
func (w *watch) latest(r *issued, longest time.Duration) time.Time {
	if last := r.Issued.Add(longest); r.Written.Before(w.Since) && last.After(r.Ends) {
		return last
	}
	return r.Ends
}

// keepWatch writes down that this engine is there, as long as the register has any
// records. Only ticks come here, one after another.
func (b *backend) keepWatch(ctx context.Context, s logical.Storage) (*watch, error) {
	now := b.Now().UTC()
	w := b.watch
	if w == nil {
		loaded, err := engine.LoadOr(ctx, s, engine.KeyWatch, func() *watch { return new(watch) })
		if err != nil {
			return nil, err
		}
		w = loaded
		if !w.Seen.IsZero() && now.Sub(w.Seen) > watchGap {
			w.Since = now
		}
	}
	next := new(watch) // there is nothing to watch
	if b.register.anybody() {
		next.Since, next.Seen = w.Since, now
	}
	if err := next.save(ctx, s, w); err != nil {
		return nil, fmt.Errorf("writing down the watch over leases: %w", err)
	}
	b.watch = next
	return next, nil
}

// save stores a watch in place of the last one; one without a time is not stored.
func (w *watch) save(ctx context.Context, s logical.Storage, last *watch) error {
	switch {
	case !w.Seen.IsZero():
		return engine.Save(ctx, s, engine.KeyWatch, w)
	case !last.Seen.IsZero():
		return s.Delete(ctx, engine.KeyWatch)
	}
	return nil
}
