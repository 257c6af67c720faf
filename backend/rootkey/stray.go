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

// dropStrays deletes the keys of the engine's own user that only the WAL knows of.
func (r *Rotator) dropStrays(ctx context.Context, s logical.Storage, by cause) error {
	ids, err := framework.ListWAL(ctx, s)
	if err != nil {
		return fmt.Errorf("listing what to roll back: %w", err)
	}
	var errs []error
	for _, id := range ids {
		errs = append(errs, r.dropStray(ctx, s, id, "", by))
	}
	return errors.Join(errs...)
}

// dropStray deletes the key of one entry, if the entry is about a key and AWS has made
// it. made is the ID of the key where AWS has told it, or "". As long as AWS may show the key late,
// or its use, the entry stays; and after a gap, in which the original of this storage may have gone
// on with that key.
func (r *Rotator) dropStray(ctx context.Context, s logical.Storage, id, made string, by cause) error {
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
		fmt.Sprintf("look for that key yourself: the engine gives it up %d days after the rotation", engine.LostAfter/(24*time.Hour)))
	if err != nil && age >= engine.LostAfter {
		r.Log.Warn("a root key whose secret is lost may be left in another account", "iam_user", wal.User, "account", wal.Account.String(), "error", err)
		return framework.DeleteWAL(ctx, s, id)
	}
	if err != nil {
		return err
	}
	found, young, err := r.deleteStray(ctx, client, wal.User, made, known, age)
	if err != nil {
		return fmt.Errorf("looking for a key of %s that a failed rotation may have left: %w", wal.User, err)
	}
	if young || !found && age < r.LagWindow {
		return nil // AWS may not show it, or its use, yet; look again
	}
	return framework.DeleteWAL(ctx, s, id)
}

// deleteStray deletes a key of a user that is not among the known ones, was made as long ago as age
// says, give or take the difference of clocks, and is used by nobody. young says that AWS cannot
// tell yet whether a key is used. The one that was made here needs no such proof.
func (r *Rotator) deleteStray(ctx context.Context, client *awscreds.Client, user, made string, known []string, age time.Duration) (found, young bool, err error) {
	keys, err := client.Keys(ctx, user)
	if awscreds.IsNotFound(err) {
		return false, false, nil // with the user, its keys are gone
	}
	if err != nil {
		return false, false, err
	}
	for _, key := range r.withoutEnded(keys) {
		if slices.Contains(known, key.ID) || (age-key.Age).Abs() > strayWindow {
			continue
		}
		if key.ID != made {
			used, err := engine.KeyIsUsed(ctx, client, key.ID)
			switch {
			case err != nil:
				return false, false, err
			case used:
				continue // whoever uses it knows the secret
			case key.Age < engine.UseToldAfter:
				young = true
				continue
			}
		}
		if err := r.end(ctx, client, user, key.ID); err != nil {
			return false, false, err
		}
		r.Log.Info("deleted a root key whose secret was lost", "iam_user", user, "access_key", key.ID)
		found = true
	}
	return found, young, nil
}
