// SPDX-License-Identifier: MPL-2.0

package tidy

// One run of tidy, a call at a time.

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/engine"
	"vault-plugin-secrets-aws-dyn/internal/awscreds"
)

const (
	// DefaultPause is the time before each call of tidy. AWS does not publish how
	// many calls it allows; two a second are fewer than a single credential takes. An
	// account has at most 5000 users, so a run that deletes nothing takes three quarters
	// of an hour at most.
	DefaultPause = 500 * time.Millisecond

	// deletionPauses is how long to wait after a deletion, which is about 15 calls.
	deletionPauses = 8

	// throttlePauses is how long to wait when AWS throttles or is not well: ten seconds,
	// and twice as long each time, where the SDK waits one for those who need an answer.
	throttlePauses = 20

	// tries is how often a user is tried, and patience how many users in a row may
	// fail for reasons that are not theirs until the run is given up.
	tries    = 5
	patience = 3

	// mostAbsent is how many records without a user a run looks at, by up to three calls
	// each; the next run goes on.
	mostAbsent = 200
)

// run is a run under way.
type run struct {
	t       *Tidy
	storage logical.Storage
	order   order
	// scheduled says that nobody asked for the run.
	scheduled bool
	note      func(func(*runReport))
	account   Account                     // where the run is
	way       engine.AssumeRole           // by which it got there
	lost      map[engine.AssumeRole]error // ways that AWS has refused
	known     func(user string) bool      // whether a user is known from the start
	listed    map[string]bool             // the users that AWS has listed, in lower case
	own       *string                     // the engine's own user; nil until it was asked for
	refusal   error                       // AWS's word for the last user that it did not let us look at
	inARow    int                         // users that failed for reasons that are not theirs
}

// tidyAccount goes through an account.
func (r *run) tidyAccount(ctx context.Context) error {
	began := r.t.Now()
	candidates, err := r.candidates(ctx)
	if err != nil {
		return err
	}
	examined := 0
	for _, name := range candidates {
		refused, err := r.examine(ctx, name)
		if err != nil {
			return err
		}
		if !refused {
			examined++
		}
	}
	if examined == 0 && r.refusal != nil {
		return fmt.Errorf("AWS does not let the engine look at any of the users that have no record: %w", r.refusal)
	}
	return r.endAbsent(ctx, began.Add(-r.t.LagWindow))
}

// endAbsent ends the records of users that were not on the whole list and that AWS, asked about
// each by name, does not have: a server that lost its office between AWS's answer and its own
// write leaves such a record. A record that began later than before may be of a user that AWS
// did not list yet.
func (r *run) endAbsent(ctx context.Context, before time.Time) error {
	absent := r.t.records.Unlisted(r.account.Name, r.listed, before)
	r.note(func(report *runReport) { report.Absent += len(absent) })
	for _, user := range absent[:min(len(absent), mostAbsent)] {
		gone := false
		err := r.patiently(ctx, func(*awscreds.Client) (err error) {
			gone, err = r.t.records.EndIfGone(ctx, r.storage, user)
			return err
		})
		if ctx.Err() != nil && err != nil {
			return err
		}
		r.note(func(report *runReport) {
			if gone {
				report.Ended++
			}
			if err != nil {
				report.failure(err)
			}
		})
	}
	return nil
}

// candidates lists the users that are worth a look. The whole list is read first: who
// knows how long a marker is good for.
func (r *run) candidates(ctx context.Context) (names []string, err error) {
	r.listed = map[string]bool{}
	for marker, more := "", true; more; more = marker != "" {
		var users []awscreds.FoundUser
		from := marker
		err := r.patiently(ctx, func(c *awscreds.Client) (err error) {
			users, marker, err = c.ListUsers(ctx, from)
			return err
		})
		if err != nil {
			return nil, err
		}
		r.note(func(report *runReport) {
			report.Pages++
			report.Seen += len(users)
			for _, u := range users {
				r.listed[strings.ToLower(u.Name)] = true
				switch {
				case r.known(u.Name):
					report.Recorded++
				case u.Age < r.order.SafetyBuffer:
					report.TooYoung++
				default:
					names = append(names, u.Name)
				}
			}
		})
	}
	return names, nil
}

