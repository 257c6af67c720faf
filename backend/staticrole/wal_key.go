// SPDX-License-Identifier: MPL-2.0

package staticrole

// A key of a static role that may exist and is stored nowhere: how it is written down,
// and how it ends.

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

// WALKind is the kind of a walKey.
const WALKind = "static_key"

// AWS makes a key when it is asked to, or soon after. One that is older than the record
// was there before, one that is much younger was made by somebody since. Servers'
// clocks differ by up to clockSlack.
const (
	clockSlack = 2 * time.Minute
	lateKey    = 2 * time.Minute
)

// leftovers end the keys that a change of a static role's key may have left in AWS.
type leftovers struct {
	*engine.Mount
	accounts *accounts
}

// walKey is a key that may exist. It never holds a secret.
type walKey struct {
	Role     string   `json:"role"`
	Username string   `json:"username"`
	UserID   string   `json:"id"`
	Keep     []string `json:"keep"` // the keys that were there before
	// AccessKey is the ID where it is known. The engine itself has used the key then, to see
	// whether AWS accepts it.
	AccessKey string    `json:"access_key,omitempty"`
	Made      time.Time `json:"made"`
	engine.AssumeRole
	In awscreds.Account `json:"aws_account,omitzero"`
}

// mayBe reports whether a key of some age may be the one that the record stands for.
func (w *walKey) mayBe(key awscreds.KeyInfo, now time.Time) bool {
	age := now.Sub(w.Made)
	return !slices.Contains(w.Keep, key.ID) && key.Age <= age+clockSlack && key.Age >= age-clockSlack-lateKey
}

// walKeyOf reads an entry of the WAL.
func walKeyOf(entry *framework.WALEntry) (*walKey, error) {
	w, err := engine.WALData[walKey](entry)
	switch {
	case err != nil:
		return nil, err
	case engine.CheckRoleName(w.Role) != nil || w.Username == "":
		return nil, fmt.Errorf("rolling back entry %s: it names no key of a static role", entry.ID)
	}
	return &w, nil
}

// RollBack ends an entry of the WAL, unless a request stands behind it.
func (k *Keeper) RollBack(ctx context.Context, s logical.Storage, entry *framework.WALEntry, immediate bool) error {
	_, err := k.leftovers.rollBack(ctx, s, entry, immediate)
	return err
}

// rollBack is RollBack, and tells which keys it cannot judge yet.
func (l *leftovers) rollBack(ctx context.Context, s logical.Storage, entry *framework.WALEntry, immediate bool) (strays []stray, err error) {
	w, err := walKeyOf(entry)
	if err != nil {
		return nil, err
	}
	ctx, unlock, ok := l.Locks.TryLock(ctx, engine.LockStaticRole(w.Role))
	if !ok {
		return nil, nil
	}
	defer unlock()
	if !immediate && l.GapAfter(w.Made).Cautious(l.Now()) {
		return nil, nil // the original of this storage may have gone on with that key
	}
	// Read again: the request may have ended well since the first look.
	if entry, err = engine.ReadWAL(ctx, s, entry.ID); err != nil || entry == nil {
		return nil, err
	}
	return l.settleEntry(ctx, s, entry.ID, w, immediate)
}

// settle ends what is left of earlier changes of the keys of a role's user, so that a
// stray key is not taken for a customer's. strays are the keys that cannot be judged yet. The caller
// holds the role's lock.
func (l *leftovers) settle(ctx context.Context, s logical.Storage, r *role, scheduled bool) (strays []stray, err error) {
	ids, err := framework.ListWAL(ctx, s)
	if err != nil {
		return nil, err
	}
	for _, id := range ids {
		entry, err := engine.ReadWAL(ctx, s, id)
		if err != nil && !engine.IsUnreadable(err) {
			return nil, err
		}
		if entry == nil || entry.Kind != WALKind {
			continue // the rollback tells what it cannot read
		}
		var found []stray
		w, err := walKeyOf(entry)
		switch {
		case err != nil || w.Username != r.Username || w.UserID != "" && r.ID != "" && w.UserID != r.ID: // of a namesake, perhaps in another account
			err = nil
		case scheduled && l.GapAfter(w.Made).Cautious(l.Now()):
		case w.Role == r.Name:
			found, err = l.settleEntry(ctx, s, id, w, false)
		default:
			found, err = l.rollBack(ctx, s, entry, false)
		}
		if err != nil {
			return nil, err
		}
		strays = append(strays, found...)
	}
	return strays, nil
}

