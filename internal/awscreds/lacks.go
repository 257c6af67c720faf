// SPDX-License-Identifier: MPL-2.0

package awscreds

// Installations that are not AWS lack some actions. What one does not have it cannot hold either:
// where nobody can list a user's SSH keys, there are none to remove. It is asked again after an
// hour, or when a user cannot be deleted, since it may have learnt the action meanwhile, or
// somebody else may have answered in its place.

import (
	"errors"
	"sync"
	"time"
)

// lackTime is for how long an action that was not there is not tried again.
const lackTime = time.Hour

// LackError says that what answers for AWS does not have an action.
type LackError struct{ Err error }

func (e *LackError) Error() string { return e.Err.Error() }

// Unwrap returns what it answered.
func (e *LackError) Unwrap() error { return e.Err }

// isLack reports whether an error is a [LackError].
func isLack(err error) bool {
	var lack *LackError
	return errors.As(err, &lack)
}

// lacks remembers what an endpoint does not have. AWS's own has everything: there the answer is
// somebody else's, or a mistake.
type lacks struct {
	foreign bool

	mu    sync.Mutex // guards what follows
	known map[string]lack
}

type lack struct {
	err   error
	until time.Time
}

// unless makes a call, unless the endpoint is known to lack it.
func (l *lacks) unless(action string, call func() error) error {
	if !l.foreign {
		return call()
	}
	l.mu.Lock()
	known, lacking := l.known[action]
	l.mu.Unlock()
	if lacking && time.Now().Before(known.until) {
		return known.err
	}
	err := call()
	if !IsUnsupported(err) {
		return err
	}
	err = &LackError{Err: err}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.known == nil {
		l.known = map[string]lack{}
	}
	l.known[action] = lack{err, time.Now().Add(lackTime)}
	return err
}

// forget has every action tried again.
func (l *lacks) forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	clear(l.known)
}
