// SPDX-License-Identifier: MPL-2.0

package rootkey

// Keys of the engine's own user that only the WAL knows of: a rotation that failed may have
// left one, and its secret is lost.

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/hashicorp/vault/sdk/framework"
	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/engine"
	"vault-plugin-secrets-aws-dyn/internal/awscreds"
)

// strayWindow is how far AWS's time of a key may be from that of the record which was
// written just before the key was asked for. What is further off is somebody else's.
const strayWindow = 2 * time.Minute

// strayPatience is how long a stray key is waited for while config/root leads to another
// account than its user's.
const strayPatience = 30 * 24 * time.Hour

// dropStrays deletes the keys of the engine's own user that only the WAL knows of.
func (r *Rotator) dropStrays(ctx context.Context, s logical.Storage, by cause) error {
	ids, err := framework.ListWAL(ctx, s)
	if err != nil {
		return fmt.Errorf("listing what to roll back: %w", err)
	}
	var errs []error
	for _, id := range ids {
		errs = append(errs, r.dropStray(ctx, s, id, by))
	}
	return errors.Join(errs...)
}

// dropStray deletes the key of one entry, if the entry is about a key and AWS has made
// it. As long as AWS may show it late, the entry stays; and after a gap, in which the
// original of this storage may have gone on with that key.
func (r *Rotator) dropStray(ctx context.Context, s logical.Storage, id string, by cause) error {
	entry, err := engine.ReadWAL(ctx, s, id)
	if err != nil || entry == nil || entry.Kind != WALKind {
		return err
	}
	if gap := r.GapAfter(time.Unix(entry.CreatedAt, 0)); by == bySchedule && gap.Cautious(r.Now()) {
		return nil
	}
	wal, err := engine.WALData[walKey](entry)
	if err != nil {
		return err
	}
	cfg, err := engine.LoadOr(ctx, s, engine.KeyRootConfig, engine.NewRootConfig)
	if err != nil {
		return err
	}
	known := append(wal.Keep, cfg.AccessKey)
	next, err := loadNext(ctx, s)
	if err != nil {
		return err
	}
	if next != nil {
		known = append(known, next.AccessKey, next.Old.AccessKey)
	}
	client, err := engine.OwnClient(ctx, cfg)
	if err != nil {
		return err
	}
	age := r.Now().Sub(time.Unix(entry.CreatedAt, 0))
	err = r.CheckAccount(ctx, client, wal.Account, "the access key that a failed rotation may have given to IAM user "+wal.User,
		fmt.Sprintf("look for that key yourself: the engine gives it up %d days after the rotation", strayPatience/(24*time.Hour)))
	if err != nil && age >= strayPatience {
		r.Log.Warn("a root key whose secret is lost may be left in another account", "iam_user", wal.User, "account", wal.Account.String(), "error", err)
		return framework.DeleteWAL(ctx, s, id)
	}
	if err != nil {
		return err
	}
	found, err := r.deleteStray(ctx, client, wal.User, known, age)
	if err != nil {
		return fmt.Errorf("looking for a key of %s that a failed rotation may have left: %w", wal.User, err)
	}
	if !found && age < r.LagWindow {
		return nil // AWS may not show it yet; look again
	}
	return framework.DeleteWAL(ctx, s, id)
}

// deleteStray deletes a key of a user that is not among the known ones and was made as
// long ago as age says, give or take the difference of clocks.
func (r *Rotator) deleteStray(ctx context.Context, client *awscreds.Client, user string, known []string, age time.Duration) (found bool, err error) {
	keys, err := client.Keys(ctx, user)
	if awscreds.IsNotFound(err) {
		return false, nil // with the user, its keys are gone
	}
	if err != nil {
		return false, err
	}
	for _, key := range r.withoutEnded(keys) {
		if slices.Contains(known, key.ID) || (age-key.Age).Abs() > strayWindow {
			continue
		}
		if used, err := isUsed(ctx, client, key.ID); err != nil || used {
			return false, err // whoever uses it knows the secret
		}
		if err := r.end(ctx, client, user, key.ID); err != nil {
			return false, err
		}
		r.Log.Info("deleted a root key whose secret was lost", "iam_user", user, "access_key", key.ID)
		found = true
	}
	return found, nil
}

// isUsed reports whether AWS says that a key was ever used. Where it does not let us ask, it
// says nothing.
func isUsed(ctx context.Context, client *awscreds.Client, id string) (bool, error) {
	_, _, used, err := client.KeyUser(ctx, id)
	if isUntold(err) {
		return false, nil
	}
	return used, err
}

// isUntold reports whether AWS does not let us ask when a key was used, or what answers for it
// cannot say.
func isUntold(err error) bool {
	return awscreds.IsDenied(err) || awscreds.IsNotFound(err) || awscreds.IsUnsupported(err)
}
