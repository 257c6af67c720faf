// SPDX-License-Identifier: MPL-2.0

// Package rootkey rotates the engine's own access key: the root key in config/root.
//
// rootkey.go is the room's type. rotate.go makes the new key, next_key.go sees it through
// until the old one is gone, schedule.go says when it is time, and tick.go looks once a
// minute whether it is. path_rotate_root.go is config/rotate-root, where somebody asks for it.
package rootkey

import (
	"context"

	"github.com/hashicorp/vault/sdk/framework"
	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/engine"
)

// WALKind is the kind of the WAL's entries about a root key that may exist. They end in
// Tick, which keeps them apart from rotations, and not in the rollback.
const WALKind = "root_key"

// Rotator rotates the root key of one mount. All that it knows is in storage.
type Rotator struct{ *engine.Mount }

// New returns the rotator of a mount.
func New(m *engine.Mount) *Rotator { return &Rotator{Mount: m} }

// Paths are the paths about rotating the root key.
func (r *Rotator) Paths() []*framework.Path { return []*framework.Path{r.pathRotate()} }

// Describe is what a read of config/root says about rotations.
func (r *Rotator) Describe(ctx context.Context, s logical.Storage, cfg *engine.RootConfig) (map[string]any, error) {
	st, err := engine.LoadOr(ctx, s, engine.KeyRootRotation, newState)
	if err != nil {
		return nil, err
	}
	st.follow(cfg, r.Now())
	return st.response(cfg, r.Now()), nil
}

// Follow hears that config/root was written. The caller holds its lock.
func (r *Rotator) Follow(ctx context.Context, s logical.Storage, cfg *engine.RootConfig) {
	err := rememberLocked(ctx, s, func(st *state) bool { return st.follow(cfg, r.Now().UTC()) })
	if err != nil {
		r.Log.Warn("the rotation schedule will count from the next minute on", "error", err)
	}
}

// Forget drops what is remembered about rotations: config/root was deleted. The caller
// holds its lock.
func (r *Rotator) Forget(ctx context.Context, s logical.Storage) error {
	return s.Delete(ctx, engine.KeyRootRotation)
}
