// SPDX-License-Identifier: MPL-2.0

package backend

// tidy finds IAM users that carry this mount's tags and that no record speaks for: made
// behind the register's back, or by a server whose storage was lost or set back. It
// reports them, and deletes them only when asked. One run at a time, a call at a time,
// so that it takes nothing from those who wait for credentials.

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/engine"
	"vault-plugin-secrets-aws-dyn/backend/staticrole"
	"vault-plugin-secrets-aws-dyn/internal/awscreds"
)

const (
	// DefaultTidyPause is the time before each call of tidy. AWS does not publish how
	// many calls it allows; two a second are fewer than a single credential takes. An
	// account has at most 5000 users, so a run that deletes nothing takes three quarters
	// of an hour at most.
	DefaultTidyPause = 500 * time.Millisecond

	// deletionPauses is how long to wait after a deletion, which is about 15 calls.
	deletionPauses = 8

	// throttlePauses is how long to wait when AWS throttles or is not well: ten seconds,
	// and twice as long each time, where the SDK waits one for those who need an answer.
	throttlePauses = 20

	// tidyTries is how often a user is tried, and tidyPatience how many users in a row may
	// fail for reasons that are not theirs until the run is given up.
	tidyTries    = 5
	tidyPatience = 3
)

// tidyRun is a run under way.
type tidyRun struct {
	b       *backend
	storage logical.Storage
	order   tidyOrder
	note    func(func(*tidyReport))
	adopted map[string]bool // users of static roles, in lower case
	refusal error           // AWS's word for the last user that it did not let us look at
	inARow  int             // users that failed for reasons that are not theirs
}

// tidy goes through the account once.
func (r *tidyRun) tidy(ctx context.Context) (err error) {
	defer r.b.Recover(&err)
	if err := r.b.known(ctx, r.storage); err != nil {
		return fmt.Errorf("reading the register: %w", err)
	}
	if r.adopted, err = staticrole.AdoptedUsers(ctx, r.storage); err != nil {
		return fmt.Errorf("reading the static roles: %w", err)
	}
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
		return fmt.Errorf("AWS does not let the engine look at any of the users that no record speaks for: %w", r.refusal)
	}
	return nil
}

// candidates lists the users that are worth a look. The whole list is read first: who
// knows how long a marker is good for.
func (r *tidyRun) candidates(ctx context.Context) (names []string, err error) {
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
		r.note(func(report *tidyReport) {
			report.Pages++
			report.Seen += len(users)
			for _, u := range users {
				switch {
				case r.b.register.has(u.Name), r.adopted[strings.ToLower(u.Name)]:
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
func (r *tidyRun) examine(ctx context.Context, name string) (refused bool, err error) {
	var user *awscreds.FoundUser
	found := findGone
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
	r.note(func(report *tidyReport) { report.examined(user, found, err, refused) })
	r.inARow++
	if err == nil || refused || user != nil && awscreds.IsRefused(err) { // about this user alone
		r.inARow = 0
	}
	if r.inARow == tidyPatience {
		return refused, fmt.Errorf("%d users in a row could not be looked at or deleted: %w", r.inARow, err)
	}
	if found == findDeleted {
		r.b.Log.Info("tidy deleted an IAM user that no record speaks for", "iam_user", name, "role", user.Tags[tagRole], "created", engine.Stamp(user.Created))
		return refused, r.pause(ctx, deletionPauses)
	}
	return refused, nil
}

// look reads a user and deletes it, if it is this mount's, no record speaks for it and
// that was asked for.
func (r *tidyRun) look(ctx context.Context, c *awscreds.Client, name string) (*awscreds.FoundUser, finding, error) {
	user, err := c.ReadUser(ctx, name)
	switch {
	case awscreds.IsNotFound(err):
		return nil, findGone, nil
	case err != nil:
		return nil, findGone, err
	case user.Tags[tagMount] == "":
		return user, findUntagged, nil
	case !r.b.owns(user.Tags):
		return user, findOthers, nil
	case user.Age < r.order.SafetyBuffer: // made anew since it was listed
		return user, findTooYoung, nil
	}
	spoken, err := r.b.spokenFor(ctx, r.storage, name)
	switch {
	case err != nil:
		return user, findOrphan, err
	case spoken:
		return user, findRecorded, nil
	case !r.order.Delete:
		return user, findOrphan, nil
	}
	if _, err := c.DeleteUser(ctx, name, awscreds.Owned{}); err != nil {
		return user, findOrphan, err
	}
	return user, findDeleted, nil // now, or by an attempt whose answer was lost
}

// patiently makes a call, and makes it again where what went wrong may pass.
func (r *tidyRun) patiently(ctx context.Context, do func(*awscreds.Client) error) error {
	if err := r.pause(ctx, 1); err != nil {
		return err
	}
	for try := range tidyTries {
		c, err := r.b.AWS(ctx, r.storage)
		if err == nil {
			err = do(c)
		}
		if err == nil || !passes(err) || try == tidyTries-1 {
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
	return awscreds.IsFromAWS(err) && !awscreds.IsRefused(err) && !errors.As(err, &none)
}

func (r *tidyRun) pause(ctx context.Context, times int) error {
	timer := time.NewTimer(time.Duration(times) * r.b.tidyPause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
