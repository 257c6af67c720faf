// SPDX-License-Identifier: MPL-2.0

package tidy

import (
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/go-hclog"

	"vault-plugin-secrets-aws-dyn/backend/awsrules"
	"vault-plugin-secrets-aws-dyn/backend/engine"
	"vault-plugin-secrets-aws-dyn/internal/awscreds"
)

const (
	// mostFound is how many users a report names. It is stored as one entry, of which
	// some storages take no more than 512 KiB.
	mostFound = 500

	// mostErrors is how many errors a report tells, and mostErrorText how much of each.
	mostErrors    = 10
	mostErrorText = 1000
)

// The states of tidy.
const (
	stateIdle      = "idle" // it has never run
	stateRunning   = "running"
	stateFinished  = "finished"
	stateFailed    = "error"
	stateCancelled = "cancelled"
)

// finding is what a look at a user led to.
type finding int

const (
	findGone finding = iota
	findRecorded
	findTooYoung
	findUntagged
	findOthers
	findUnproven
	findOrphan
	findDeleted
)

// runReport is what a run of tidy was asked, how far it is, and what it found. It holds
// no secret.
type runReport struct {
	order
	State     string    `json:"state"`
	Scheduled bool      `json:"scheduled"` // begun by config/auto-tidy
	Started   time.Time `json:"started,omitzero"`
	Finished  time.Time `json:"finished,omitzero"`
	Error     string    `json:"error,omitempty"` // why the run ended before its time
	// Interrupted says that the run ended with its process, and not by itself.
	Interrupted bool `json:"interrupted,omitempty"`
	// LastScheduled is when config/auto-tidy last began a run, this one or an earlier one.
	LastScheduled time.Time `json:"last_scheduled,omitzero"`

	Pages    int `json:"pages"`
	Seen     int `json:"users_seen"`      // that AWS listed
	Recorded int `json:"users_recorded"`  // of those: that have a record
	TooYoung int `json:"users_too_young"` // younger than the safety buffer
	Examined int `json:"users_examined"`  // whose tags were looked at
	Others   int `json:"users_of_others"` // of those: tagged by another mount
	Untagged int `json:"users_untagged"`  // tagged by none
	Gone     int `json:"users_gone"`      // deleted by somebody meanwhile
	Refused  int `json:"users_refused"`   // that AWS did not let us look at
	Orphans  int `json:"found_count"`     // that are this mount's, and have no record
	Deleted  int `json:"deleted_count"`   // of those: deleted
	Unproven int `json:"unproven_count"`  // that say they are this mount's, and prove nothing: left alone
	Absent   int `json:"records_absent"`  // records whose user AWS did not list
	Ended    int `json:"records_ended"`   // of those: whose user is gone
	Failures int `json:"errors_count"`

	Found  []foundUser `json:"found,omitempty"`
	Errors []string    `json:"errors,omitempty"`
}

// foundUser is an orphaned user of this mount.
type foundUser struct {
	Name     string    `json:"username"`
	Account  string    `json:"account,omitempty"` // empty for the one of config/root
	Role     string    `json:"role"`
	Created  time.Time `json:"created"`
	Deleted  bool      `json:"deleted"`
	Unproven bool      `json:"unproven,omitempty"`
}

func newReport() *runReport { return &runReport{State: stateIdle, order: newOrder()} }

// begun is the report of a run that begins now.
func (r *runReport) begun(o order, scheduled bool, now time.Time) *runReport {
	next := &runReport{State: stateRunning, order: o, Scheduled: scheduled, Started: now, LastScheduled: r.LastScheduled}
	if scheduled {
		next.LastScheduled = now
	}
	return next
}

// stopped says that the run ended with its process.
func (r *runReport) stopped() {
	r.State, r.Interrupted = stateFailed, true
	r.Error = "the run was interrupted: the plugin was stopped, the mount reloaded or the server sealed while it was under way; start it again"
}

// examined counts a user that was looked at.
func (r *runReport) examined(user *awscreds.FoundUser, account, role string, found finding, err error, refused bool) {
	r.Examined++
	if refused {
		r.Refused++
	}
	if err != nil {
		r.failure(err)
	}
	switch {
	case user == nil && err != nil:
	case found == findGone:
		r.Gone++
	case found == findRecorded:
		r.Recorded++
	case found == findTooYoung:
		r.TooYoung++
	case found == findUntagged:
		r.Untagged++
	case found == findOthers:
		r.Others++
	default:
		r.orphan(user, account, role, found)
	}
}

// orphan adds an orphaned user.
func (r *runReport) orphan(u *awscreds.FoundUser, account, role string, found finding) {
	r.Orphans++
	deleted := found == findDeleted
	if deleted {
		r.Deleted++
	}
	if found == findUnproven {
		r.Unproven++
	}
	if len(r.Found) < mostFound {
		r.Found = append(r.Found, foundUser{Name: u.Name, Account: account, Role: role, Created: u.Created.UTC(), Deleted: deleted, Unproven: found == findUnproven})
	}
}

// failure counts an error, and keeps the first few.
func (r *runReport) failure(err error) {
	r.Failures++
	if len(r.Errors) < mostErrors {
		r.Errors = append(r.Errors, cutShort(err))
	}
}

func cutShort(err error) string {
	text := awscreds.Explain(err)
	if len(text) > mostErrorText {
		text = strings.ToValidUTF8(text[:mostErrorText], "") + "…"
	}
	return text
}

// copy is the report as it is now.
func (r *runReport) copy() *runReport {
	c := *r
	c.Found, c.Errors = slices.Clone(r.Found), slices.Clone(r.Errors)
	return &c
}

// response is what a read of tidy/status shows.
func (r *runReport) response() map[string]any {
	found := make([]map[string]any, len(r.Found))
	for i, u := range r.Found {
		found[i] = map[string]any{"username": u.Name, "account": u.Account, "role": u.Role, "created": engine.Stamp(u.Created), "deleted": u.Deleted, "proven": !u.Unproven}
	}
	return map[string]any{
		"state":                  r.State,
		"error":                  r.Error,
		"scheduled":              r.Scheduled,
		"delete":                 r.Delete,
		"safety_buffer":          engine.Seconds(r.SafetyBuffer),
		"time_started":           engine.Stamp(r.Started),
		"time_finished":          engine.Stamp(r.Finished),
		"pages":                  r.Pages,
		"users_seen":             r.Seen,
		"users_recorded":         r.Recorded,
		"users_too_young":        r.TooYoung,
		"users_examined":         r.Examined,
		"users_of_other_mounts":  r.Others,
		"users_without_our_tags": r.Untagged,
		"users_gone":             r.Gone,
		"users_refused":          r.Refused,
		"found":                  found,
		"found_count":            r.Orphans,
		"deleted_count":          r.Deleted,
		"unproven_count":         r.Unproven,
		"records_absent":         r.Absent,
		"records_ended":          r.Ended,
		"errors":                 append([]string{}, r.Errors...),
		"errors_count":           r.Failures,
	}
}

// tellOrphan tells of an orphaned user.
func (r *run) tellOrphan(moment *engine.Moment, user *awscreds.FoundUser, role string, deleted bool) {
	moment.User, moment.Role, moment.Account = user.Name, role, awsrules.ARNAccount(user.ARN)
	text := "tidy found an orphaned IAM user"
	if deleted {
		text = "tidy deleted an orphaned IAM user"
	}
	moment.Tell(engine.OrphanFound, engine.Line{Level: hclog.Info, Text: text}, "deleted", deleted, "created", engine.Stamp(user.Created))
}
