// SPDX-License-Identifier: MPL-2.0

package rootkey

// How the engine's own access key, the root key in config/root, becomes a new one.
//
//  1. A record in the WAL: a key may be about to exist of which nobody knows the secret.
//  2. AWS makes the key, in one attempt.
//  3. It is stored with its secret at config/root-next, before it counts.
//  4. next_key.go sees it through: proves it, switches config/root to it, deletes the
//     old key, forgets the records.
//
// A rotation that ends anywhere in between goes on from there: at the next tick, or at
// the next rotation. Each of the two records has its own end. What config/root-next
// holds is established or undone; what only the WAL knows of is looked for and deleted.

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

// walKey is a key of the engine's own user that may exist, and whose secret is lost
// unless config/root-next has it.
type walKey struct {
	User string   `json:"user"`
	Keep []string `json:"keep"` // the keys that were there before, the one in config/root among them
	// Account is where the user is; zero in entries of the first edition.
	Account awscreds.Account `json:"account,omitzero"`
}

// rotate gives the engine a new key, or finishes what an earlier rotation began.
// left is what remains to be done when the new key is in use already. The caller holds
// the lock of the root key.
func (r *Rotator) rotate(ctx context.Context, s logical.Storage) (id string, left, err error) {
	next, err := loadNext(ctx, s)
	if err != nil {
		return "", nil, err
	}
	if next != nil {
		switched, err := r.establish(ctx, s, next)
		switch {
		case switched:
			return next.AccessKey, err, nil
		case err != nil:
			return "", nil, err
		}
	}
	strays := r.dropStrays(ctx, s) // they would stand where the new key has to go
	next, err = r.makeKey(ctx, s)
	if err != nil {
		return "", nil, errors.Join(err, strays)
	}
	switched, err := r.establish(ctx, s, next)
	switch {
	case switched:
		return next.AccessKey, err, nil
	case err != nil:
		return "", nil, err
	}
	return "", nil, engine.UserErrorf("config/root was given another access_key during the rotation: that one stays, and the new key %s has been deleted", next.AccessKey)
}

// makeKey makes a key for the user of the one in config/root, and stores it.
func (r *Rotator) makeKey(ctx context.Context, s logical.Storage) (*nextKey, error) {
	cfg, err := engine.LoadOr(ctx, s, engine.KeyRootConfig, engine.NewRootConfig)
	if err != nil {
		return nil, err
	}
	if cfg.AccessKey == "" || cfg.SecretKey == "" {
		return nil, engine.UserErrorf("config/root holds no access_key and secret_key, so there is no key to rotate: " +
			"the engine takes its AWS identity from the environment, which renews it itself")
	}
	client, err := engine.OwnClient(ctx, cfg)
	if err != nil {
		return nil, err
	}
	user, keep, err := ownUser(ctx, client, cfg.AccessKey)
	if err != nil {
		return nil, err
	}
	record, err := framework.PutWAL(ctx, s, WALKind, walKey{User: user, Keep: keep, Account: client.KnownAccount()})
	if err != nil {
		return nil, err
	}
	key, certain, err := client.MakeKey(ctx, user)
	made := r.Now()

	// From here on it matters more what becomes of the key than whether the client waits.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanUpTime)
	defer cancel()
	switch {
	case err != nil && certain:
		return nil, errors.Join(err, framework.DeleteWAL(ctx, s, record))
	case err != nil:
		r.Log.Warn("AWS may have made a root key whose secret is lost", "iam_user", user, "error", err)
		return nil, errors.Join(fmt.Errorf("%w; AWS may have made the key all the same, and the engine looks for it and deletes it", err),
			r.dropStray(ctx, s, record))
	}
	next := &nextKey{User: user, Old: *cfg, AccessKey: key.ID, SecretKey: key.Secret, Made: made, Record: record}
	if err := engine.Save(ctx, s, engine.KeyRootNext, next); err != nil {
		// Unless it was stored all the same, nobody knows the key's secret any more.
		return nil, errors.Join(err, r.dropStray(ctx, s, record))
	}
	return next, nil
}

// ownUser returns the IAM user of a client's own key, and the keys that it has. One
// place must be free (IAM User Guide, "IAM and AWS STS quotas").
func ownUser(ctx context.Context, client *awscreds.Client, id string) (user string, keys []string, err error) {
	info, err := client.LookUpUser(ctx, "")
	if err != nil {
		return "", nil, err
	}
	if info.IsAccount() {
		return "", nil, engine.UserErrorf("access_key %s in config/root belongs to the root user of the AWS account, whose keys are not rotated here; "+
			"give the engine a key of an IAM user instead", id)
	}
	found, err := client.Keys(ctx, info.Name)
	if err != nil {
		return "", nil, err
	}
	keys = []string{id}
	for _, key := range found {
		if !slices.Contains(keys, key.ID) {
			keys = append(keys, key.ID)
		}
	}
	if len(keys) >= awscreds.MostKeys {
		return "", nil, engine.UserErrorf("IAM user %s has two access keys, which is all that AWS allows: %s, which is the engine's own in config/root, "+
			"and %s, which the engine did not make and will not delete; when nobody needs that one any more, "+
			"delete it (aws iam delete-access-key --user-name %s --access-key-id %s), and rotate again",
			info.Name, id, keys[1], info.Name, keys[1])
	}
	return info.Name, keys, nil
}

// dropStrays deletes the keys of the engine's own user that only the WAL knows of.
func (r *Rotator) dropStrays(ctx context.Context, s logical.Storage) error {
	ids, err := framework.ListWAL(ctx, s)
	if err != nil {
		return fmt.Errorf("listing what to roll back: %w", err)
	}
	var errs []error
	for _, id := range ids {
		errs = append(errs, r.dropStray(ctx, s, id))
	}
	return errors.Join(errs...)
}

// dropStray deletes the key of one entry, if the entry is about a key and AWS has made
// it. As long as AWS may show it late, the entry stays.
func (r *Rotator) dropStray(ctx context.Context, s logical.Storage, id string) error {
	entry, err := engine.ReadWAL(ctx, s, id)
	if err != nil || entry == nil || entry.Kind != WALKind {
		return err
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
	for _, key := range keys {
		if slices.Contains(known, key.ID) || (age-key.Age).Abs() > strayWindow {
			continue
		}
		if err := client.DeleteKey(ctx, user, key.ID); err != nil {
			return false, err
		}
		r.Log.Info("deleted a root key whose secret was lost", "iam_user", user, "access_key", key.ID)
		found = true
	}
	return found, nil
}
