// SPDX-License-Identifier: MPL-2.0

package rootkey

// What a rotation by schedule does not do, since another server may work with the same key:
// that of a storage of which ours is a copy, or that of a copy of ours.

import (
	"context"
	"fmt"
	"time"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/engine"
	"vault-plugin-secrets-aws-dyn/internal/awscreds"
)

// cause is why a rotation goes on. What an operator asks for waits for nothing.
type cause int

const (
	bySchedule cause = iota
	byOperator
)

// causeOf is why the rotation of a key goes on that was interrupted. What was asked for before
// a gap was asked of the original.
func (r *Rotator) causeOf(n *nextKey) cause {
	if n.Asked && r.GapAfter(n.Made).Noticed.IsZero() {
		return byOperator
	}
	return bySchedule
}

// lastCalls is how long after the switch a call of our own may still carry the old key,
// the rounding of AWS's time of a use included.
const lastCalls = 2 * time.Minute

// instead is what an operator can do about a rotation that waits.
const instead = "If no other server has a copy, write to config/rotate-root, which rotates now and deletes the old key, or resume=true to config/gap"

// strangers has a rotation wait where the user has a key that another server may have made
// while there was no heartbeat.
func (r *Rotator) strangers(ctx context.Context, s logical.Storage, user, id string, keys []awscreds.KeyInfo) error {
	st, _, err := loadState(ctx, s)
	if err != nil {
		return err
	}
	gap := r.GapAfter(st.Settled)
	for _, key := range keys {
		if key.ID != id && gap.Younger(key.Age, r.Now()) {
			return gap.WaitForOperator(user, key.ID, fmt.Sprintf(
				"If no other server has a copy, delete that key (aws iam delete-access-key --user-name %s --access-key-id %s) and write to config/rotate-root", user, key.ID))
		}
	}
	return nil
}

// mayRetire reports whether the old key may go: not soon after a gap, and not before AWS has
// had time to say that nobody uses it. A [engine.WaitError] says why it stays for longer.
func (r *Rotator) mayRetire(ctx context.Context, s logical.Storage, cfg *engine.RootConfig, n *nextKey) (bool, error) {
	now := r.Now()
	if n.Switched.IsZero() {
		n.Switched = now.UTC()
		if err := engine.Save(ctx, s, engine.KeyRootNext, n); err != nil {
			return false, fmt.Errorf("writing down when config/root got its new access key: %w", err)
		}
		if err := r.noteSwitched(ctx, s, n); err != nil {
			return false, fmt.Errorf("writing down when the root key was rotated: %w", err)
		}
	}
	st, _, err := loadState(ctx, s)
	if err != nil {
		return false, err
	}
	if gap := r.GapAfter(st.Settled); gap.Cautious(now) {
		return false, gap.WaitToDelete(fmt.Sprintf("The old access key %s of the IAM user %s stays until then. %s", n.Old.AccessKey, n.User, instead))
	}
	client, err := engine.OwnClient(ctx, cfg)
	if err != nil {
		return false, err
	}
	since := now.Sub(n.Switched)
	_, ago, used, err := client.KeyUser(ctx, n.Old.AccessKey)
	switch {
	case engine.UseIsUntold(err): // nobody can tell
	case err != nil:
		return false, err
	case used && ago < since-lastCalls:
		return false, &engine.WaitError{Text: fmt.Sprintf(
			"somebody else uses the old access key %s of the IAM user %s: perhaps a server with a copy of this storage. So it stays, with the new one, and no further rotation by schedule begins. %s",
			n.Old.AccessKey, n.User, instead)}
	case since < engine.UseToldAfter:
		return false, nil
	}
	return true, r.ProveLeader(ctx, s)
}
