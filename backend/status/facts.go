// SPDX-License-Identifier: MPL-2.0

package status

import (
	"slices"
	"time"

	"vault-plugin-secrets-aws-dyn/backend/engine"
	"vault-plugin-secrets-aws-dyn/internal/awscreds"
)

// Facts are what a status is made of, beside what [Memory] has.
type Facts struct {
	Now      time.Time
	Detailed bool

	Root    Root
	Records Records
	Static  Static
	Denials []Denials
	Own     []Own
	Tidy    map[string]any // as tidy/status shows the last run

	Term      engine.Term   // of this process
	Heartbeat time.Time     // the last
	Gap       engine.Gap    // that has not been decided
	Writes    engine.Writes // of storage

	Secondary bool // this cluster is a performance secondary: records, static roles, the root key and tidy are its primary's

	// Unread is what could not be read from storage.
	Unread []error
}

// Root is whom the engine calls AWS as.
type Root struct {
	Identity string    // in words
	Account  string    // that answers have told
	Since    time.Time // since when the engine calls AWS as that
	Home     string    // account of records that name none
	Foreign  int       // records of another account than Account
	Rotation map[string]any
	Config   []string // what is wrong with config/root as it is stored
	Warnings []string
}

// Records are the IAM users that the mount has written down.
type Records struct {
	Issued   int
	Making   int // by a request under way
	Creating []Record
	Ending   []Record // those that end for the longest time first
	Outlived []Record // those of leases that are over
	Caps     []string // that are nearly reached
}

// Record is one of them.
type Record struct {
	User, Role, Account string
	Since               time.Time
}

// Static are the static roles.
type Static struct {
	Roles   int
	Failing []Failing
}

// Failing is a static role that is not rotated as it should be.
type Failing struct{ Name, Words string }

// Denials are how the sessions of an AWS role are denied that were revoked.
type Denials struct {
	Role, Account string
	Denied, Room  int
	First         time.Time // when there will be more room

	Failed        error // of the last revocation
	Since, Until  time.Time
	Untended      error // of the policy
	UntendedSince time.Time
}

// NearlyFull reports whether there is room for few sessions more.
func (d Denials) NearlyFull() bool { return d.Denied > 0 && d.Room*9 <= d.Denied }

// Own is an AWS role as which the engine itself works, and whose sessions ended on request: it waits for new ones.
type Own struct {
	Role, Account string
	As            string // as calls have it
	Since, Until  time.Time
	Late          bool // the engine was given the old session again
}

// ownRefused reports whether AWS refuses a call for that: it is told already.
func (f Facts) ownRefused(c call) bool {
	return c.reason == awscreds.ReasonDenied && slices.ContainsFunc(f.Own, func(o Own) bool {
		return o.As == c.role && c.failed.After(o.Since.Add(-time.Second)) // Since was rounded up
	})
}
