// SPDX-License-Identifier: MPL-2.0

// Package engine is what every room of the backend stands on: the mount with its clock,
// its locks and its client of AWS, storage, fields, errors, schedules, and the type of
// config/root. mount.go is the place to begin.
package engine

import (
	"errors"
	"fmt"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/vault/sdk/helper/consts"
	"github.com/hashicorp/vault/sdk/logical"
)

// Mount is one mount of the engine, as all rooms see it. A process serves many.
type Mount struct {
	// ID is the identity that Vault gives the mount, which no other mount has; empty
	// where Vault gives none.
	ID string
	// Storage is the mount's, for what no request brings it; nil at registration.
	Storage logical.Storage
	// Vault tells what the server is and what it allows; nil at registration.
	Vault logical.SystemView
	Log   hclog.Logger
	// Now is the clock. Nothing in the engine reads another.
	Now func() time.Time
	// LagWindow is how long AWS may not show what it has made: for as long, its word
	// that something does not exist proves nothing.
	LagWindow time.Duration
	// ProofPause lies between two looks whether AWS accepts a new key, on average.
	ProofPause time.Duration
	// TokenFiles are the files of the server that hold tokens which the engine may use.
	TokenFiles TokenFiles
	// Locks keep changes of the same thing apart.
	Locks KeyedLocks

	// GapCaution is how long after a gap in the heartbeat nothing is deleted that another
	// engine with a copy of the storage might need.
	GapCaution time.Duration

	clients clients
	heart   heartbeat
	wrote   atomic.Pointer[time.Time] // when the last write of storage that went well began
}

// Writable reports whether this server may write the mount's storage. Where it may not,
// the work is another server's or another cluster's.
func (m *Mount) Writable() bool {
	state := m.Vault.ReplicationState()
	return (m.Vault.LocalMount() || !state.HasState(consts.ReplicationPerformanceSecondary)) &&
		!state.HasState(consts.ReplicationDRSecondary|consts.ReplicationPerformanceStandby)
}

// Age is how long ago a moment was.
func (m *Mount) Age(t time.Time) time.Duration { return m.Now().Sub(t) }

// Recover turns a panic into an error: one process serves many mounts, and a mistake in
// one request must not end them all. It is deferred with the address of the result.
func (m *Mount) Recover(err *error) {
	if p := recover(); p != nil {
		m.Log.Error("panic", "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
		*err = errors.New("internal error in the AWS secrets engine; Vault's log has the details")
	}
}
