// SPDX-License-Identifier: MPL-2.0

package rootkey

// A new root key on its way into config/root. Whatever interrupts it, the next look at
// config/root and config/root-next together tells how to go on.

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/vault/sdk/framework"
	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/engine"
	"vault-plugin-secrets-aws-dyn/internal/awscreds"
)

// nextKey is a new root key, from when AWS made it until config/root has it and the
// old one is gone.
type nextKey struct {
	User      string    `json:"user"`
	AccessKey string    `json:"access_key"`
	SecretKey string    `json:"secret_key"`
	Made      time.Time `json:"made"`
	Record    string    `json:"record"` // of the WAL
	// Account is where the user is, as far as AWS has told.
	Account awscreds.Account `json:"account,omitzero"`
	// Asked says that an operator asked for it.
	Asked bool `json:"asked,omitempty"`
	// Switched is when config/root got it, where the old key is to stay until nobody uses it.
	Switched time.Time         `json:"switched,omitzero"`
	Old      engine.RootConfig `json:"old"` // config/root as it was: with its key the new one can be undone
}

// discardTime bounds the deletion of a new key that is not used.
const discardTime = 10 * time.Second

// loadNext reads the new root key; nil when there is none. Without its names nothing can
// be done about it, and AWS would take an empty one for the caller's own.
func loadNext(ctx context.Context, s logical.Storage) (*nextKey, error) {
	n, err := engine.Load[nextKey](ctx, s, engine.KeyRootNext)
	if n != nil && (n.User == "" || n.AccessKey == "" || n.SecretKey == "" || n.Old.AccessKey == "") {
		return nil, fmt.Errorf("%s in storage lacks the user, the new key or the old one", engine.KeyRootNext)
	}
	return n, err
}

// establish sees a new key through, from wherever it stands. switched says that
// config/root was switched to it by this call; an error then is about what is left to do.
// Without either, the key was found switched already and is done with, or it was undone
// because config/root has been given another key.
func (r *Rotator) establish(ctx context.Context, s logical.Storage, n *nextKey, by cause) (switched bool, err error) {
	cfg, err := engine.LoadOr(ctx, s, engine.KeyRootConfig, engine.NewRootConfig)
	if err != nil {
		return false, err
	}
	if cfg.AccessKey == n.Old.AccessKey && n.Switched.IsZero() {
		if err := r.prove(ctx, cfg, n); err != nil {
			return false, r.unproven(ctx, s, n, by, err)
		}
		if cfg, switched, err = r.switchTo(ctx, s, n); err != nil {
			return false, fmt.Errorf("writing the new access key %s to config/root: %w", n.AccessKey, err)
		}
	}
	if cfg.AccessKey != n.AccessKey {
		return false, r.discard(ctx, s, n, by)
	}
	if by == bySchedule {
		if may, err := r.mayRetire(ctx, s, cfg, n); err != nil || !may {
			return switched, err
		}
	}
	return switched, r.retire(ctx, s, cfg, n)
}

// prove waits until AWS accepts the new key.
func (r *Rotator) prove(ctx context.Context, cfg *engine.RootConfig, n *nextKey) error {
	client, err := engine.OwnClient(ctx, cfg.WithKey(n.AccessKey, n.SecretKey))
	if err != nil {
		return err
	}
	return r.ProveKey(ctx, func(ctx context.Context) error { return client.Accepted(ctx, n.User) })
}

// unproven gives a key up that AWS has not accepted for longer than it ever takes.
func (r *Rotator) unproven(ctx context.Context, s logical.Storage, n *nextKey, by cause, why error) error {
	if r.Now().Sub(n.Made) < r.LagWindow {
		return &awscreds.NotAcceptedError{Err: fmt.Errorf(
			"AWS does not accept the new access key %s so far; the old one stays in use, and the engine tries again every minute: %w", n.AccessKey, why)}
	}
	why = &awscreds.NotAcceptedError{Err: fmt.Errorf("AWS never accepted the new access key %s; the old one stays in use: %w", n.AccessKey, why)}
	return errors.Join(why, r.discard(ctx, s, n, by))
}

