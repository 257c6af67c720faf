// SPDX-License-Identifier: MPL-2.0

// Package engine is what every room of the backend builds on.
//
// mount.go is one mount, with its clock, its locks and its AWS client: begin there.
//
// Requests:
//
//   - decode.go and decode_list.go: turn what was sent into values, lists and maps
//   - fields.go: reads the values of fields
//   - mistakes.go: collects the mistakes of a request
//   - errors.go: turns errors into responses
//   - operations.go: turns handlers into operations of a path
//   - container.go: the same for paths that AWS SDKs read
//   - role_name.go: the name of a role
//   - identity.go: who sent the request
//   - disabling.go: switches a role off
//   - log.go: the log
//
// Events:
//
//   - events.go: reports what happens to credentials and keys, as events, observations and log lines
//   - events_creds.go: the same for credentials with leases
//   - announcer.go: sends events and observations to Vault
//
// Storage:
//
//   - storage.go: all keys, and the functions that read and write them
//   - wal_entry.go: reads WAL entries
//
// AWS:
//
//   - root_config.go: config/root
//   - root_identity.go and token_file.go: an identity without a key
//   - root_checks.go: which values config/root may have
//   - sts_region.go: where STS is called
//   - root_plan.go: when the root key is rotated
//   - place.go: whether the endpoints are AWS's at all
//   - client.go: makes the client
//   - assume_role.go: makes the clients of other accounts
//   - own_user.go: which IAM user the engine is
//   - account.go: in which AWS account
//   - own_tags.go: the tags that tell whose a user is
//   - last_used.go: when a key was last used
//   - key_use.go: whether somebody uses a key
//   - proof.go: waits until AWS accepts a new key
//
// Time and concurrency:
//
//   - lease_bounds.go: the mount's limits of leases
//   - locks.go: keyed locks, in a fixed order
//   - each.go: does something for many items at once; each_account.go: account by account
//   - memo.go: keeps what was read until it changes
//   - schedule.go: when a key is rotated
//   - timer.go: starts the rotation at that moment
//   - heartbeat.go: the heartbeat, and the terms of the engine
//   - gap.go: what waits after a gap in the heartbeat
//   - leader.go: proves with a write that this server is still the leader
//   - replication.go: whether this server may write
//   - writes.go: remembers the results of the last writes
package engine

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/internal/awscreds"
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
	// Events and Observations are Vault's, where it has them, and Announcer sends what goes there;
	// all may be nil.
	Events       logical.EventSender
	Observations logical.ObservationRecorder
	Announcer    *Announcer
	// Now is the clock. Only deadlines of contexts and calls, and the proof of leading, go by
	// the real time.
	Now func() time.Time
	// LagWindow is how long AWS may not show what it has made: for as long, its word
	// that something does not exist proves nothing.
	LagWindow time.Duration
	// ProofPause lies between two looks whether AWS accepts a new key, on average.
	ProofPause time.Duration
	// TokenFiles are the files of the server that hold tokens which the engine may use.
	TokenFiles TokenFiles
	// Watch hears of each attempt of each call to AWS.
	Watch func(awscreds.Attempt)
	// Begin counts work that no request asks for as a request of the mount: its context ends
	// when Vault lets go of the mount, and end has to be called when it is done.
	Begin func(context.Context) (ctx context.Context, end func())
	// Locks keep changes of the same thing apart.
	Locks KeyedLocks

	// GapCaution is how long after a gap in the heartbeat nothing is deleted that another
	// engine with a copy of the storage might need.
	GapCaution time.Duration

	clients clients
	places  places
	// troubled are accounts whose role was not assumed the last time.
	troubled sync.Map
	heart    heartbeat
	wrote    atomic.Pointer[time.Time] // when the last write of storage that went well began
	writes   writes

	replication atomic.Value // the state that the framework was last told
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
