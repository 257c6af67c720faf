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
)

const (
	// proofs is how often in a row AWS has to accept a new key before it counts.
	proofs = 5

	// mostLooks is how often a key is tried before its caller is told.
	mostLooks = 50

	// DefaultProofPause is what lies between two looks, on average. A new key takes
	// five to fifteen seconds as a rule.
	DefaultProofPause = time.Second
)

// ProveKey waits until AWS accepts a new key several times in a row. accepted makes one
// look. The error is that of the last look; it says nothing about the looks to come.
func (m *Mount) ProveKey(ctx context.Context, accepted func(context.Context) error) (err error) {
	good := 0
	for range mostLooks {
		if err = accepted(ctx); err != nil {
			good = 0
		} else if good++; good == proofs {
			return nil
		}
		pause := m.ProofPause/2 + rand.N(m.ProofPause) //nolint:gosec // jitter, not a secret
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return errors.Join(err, ctx.Err())
		}
	}
	if err == nil {
		err = errors.New("AWS accepts it and then again does not")
	}
	return err
}