func (l *leftovers) settleEntry(ctx context.Context, s logical.Storage, id string, w *walKey, immediate bool) (strays []stray, err error) {
	settled, strays, err := l.rollBackKey(ctx, s, w, "")
	var elsewhere *engine.OtherAccountError
	age := l.Now().Sub(w.Made)
	if errors.As(err, &elsewhere) && age >= l.LagWindow || engine.IsNotAllowed(err) && age >= engine.LostAfter {
		if r, missing := loadRole(ctx, s, w.Role); r == nil && missing == nil { // it was deleted by force
			l.Log.Warn("a key of a static role that was deleted may be left in another account", "static_role", w.Role, "iam_user", w.Username, "account", w.In.String(), "error", err)
			return nil, framework.DeleteWAL(ctx, s, id)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("rolling back a key of IAM user %s: %w", w.Username, err)
	}
	switch {
	case immediate: // storage goes, and nobody will judge them
		for _, key := range strays {
			l.Log.Warn("a key that a failed rotation seems to have left stays, since AWS cannot tell yet whether somebody uses it", "static_role", w.Role, "iam_user", w.Username, "access_key", key.id)
		}
	case len(strays) > 0:
		return strays, nil
	case !settled && l.Now().Sub(w.Made) < l.LagWindow:
		return nil, nil // AWS may not show it yet; look again
	}
	return nil, framework.DeleteWAL(ctx, s, id)
}

// wayNow is how the role of a record reaches the same account now, if it does.
func wayNow(ctx context.Context, s logical.Storage, w *walKey) ([]engine.AssumeRole, error) {
	r, err := loadRole(ctx, s, w.Role)
	if err != nil || r == nil || !r.IsSet() || r.Account() != w.Account() {
		return nil, err
	}
	return []engine.AssumeRole{r.Named(defaultSession)}, nil
}

// rollBackKey deletes the key that a record stands for, unless it is stored as a key of
// a role: then it is nobody's stray. known is its ID, or "" where nobody has heard
// it. settled says that there is nothing more to look for; strays are to be judged later.
func (l *leftovers) rollBackKey(ctx context.Context, s logical.Storage, w *walKey, known string) (settled bool, strays []stray, err error) {
	recorded, err := recordedKeys(ctx, s, w)
	if err != nil || known != "" && slices.Contains(recorded, known) {
		return err == nil, nil, err
	}
	client, _, err := l.Reach(ctx, s, w.Named(defaultSession), func() ([]engine.AssumeRole, error) { return wayNow(ctx, s, w) })
	if err != nil {
		return false, nil, err
	}
	if known != "" {
		settled, err = l.accounts.endKey(ctx, s, client, w.iamUser(), known)
		return settled, nil, err
	}
	own, err := engine.OwnKeys(ctx, s)
	if err != nil {
		return false, nil, err
	}
	_, keys, err := l.accounts.keysOf(ctx, s, client, w.iamUser())
	var other *engine.UserError
	if awscreds.IsNotFound(err) || errors.As(err, &other) {
		return true, nil, nil // the user is gone, and its keys with it
	}
	if err != nil {
		return false, nil, err
	}
	now := l.Now()
	for _, key := range keys {
		switch {
		case !w.mayBe(key, now), slices.Contains(own, key.ID):
			continue
		case w.AccessKey != "" && key.ID != w.AccessKey: // the record means another key
			continue
		case slices.Contains(recorded, key.ID):
			settled = true
			continue
		case w.AccessKey == "":
			ends, later, err := l.judge(ctx, client, w, key)
			if err != nil {
				return false, nil, err
			}
			if strays = append(strays, later...); !ends {
				continue
			}
		}
		if settled, err = client.EndKey(ctx, w.Username, key.ID); err != nil {
			return false, nil, err
		}
		l.Log.Info("rolled back a key", "static_role", w.Role, "iam_user", w.Username, "access_key", key.ID)
	}
	return settled, strays, nil
}

// recordedKeys are the keys that are stored for roles of the user of a record. Where its own role
// is gone, what is stored for it was not finished, and goes.
func recordedKeys(ctx context.Context, s logical.Storage, w *walKey) ([]string, error) {
	r, err := loadRole(ctx, s, w.Role)
	if err != nil {
		return nil, err
	}
	if r == nil {
		if err := s.Delete(ctx, engine.PrefixStaticCreds+w.Role); err != nil {
			return nil, err
		}
	}
	var keys []string
	err = eachRole(ctx, s, func(name string, r *role, err error) error {
		if err != nil || r.ID != w.UserID {
			return nil //nolint:nilerr // of a role that nobody can read nothing is known, as before
		}
		c, err := engine.Load[creds](ctx, s, engine.PrefixStaticCreds+name)
		keys = append(keys, c.keys()...)
		return err
	})
	return keys, err
}
