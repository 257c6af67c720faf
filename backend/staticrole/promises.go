// SPDX-License-Identifier: MPL-2.0

package staticrole

// What SDKs were told about the end of a key. They use it until then and ask nobody: a rotation that
// nobody asked for deletes no key before. One that somebody asked for does, and says so.

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/engine"
)

// SDKs are told of an hour at most, so that they soon hear of a rotation before its time; of less where
// previous_key_ttl lets the old key go earlier then, but not of so little that they would ask at each call.
const (
	longestPromise  = time.Hour
	shortestPromise = 2 * leastAhead
)

// promise is the longest time that an SDK is told of.
func (r *role) promise() time.Duration {
	if r.PreviousKeyTTL == 0 {
		return longestPromise
	}
	return min(longestPromise, max(shortestPromise, r.PreviousKeyTTL))
}

// promises remember until when keys were said to work. They are in memory alone: a read for an SDK
// writes nothing, and what a server has told is forgotten when it stops.
type promises struct {
	now   func() time.Time
	mu    sync.Mutex
	until map[string]time.Time // by key ID
}

// make notes that a key was said to work until a time.
func (p *promises) make(key string, until time.Time) {
	now := p.now()
	p.mu.Lock()
	defer p.mu.Unlock()
	maps.DeleteFunc(p.until, func(_ string, until time.Time) bool { return !now.Before(until) })
	if p.until == nil {
		p.until = map[string]time.Time{}
	}
	if until.After(p.until[key]) {
		p.until[key] = until
	}
}

// last is the end of the last promise about some keys; zero where there was none.
func (p *promises) last(keys []string) (until time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, key := range keys {
		if p.until[key].After(until) {
			until = p.until[key]
		}
	}
	return until
}

// keep has a rotation by schedule wait that would delete a key before its promised end: somebody gave the
// user another key meanwhile, or the role a shorter period. From then on no more is promised.
func (p *promises) keep(ctx context.Context, s logical.Storage, ch keyChange, plan *keyPlan) error {
	until := p.last(plan.goes)
	if !ch.scheduled || plan.stored == nil || plan.stored.Ending || !p.now().Before(until) {
		return nil
	}
	if !slices.Equal(plan.stored.OtherKeys, plan.others) {
		noted := *plan.stored
		noted.OtherKeys = plan.others
		if err := engine.Save(ctx, s, engine.PrefixStaticCreds+ch.role.Name, &noted); err != nil {
			return err
		}
	}
	return &engine.WaitError{Until: until, Text: fmt.Sprintf("the rotation would delete %s to make room, which AWS SDKs were told to use until %s: "+
		"it waits until then; write to static-roles/%s/rotate to rotate at once", strings.Join(plan.goes, ", "), engine.Stamp(until), ch.role.Name)}
}

// broken warns of keys that went before the end that SDKs were told.
func (p *promises) broken(before []string, now *creds) []string {
	gone := slices.DeleteFunc(before, func(id string) bool {
		return slices.Contains(now.keys(), id) || !p.now().Before(p.last([]string{id}))
	})
	if until := p.last(gone); len(gone) > 0 {
		return []string{fmt.Sprintf("the access key %s was deleted, and AWS SDKs that read it at sdk/static-creds use it until %s at the latest: restart those programs",
			strings.Join(gone, ", "), engine.Stamp(until))}
	}
	return nil
}
