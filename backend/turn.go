// SPDX-License-Identifier: MPL-2.0

package backend

import "context"

// turn is had by one at a time. Unlike a mutex it may be held while storage or AWS
// works, because nobody is bound to wait for it: a request that has to wait goes when
// its client does, and whoever can come again later does not wait at all.
type turn chan struct{}

func newTurn() turn { return make(turn, 1) }

// take waits for the turn, for as long as ctx lasts.
func (t turn) take(ctx context.Context) error {
	select {
	case t <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// try takes the turn if nobody has it.
func (t turn) try() bool {
	select {
	case t <- struct{}{}:
		return true
	default:
		return false
	}
}

// leave gives the turn to the next.
func (t turn) leave() { <-t }
