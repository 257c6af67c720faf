// SPDX-License-Identifier: MPL-2.0

package awscreds

// How a user ends. A failed creation, a rollback and a revocation all come here.

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/iam"
)

const (
	// deleteRounds is how often everything that a user owns is listed and removed
	// before its deletion is given up for this time; [Enduring] goes on for longer. One
	// round does, unless its holder adds to it meanwhile, or AWS still shows what is
	// already gone: "Changes that I make are not always immediately visible" (IAM User
	// Guide). So the rounds lie apart, by five seconds in all on average.
	deleteRounds = 7

	// firstPause is before the second round, and doubles up to longestPause.
	firstPause   = 250 * time.Millisecond
	longestPause = 2 * time.Second

	// claimSlack is how much older than our own measure of time AWS may say that a user is
	// which is ours all the same: its times come in whole seconds.
	claimSlack = 10 * time.Second
)

// Owned is what a user was given when it was made. Deletion takes it away without
// asking AWS what there is.
type Owned struct {
	AccessKeyID  string
	PolicyARNs   []string
	InlinePolicy string
	Groups       []string
}

// DeleteUser deletes a user with all that it owns, in two round trips where it
// owns what owned says, and whatever its holder added where it does not. It is
// idempotent: what is gone already is no error.
//
// existed tells whether AWS knew the user. Not knowing a user that was made a
// moment ago proves nothing, since AWS may not show it yet: the caller has to
// look again later. After an error some of the user may be left; the same call
// again goes on from there, but for what a [LeftError] names.
func (c *Client) DeleteUser(ctx context.Context, name string, owned Owned) (existed bool, err error) {
	d := &deletion{Client: c, user: name}
	listed, removed := error(nil), c.makeAll(ctx, c.removals(name, owned)) // the access key among them: access stops here
	var conflict error                                                     // what AWS said of the last try that it answered
	for round := 0; ; round++ {
		err = c.deleteUser(ctx, name)
		if Code(err) == codeDeleteConflict {
			conflict = err
		} else if err != nil && Code(err) == "" && conflict != nil && ctx.Err() != nil {
			err = errors.Join(conflict, err) // time ran out, but this is what it ran out on
		}
		switch {
		case err == nil:
			return true, d.finish(ctx)
		case isNotFound(err):
			return false, d.finish(ctx)
		case Code(err) != codeDeleteConflict || round > 0 && !anotherRound(ctx, round, listed, removed):
			c.lacks.forget()
			return true, d.left(errors.Join(listed, removed, err))
		}
		before := listed
		if listed, removed = d.strip(ctx); ctx.Err() != nil && IsRefused(before) {
			listed = before // which is why there was no time left
		}
	}
}

// anotherRound reports whether a user that AWS does not delete, although all was removed
// that can be, is worth one more round, and waits for its time.
func anotherRound(ctx context.Context, round int, listed, removed error) bool {
	if IsRefused(removed) {
		return false // what may not be removed stays, and so does the user
	}
	longest := min(firstPause<<min(round-1, 10), longestPause)
	pause := longest/2 + rand.N(longest/2) //nolint:gosec // nothing is secret about a wait
	if at := time.Now().Add(pause); round >= deleteRounds && (IsRefused(listed) || at.After(enduresUntil(ctx))) {
		return false
	}
	return rest(ctx, pause)
}

// rest waits, and reports whether there is still time after it.
func rest(ctx context.Context, pause time.Duration) bool {
	if end, bounded := ctx.Deadline(); bounded && time.Now().Add(pause).After(end) {
		return false
	}
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

func (c *Client) deleteUser(ctx context.Context, name string) error {
	_, err := c.iam.DeleteUser(ctx, &iam.DeleteUserInput{UserName: &name})
	if err != nil {
		return fmt.Errorf("deleting IAM user %s: %w", name, err)
	}
	return nil
}

// removals are the changes that take away what a user is known to own.
func (c *Client) removals(user string, owned Owned) []change {
	var changes []change
	add := func(r resource, ids ...string) {
		for _, id := range ids {
			if id != "" {
				changes = append(changes, c.removal(r, user, id))
			}
		}
	}
	add(accessKeys, owned.AccessKeyID)
	add(attachedPolicies, owned.PolicyARNs...)
	add(inlinePolicies, owned.InlinePolicy)
	add(groups, owned.Groups...)
	return changes
}

// removal is the change that takes one thing away. Gone is as good as removed.
func (c *Client) removal(r resource, user, id string) change {
	return func(ctx context.Context) error {
		err := c.lacks.unless("remove "+r.name, func() error { return r.remove(ctx, c.iam, user, id) })
		if err != nil && !isNotFound(err) && !isLack(err) {
			return fmt.Errorf("removing %s %s of %s: %w", r.name, id, user, err)
		}
		return nil
	}
}