// switchTo writes the new key to config/root, unless somebody has written another one
// meanwhile, and returns what config/root is then.
func (r *Rotator) switchTo(ctx context.Context, s logical.Storage, n *nextKey) (cfg *engine.RootConfig, switched bool, err error) {
	ctx, unlock, err := r.Locks.Lock(ctx, engine.LockConfigRoot)
	if err != nil {
		return nil, false, err
	}
	defer unlock()
	cfg, err = engine.LoadOr(ctx, s, engine.KeyRootConfig, engine.NewRootConfig)
	if err != nil || cfg.AccessKey != n.Old.AccessKey {
		return cfg, false, err
	}
	cfg = cfg.WithKey(n.AccessKey, n.SecretKey)
	// After a failed write as well, which may have been done all the same: both keys work.
	defer r.RekeyAWS(awscreds.Key{ID: n.AccessKey, Secret: n.SecretKey})
	return cfg, true, engine.Save(ctx, s, engine.KeyRootConfig, cfg)
}

// retire deletes the old key, with the new one, and forgets the records.
func (r *Rotator) retire(ctx context.Context, s logical.Storage, cfg *engine.RootConfig, n *nextKey) error {
	ctx, moment := r.Moment(ctx, engine.Asked{Path: pathRotate})
	client, err := engine.OwnClient(ctx, cfg)
	if err != nil {
		return err
	}
	if err := r.end(ctx, client, n.User, n.Old.AccessKey); err != nil {
		return fmt.Errorf("deleting the old access key %s: %w", n.Old.AccessKey, err)
	}
	if err := r.OpenTerm(ctx, s); err != nil { // which tells whether there was a gap to settle
		return err
	}
	if err := r.noteEnded(ctx, s, n); err != nil {
		return fmt.Errorf("writing down when the root key was rotated: %w", err)
	}
	if err := framework.DeleteWAL(ctx, s, n.Record); err != nil {
		return fmt.Errorf("forgetting the record of the new access key: %w", err)
	}
	if cfg, err = engine.LoadOr(ctx, s, engine.KeyRootConfig, engine.NewRootConfig); err != nil {
		return err
	}
	if cfg.AccessKey == n.Old.AccessKey { // somebody wrote it again while it was being deleted
		return fmt.Errorf("config/root was given the old access key %s again, which no longer exists", n.Old.AccessKey)
	}
	if err := s.Delete(ctx, engine.KeyRootNext); err != nil {
		return fmt.Errorf("forgetting the record of the new access key: %w", err)
	}
	moment.User, moment.AccessKey, moment.Account, moment.Took = n.User, n.AccessKey, n.Account.Number, r.Now().Sub(n.Made)
	moment.Observed = cfg.Observed()
	moment.Tell(engine.RootRotated, engine.Line{Level: hclog.Info, Text: "rotated the root key"}, "old_access_key", n.Old.AccessKey)
	return nil
}

// discard deletes the new key: with the old one, or with the new one itself if the old one
// is gone. The WAL's entry stays until AWS has had time to show what it may not show yet.
func (r *Rotator) discard(ctx context.Context, s logical.Storage, n *nextKey, by cause) error {
	if gap := r.GapAfter(n.Made); by == bySchedule && gap.Cautious(r.Now()) {
		return gap.WaitToDelete(fmt.Sprintf("The new access key %s of the IAM user %s, which is not used, stays until then. %s", n.AccessKey, n.User, instead))
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), discardTime) // the looks at the key may have taken all the time
	defer cancel()
	if err := r.ProveLeader(ctx, s); err != nil { // the next leader may have given it to config/root
		return err
	}
	var errs []error
	unknown := 0
	for _, cfg := range []*engine.RootConfig{&n.Old, n.Old.WithKey(n.AccessKey, n.SecretKey)} {
		client, err := engine.OwnClient(ctx, cfg)
		if err == nil {
			err = r.end(ctx, client, n.User, n.AccessKey)
		}
		if err == nil {
			r.Log.Warn("deleted a new root key that is not used", "iam_user", n.User, "access_key", n.AccessKey)
			return s.Delete(ctx, engine.KeyRootNext)
		}
		if awscreds.IsUnknownKey(err) {
			unknown++
		}
		errs = append(errs, err)
	}
	if unknown == len(errs) && r.Now().Sub(n.Made) >= r.LagWindow {
		r.Log.Warn("AWS knows neither the old root key nor the new one", "iam_user", n.User, "old", n.Old.AccessKey, "new", n.AccessKey)
		return s.Delete(ctx, engine.KeyRootNext)
	}
	return fmt.Errorf("deleting the new access key %s, which is not used: %w", n.AccessKey, errors.Join(errs...))
}