// examine looks at one user, and reports whether AWS refused that. Its error ends the run.
func (r *run) examine(ctx context.Context, name string) (refused bool, err error) {
	var user *awscreds.FoundUser
	found := findGone
	ctx, moment := r.t.Moment(ctx, engine.Asked{Path: "tidy"})
	err = r.patiently(ctx, func(c *awscreds.Client) error {
		now, what, err := r.look(ctx, c, name)
		if what == findGone && err == nil && user != nil && r.order.Delete {
			found = findDeleted // by an earlier try whose answer was lost
			return nil
		}
		user, found = now, what
		return err
	})
	if ctx.Err() != nil && err != nil {
		return false, err
	}
	refused = user == nil && awscreds.IsDenied(err)
	if refused {
		r.refusal = err
	}
	role := ""
	if user != nil {
		role = r.t.records.RoleOf(user.Tags)
	}
	r.note(func(report *runReport) { report.examined(user, r.account.Name, role, found, err, refused) })
	r.inARow++
	if err == nil || refused || user != nil && awscreds.IsRefused(err) { // about this user alone
		r.inARow = 0
	}
	if r.inARow == patience {
		return refused, fmt.Errorf("%d users in a row could not be looked at or deleted: %w", r.inARow, err)
	}
	if err == nil && (found == findDeleted || found == findOrphan) {
		r.tellOrphan(moment, user, role, found == findDeleted)
	}
	if found == findDeleted {
		return refused, r.pause(ctx, deletionPauses)
	}
	return refused, nil
}

// look reads a user and deletes it, if it is this mount's, has no record and
// that was asked for.
func (r *run) look(ctx context.Context, c *awscreds.Client, name string) (*awscreds.FoundUser, finding, error) {
	user, err := c.ReadUser(ctx, name)
	switch {
	case awscreds.IsNotFound(err):
		return nil, findGone, nil
	case err != nil:
		return nil, findGone, err
	}
	owner, err := r.t.records.Owner(ctx, r.storage, user)
	switch {
	case err != nil:
		return user, findOrphan, err
	case owner == OwnerNone:
		return user, findUntagged, nil
	case owner == OwnerOther:
		return user, findOthers, nil
	case user.Age < r.order.SafetyBuffer: // made anew since it was listed
		return user, findTooYoung, nil
	}
	recorded, err := r.t.records.HasRecord(ctx, r.storage, name)
	switch {
	case err != nil:
		return user, findOrphan, err
	case recorded:
		return user, findRecorded, nil
	}
	own, err := r.ownName(ctx)
	switch {
	case err != nil:
		return user, findOrphan, err
	case strings.EqualFold(own, name):
		return user, findRecorded, nil // by config/root
	case owner == OwnerClaimed, owner == OwnerCopy && !r.order.Restored:
		return user, findUnproven, nil
	case !r.order.Delete || r.cautious():
		return user, findOrphan, nil
	}
	if err := r.t.records.DeleteUser(ctx, r.storage, c, r.way, name); err != nil {
		return user, findOrphan, err
	}
	return user, findDeleted, nil // now, or by an attempt whose answer was lost
}

// cautious reports whether a run that config/auto-tidy began only reports: after a gap this
// may be a copy of the storage, and its original may have made the users since.
func (r *run) cautious() bool {
	return r.scheduled && r.t.GapAfter(time.Time{}).Cautious(r.t.Now())
}

// ownName is the name of the engine's own user, whatever its tags say; empty where it
// works as none.
func (r *run) ownName(ctx context.Context) (string, error) {
	if r.own == nil {
		user, err := r.t.OwnUser(ctx, r.storage)
		if err != nil {
			return "", fmt.Errorf("asking which IAM user is the engine's own: %w", err)
		}
		r.own = new(string)
		if user != nil {
			*r.own = user.Name
		}
	}
	return *r.own, nil
}

// patiently makes a call, and makes it again where what went wrong may pass.
func (r *run) patiently(ctx context.Context, do func(*awscreds.Client) error) error {
	if err := r.pause(ctx, 1); err != nil {
		return err
	}
	for try := range tries {
		c, err := r.client(ctx)
		if err == nil {
			err = do(c)
		}
		if err == nil || !passes(err) || try == tries-1 {
			return err
		}
		if waited := r.pause(ctx, throttlePauses<<try); waited != nil {
			return errors.Join(waited, err)
		}
	}
	return nil
}

// passes reports whether AWS may do later what it did not do now.
func passes(err error) bool {
	var none *awscreds.NoCredentialsError
	var not *engine.NotAssumedError // others wait for their account
	return awscreds.IsFromAWS(err) && !awscreds.IsRefused(err) && !errors.As(err, &none) && !errors.As(err, &not)
}

func (r *run) pause(ctx context.Context, times int) error {
	timer := time.NewTimer(time.Duration(times) * r.t.pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
