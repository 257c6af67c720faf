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
func (r *Rotator) rotate(ctx context.Context, s logical.Storage, by cause) (id string, left, err error) {
	next, err := loadNext(ctx, s)
	if err != nil {
		return "", nil, err
	}
	if next != nil {
		if switched, err := r.establish(ctx, s, next, by); switched || err != nil {
			return inUse(next, switched, err)
		}
	}
	strays := r.dropStrays(ctx, s, by) // they would stand where the new key has to go
	next, err = r.makeKey(ctx, s, by)
	if err != nil {
		return "", nil, errors.Join(err, strays)
	}
	switched, err := r.establish(ctx, s, next, by)
	if switched || err != nil {
		return inUse(next, switched, err)
	}
	return "", nil, engine.UserErrorf("config/root was given another access_key during the rotation: that one stays, and the new key %s has been deleted", next.AccessKey)
}

// inUse is what a rotation returns of a key: once it is in use, an error is about what is left.
func inUse(n *nextKey, switched bool, why error) (id string, left, err error) {
	if switched {
		return n.AccessKey, why, nil
	}
	return "", nil, why
}

// makeKey makes a key for the user of the one in config/root, and stores it.
func (r *Rotator) makeKey(ctx context.Context, s logical.Storage, by cause) (*nextKey, error) {
	cfg, err := engine.LoadOr(ctx, s, engine.KeyRootConfig, engine.NewRootConfig)
	if err != nil {
		return nil, err
	}
	if cfg.AccessKey == "" || cfg.SecretKey == "" {
		return nil, engine.UserErrorf("config/root holds no access_key and secret_key, so there is no key to rotate: " +
			"the engine takes its AWS identity from the environment, which renews it")
	}
	client, err := engine.OwnClient(ctx, cfg)
	if err != nil {
		return nil, err
	}
	user, found, err := ownUser(ctx, client, cfg.AccessKey)
	if err != nil {
		return nil, err
	}
	found = r.withoutEnded(found)
	if by == bySchedule {
		if err := r.strangers(ctx, s, user, cfg.AccessKey, found); err != nil {
			return nil, err
		}
	}
	keep, err := room(user, cfg.AccessKey, found)
	if err != nil {
		return nil, err
	}
	record, err := framework.PutWAL(ctx, s, WALKind, walKey{User: user, Keep: keep, Account: client.KnownAccount()})
	if err != nil {
		return nil, err
	}
	key, certain, err := client.MakeKey(ctx, user, true) // room has found a place, which AWS may count for a while
	made := r.Now()

	// From here on it matters more what becomes of the key than whether the client waits.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanUpTime)
	defer cancel()
	switch {
	case err != nil && certain:
		return nil, errors.Join(err, framework.DeleteWAL(ctx, s, record))
	case err != nil:
		r.Log.Warn("AWS may have made a root key whose secret is lost", "iam_user", user, "error", err)
		return nil, errors.Join(fmt.Errorf("%w; AWS may have made the key anyway, and the engine looks for it and deletes it once AWS can tell that nobody uses it, %d minutes after it was made", err, engine.UseToldAfter/time.Minute),
			r.dropStray(ctx, s, record, "", by))
	}
	next := &nextKey{User: user, Old: *cfg, AccessKey: key.ID, SecretKey: key.Secret, Made: made, Record: record, Account: client.KnownAccount(), Asked: by == byOperator}
	if err := engine.Save(ctx, s, engine.KeyRootNext, next); err != nil {
		// Unless it was stored all the same, nobody knows the key's secret any more.
		return nil, errors.Join(err, r.dropStray(ctx, s, record, key.ID, by))
	}
	return next, nil
}

// ownUser returns the IAM user of a client's own key, and the keys that it has.
func ownUser(ctx context.Context, client *awscreds.Client, id string) (user string, keys []awscreds.KeyInfo, err error) {
	info, err := client.LookUpUser(ctx, "")
	if err != nil {
		return "", nil, err
	}
	if info.IsAccount() {
		return "", nil, engine.UserErrorf("access_key %s in config/root belongs to the root user of the AWS account, whose keys are not rotated here; "+
			"give the engine a key of an IAM user instead", id)
	}
	keys, err = client.Keys(ctx, info.Name)
	return info.Name, keys, err
}

// room returns the keys that are there before a new one is made. One place must be free
// (IAM User Guide, "IAM and AWS STS quotas").
func room(user, id string, found []awscreds.KeyInfo) (keys []string, err error) {
	keys = []string{id}
	for _, key := range found {
		if !slices.Contains(keys, key.ID) {
			keys = append(keys, key.ID)
		}
	}
	if len(keys) >= awscreds.MostKeys {
		return nil, engine.UserErrorf("IAM user %s has two access keys, which is all that AWS allows: %s, which is the engine's own in config/root, "+
			"and %s, which is not in config/root. If a rotation deleted it a moment ago, AWS still shows it: rotate again in a minute. "+
			"If a rotation failed and left it, the engine deletes it 15 minutes after it was made, unless somebody uses it. "+
			"Otherwise, when nobody needs it any more, delete it (aws iam delete-access-key --user-name %s --access-key-id %s), and rotate again",
			user, id, keys[1], user, keys[1])
	}
	return keys, nil
}
