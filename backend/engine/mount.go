// SPDX-License-Identifier: MPL-2.0

// Package engine is what every room of the backend stands on.
//
// mount.go is one mount, with its clock, its locks and its client of AWS: begin there.
//
// Requests: decode.go turns what was sent into values, lists and maps in decode_list.go, and
// fields.go hands them out; mistakes.go gathers what is wrong, and errors.go turns errors into
// responses; operations.go turns handlers into operations of a path, and container.go into those that AWS SDKs read; role_name.go is the name
// of a role, identity.go says who asks, disabling.go switches a role off, and log.go is the log.
//
// Moments: events.go tells what happens to credentials and keys, as events, observations and lines of the log,
// with events_creds.go for credentials of leases, and announcer.go sends the first two to Vault.
//
// Storage: storage.go has every key and the verbs; wal_entry.go reads entries of the WAL.
//
// AWS: root_config.go is config/root, with root_identity.go and token_file.go for an identity
// without a key, root_checks.go for what it may say, sts_region.go for where STS is called and root_plan.go for when its key is rotated;
// place.go says whether AWS is called at all, client.go makes the client, last_used.go tells when a key was used, and
// assume_role.go those for other accounts;
// own_user.go says which IAM user it is, account.go in which AWS account, own_tags.go by which tags AWS tells whose one is, key_use.go whether somebody uses a key, and proof.go waits
// until AWS accepts a new key.
//
// Time and order: lease_bounds.go is how long the mount lets leases be; locks.go locks one thing each, in a fixed order; each.go does something
// for many items at once, and each_account.go account by account; memo.go keeps what was read until it changes; schedule.go says when
// a key is rotated, and timer.go has it done at that moment; heartbeat.go keeps the terms of the engine, gap.go says what waits after a
// gap in the heartbeat, leader.go proves by a write that this server still leads, replication.go says whether it may write, and
// writes.go remembers how the last writes went.
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
