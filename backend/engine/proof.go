// SPDX-License-Identifier: MPL-2.0

package engine

// A new access key is known to some of AWS's servers before it is to others (IAM User
// Guide, "Changes that I make are not always immediately visible"), so it counts only
// when AWS has accepted it several times in a row.

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"vault-plugin-secrets-aws-dyn/internal/awscreds"
)

const (
	// proofs is how often in a row AWS has to accept a new key before it counts.
	proofs = 5

	// mostLooks is how often a key is tried before its caller is told, where nobody waits.
	mostLooks = 50

	// DefaultProofPause is what lies between two looks, on average. A new key takes
	// five to fifteen seconds as a rule.
	DefaultProofPause = time.Second

	// throttledPause is how many times as long the pause is after AWS has throttled a look.
	throttledPause = 4

	// answerTime is what a request keeps of its time for the answer.
	answerTime = 2 * time.Second
)

// proof is how a key is proven.
type proof struct {
	miss, hit time.Duration        // the pause after a look, on average
	more      func(looks int) bool // whether there is another look
	look      func(context.Context) error
}

// ProveKey waits until AWS accepts a new key several times in a row. accepted makes one
// look. The error is that of the last look; it says nothing about the looks to come.
func (m *Mount) ProveKey(ctx context.Context, accepted func(context.Context) error) error {
	p := proof{miss: m.ProofPause, hit: m.ProofPause, look: accepted, more: func(looks int) bool { return looks < mostLooks }}
	proven, last := p.wait(ctx)
	if proven {
		return nil
	}
	return errors.Join(last, ctx.Err())
}

// AwaitKey is ProveKey for a request that waits, for some time at most: it looks more often,
// and leaves the request time to answer in. It holds nothing while it waits. With the default
// pause it returns at most 1.2 seconds and six looks after AWS knows the key: the longest pause
// after a look that came just too early, and four between the five that are to succeed.
func (m *Mount) AwaitKey(ctx context.Context, patience time.Duration, accepted func(context.Context) error) error {
	if end, bounded := ctx.Deadline(); bounded {
		patience = min(patience, time.Until(end)-answerTime)
	}
	until := m.Now().Add(patience)
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	p := proof{miss: m.ProofPause * 2 / 5, hit: m.ProofPause / 10, look: accepted, more: func(int) bool { return m.Now().Before(until) }}
	proven, last := p.wait(ctx)
	if proven {
		return nil
	}
	return last
}

// wait looks until the key is proven, or the time is over; last is then what the last look said.
func (p proof) wait(ctx context.Context) (proven bool, last error) {
	good := 0
	last = errors.New("there was no time left to ask AWS")
	for looks := 0; ctx.Err() == nil && p.more(looks); looks++ {
		pause := p.miss
		switch err := p.look(ctx); {
		case err == nil:
			if good++; good == proofs {
				return true, nil
			}
			pause, last = p.hit, errors.New("AWS accepts it in some calls and refuses it in others")
		case ctx.Err() != nil: // the look was cut off
			return false, last
		case awscreds.IsUnsupported(err):
			return false, err
		case awscreds.IsThrottled(err):
			good, last, pause = 0, err, throttledPause*p.miss
		default:
			good, last = 0, err
		}
		select {
		case <-time.After(pause/2 + rand.N(pause)): //nolint:gosec // jitter, not a secret
		case <-ctx.Done():
		}
	}
	return false, last
}
