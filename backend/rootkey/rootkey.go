// SPDX-License-Identifier: MPL-2.0

// Package rootkey rotates the engine's own access key: the root key in config/root.
//
//   - rootkey.go: the room's type
//   - rotate.go: makes the new key
//   - next_key.go: continues until the old key is gone
//   - stray.go: deletes a key whose secret was lost
//   - schedule.go: when the key is rotated
//   - tick.go: checks once a minute whether that is now
//   - caution.go: what a scheduled rotation does not do
//   - path_rotate_root.go: config/rotate-root, for a rotation on request
package rootkey

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/vault/sdk/framework"
	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/engine"
	"vault-plugin-secrets-aws-dyn/internal/awscreds"
)

// WALKind is the kind of the WAL's entries about a root key that may exist. They end in
// Tick, which keeps them apart from rotations, and not in the rollback.
const WALKind = "root_key"

// Rotator rotates the root key of one mount. All that it has to know is in storage.
type Rotator struct {
	*engine.Mount
	ended sync.Map // when this process deleted keys, by their IDs: AWS goes on listing them for a while
}

// listedTime is for longer than AWS lists a key that was deleted.
const listedTime = time.Hour

// end deletes a key of the engine's own user.
func (r *Rotator) end(ctx context.Context, client *awscreds.Client, user, id string) error {
	err := client.DeleteKey(ctx, user, id)
	if err == nil {
		r.ended.Range(func(earlier, at any) bool {
			if deleted, ok := at.(time.Time); ok && r.Now().Sub(deleted) > listedTime {
				r.ended.Delete(earlier)
			}
			return true
		})
		r.ended.Store(id, r.Now())
	}
	return err
}

// withoutEnded are the keys that AWS lists, but for those that this process has deleted: AWS gives no ID twice.
func (r *Rotator) withoutEnded(listed []awscreds.KeyInfo) (keys []awscreds.KeyInfo) {
	return slices.DeleteFunc(slices.Clone(listed), func(key awscreds.KeyInfo) bool {
		_, ended := r.ended.Load(key.ID)
		return ended
	})
}

// New returns the rotator of a mount.
func New(m *engine.Mount) *Rotator { return &Rotator{Mount: m} }

// Paths are the paths about rotating the root key.
func (r *Rotator) Paths() []*framework.Path { return []*framework.Path{r.pathRotate()} }

// Describe is what a read of config/root says about rotations.
func (r *Rotator) Describe(ctx context.Context, s logical.Storage, cfg *engine.RootConfig) (map[string]any, error) {
	st, _, err := loadState(ctx, s)
	if err != nil {
		return nil, err
	}
	st.follow(cfg, r.Now())
	return st.response(cfg, r.Now()), nil
}

// Follow hears that config/root was written. The caller holds its lock.
func (r *Rotator) Follow(ctx context.Context, s logical.Storage, cfg *engine.RootConfig) {
	err := r.rememberLocked(ctx, s, func(st *state) bool { return st.follow(cfg, r.Now().UTC()) })
	if err != nil {
		r.Log.Warn("the rotation schedule will count from the next minute on", "error", err)
	}
}

// Discarded warns when config/root is about to lose a key whose only secret it holds: the key
// lives on in AWS. after is the key that it gets instead. The caller holds its lock.
func (r *Rotator) Discarded(ctx context.Context, s logical.Storage, before, after string) (warnings []string) {
	if before == "" || before == after {
		return nil
	}
	st, err := engine.LoadOr(ctx, s, engine.KeyRootRotation, newState)
	next, other := engine.LoadOr(ctx, s, engine.KeyRootNext, func() *nextKey { return new(nextKey) })
	if err = errors.Join(err, other); err != nil {
		return []string{fmt.Sprintf("access_key: the engine cannot tell whether it made the access key %s, which config/root had and which may still exist in AWS: %v", before, err)}
	}
	left := ""
	switch {
	case next.AccessKey == before: // which goes by itself
		left = next.Old.AccessKey
	case st.madeHere(before):
		left = before
	}
	if left == "" || left == after {
		return nil
	}
	return []string{fmt.Sprintf("access_key: nobody has the secret of the access key %s any more, which config/root had, and the key lives on in AWS, "+
		"where it takes one of the two places of its IAM user: delete it (aws iam delete-access-key --user-name <the user> --access-key-id %s)", left, left)}
}

// Forget drops what is remembered about rotations: config/root was deleted. The caller
// holds its lock.
func (r *Rotator) Forget(ctx context.Context, s logical.Storage) error {
	return s.Delete(ctx, engine.KeyRootRotation)
}
