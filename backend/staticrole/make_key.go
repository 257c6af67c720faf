// SPDX-License-Identifier: MPL-2.0

package staticrole

// How a static role gets a new key. AWS allows a user two keys, so the order matters:
// what is in the way goes, the new key is made, and it counts once it is stored. A
// record in the WAL stands for the key that may exist meanwhile.

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

// keyTime bounds a change of a key, which goes on when its client has left: between
// an old key that is gone and a new one that is not stored is no place to stop. swapTime is
// AWS's part of it: what it made has to be stored.
const (
	keyTime  = 45 * time.Second
	swapTime = 35 * time.Second
)

// maker makes the keys of static roles.
type maker struct {
	*engine.Mount
	accounts  *accounts
	gaps      *gaps
	leftovers *leftovers
	promises  *promises
}

// keyChange is a static role that gets a new key.
type keyChange struct {
	role    *role
	old     *creds // nil: none yet
	replace string // a key that is not the role's and that may go; or ""
	// scheduled says that nobody asked for it.
	scheduled bool
	// commit stores the new key. If it fails, the new key goes again, unless storage
	// has it all the same.
	commit func(ctx context.Context, c *creds) error
}

// keyPlan is what a change of a key finds, and what it will do.
type keyPlan struct {
	client *awscreds.Client
	stored *creds             // as storage has it; nil: none yet
	keys   []awscreds.KeyInfo // of the user
	goes   []string           // the keys that make room
	others []string           // those that are somebody else's
	ending bool               // the role's own key goes before there is another one
}

// plan looks at the user and says what a change of its key will do.
func (m *maker) plan(ctx context.Context, s logical.Storage, ch *keyChange) (*keyPlan, error) {
	r, p := ch.role, &keyPlan{stored: ch.old}
	var err error
	if p.client, err = m.accounts.clientOf(ctx, s, r.AssumeRole); err != nil {
		return nil, err
	}
	if err := m.OpenTerm(ctx, s); err != nil {
		return nil, err
	}
	strays, err := m.leftovers.settle(ctx, s, r, ch.scheduled)
	if err != nil {
		return nil, err
	}
	var info awscreds.UserInfo
	if info, p.keys, err = m.accounts.keysOf(ctx, s, p.client, r.iamUser()); err != nil {
		return nil, err
	}
	r.In = p.client.KnownAccount() // which has the user
	if err := m.accounts.stillAdoptable(ctx, s, r, info, append(idsOf(p.keys), ch.old.keys()...)); err != nil {
		return nil, err
	}
	if ch.old = ch.old.withBuiltIn(r, p.keys); ch.scheduled {
		if err := m.gaps.strangers(r, ch.old, p.keys); err != nil {
			return nil, err
		}
	}
	ch.old = ch.old.withForgotten(r, p.keys, m.Decided(), m.Now())
	if err := ch.spare(strays, p.keys); err != nil {
		return nil, err
	}
	if p.goes, p.others, err = ch.room(p.keys); err != nil {
		return nil, err
	}
	p.others = without(p.others, strays)
	if gap := m.gaps.of(p.stored); ch.scheduled && len(p.goes) > 0 && gap.Cautious(m.Now()) {
		m.takeBackEnding(ctx, s, r, p)
		return nil, gap.WaitToDelete(instead(r))
	}
	if err := m.promises.keep(ctx, s, *ch, p); err != nil {
		return nil, err
	}
	p.ending = p.stored != nil && (slices.Contains(p.goes, ch.old.AccessKey) || slices.Contains(p.goes, p.stored.AccessKey))
	return p, nil
}

// make gives a static role a new key. The caller holds the role's lock.
func (m *maker) make(ctx context.Context, s logical.Storage, ch keyChange) (*creds, error) {
	p, err := m.plan(ctx, s, &ch)
	if err != nil {
		return nil, err
	}
	r := ch.role
	if p.ending {
		m.Log.Warn("ending a key before the next one is made: another key of the user leaves no room", "static_role", r.Name, "iam_user", r.Username, "other_access_keys", p.others)
		if err := m.noteEnding(ctx, s, r, p.stored); err != nil {
			return nil, err
		}
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), keyTime)
	defer cancel()
	w := &walKey{Role: r.Name, Username: r.Username, UserID: r.ID, Keep: idsOf(p.keys), Made: m.Now().UTC(), AssumeRole: r.AssumeRole, In: r.In}
	walID, err := framework.PutWAL(ctx, s, WALKind, w)
	if err != nil {
		if p.ending {
			m.noteKept(ctx, s, r, p.stored)
		}
		return nil, err
	}
	c, ended, err := m.swap(ctx, p.client, ch, p.goes)
	if err == nil {
		c.OtherKeys, c.Settled = p.others, m.gaps.settled(p.stored, ch.scheduled)
		c.await(r, p.stored.working(r, p.keys, m.Now(), m.LagWindow))
		err = ch.commit(ctx, c)
	}
	if err != nil {
		if p.ending && !slices.Contains(ended, p.stored.AccessKey) {
			m.noteKept(ctx, s, r, p.stored)
		}
		return nil, m.abandonKey(ctx, s, walID, w, c, err)
	}
	if err := framework.DeleteWAL(ctx, s, walID); err != nil {
		m.Log.Warn("a record outlives the key that it was for; the rollback will remove it", "static_role", r.Name, "error", err)
	}
	return c, nil
}

// noteEnding writes down that a key is about to go before there is another one. Whatever
// happens in between, the next tick makes one, due or not.
func (m *maker) noteEnding(ctx context.Context, s logical.Storage, r *role, c *creds) error {
	ending := *c
	ending.Ending, ending.EndingSince = true, m.Now().UTC()
	return engine.Save(ctx, s, engine.PrefixStaticCreds+r.Name, &ending)
}

// takeBackEnding has a key be handed out again that was about to go when the process ended, and that AWS lists longer after
// than it ever lists a key that is gone: the change of it waits now.
func (m *maker) takeBackEnding(ctx context.Context, s logical.Storage, r *role, p *keyPlan) {
	if p.stored == nil || !p.stored.Ending || p.stored.EndingSince.IsZero() || m.Now().Sub(p.stored.EndingSince) < m.LagWindow {
		return
	}
	if !slices.ContainsFunc(p.keys, func(k awscreds.KeyInfo) bool { return k.Active && k.ID == p.stored.AccessKey }) {
		return
	}
	kept := *p.stored
	kept.Ending, kept.EndingSince = false, time.Time{}
	m.noteKept(ctx, s, r, &kept)
}

// noteKept takes back what noteEnding wrote: AWS certainly did not delete the key.
func (m *maker) noteKept(ctx context.Context, s logical.Storage, r *role, c *creds) {
	if err := engine.Save(ctx, s, engine.PrefixStaticCreds+r.Name, c); err != nil {
		m.Log.Warn("writing down that a static role has kept its key; it is not handed out until the next rotation", "static_role", r.Name, "error", err)
	}
}

// swap deletes what is in the way and makes the new key. ended are the keys that may be gone.
// When AWS may have made a key that nobody knows, it returns a key without an ID.
func (m *maker) swap(ctx context.Context, client *awscreds.Client, ch keyChange, goes []string) (c *creds, ended []string, err error) {
	ctx, cancel := context.WithTimeout(ctx, swapTime)
	defer cancel()
	for _, id := range goes {
		err := client.DeleteKey(ctx, ch.role.Username, id)
		var kept *awscreds.KeyKeptError
		if !errors.As(err, &kept) {
			ended = append(ended, id)
		}
		if err != nil {
			return nil, ended, err
		}
	}
	key, certain, err := client.MakeKey(ctx, ch.role.Username, len(goes) > 0)
	if err != nil {
		if certain {
			return nil, ended, err
		}
		return &creds{}, ended, err
	}
	now := m.Now().UTC()
	c = &creds{AccessKey: key.ID, SecretKey: key.Secret, LastRotated: now, Expiration: ch.role.Next(now, now)}
	// AWS may not have listed it: what was not deleted is taken to be there.
	if ch.old != nil && !slices.Contains(goes, ch.old.AccessKey) {
		c.PreviousKey = ch.old.AccessKey
	}
	return c, ended, nil
}

// abandonKey cleans up after a change that failed, and returns why it failed.
func (m *maker) abandonKey(ctx context.Context, s logical.Storage, walID string, w *walKey, made *creds, cause error) error {
	settled := made == nil // AWS certainly made none
	if !settled {
		var strays []stray
		var err error
		if settled, strays, err = m.leftovers.rollBackKey(ctx, s, w, made.AccessKey); err != nil {
			m.Log.Error("cleaning up after a key that could not be made; the rollback will go on", "static_role", w.Role, "iam_user", w.Username, "error", err)
			return fmt.Errorf("%w; the IAM user %s may have a new key, which will be deleted when AWS allows it", cause, w.Username)
		}
		if len(strays) > 0 {
			return fmt.Errorf("%w; the IAM user %s has a new key, %s, which is deleted at %s unless AWS says by then that somebody uses it",
				cause, w.Username, strays[0].id, engine.Stamp(strays[0].judged))
		}
	}
	if !settled {
		return cause // AWS may not show the key yet: the record stays
	}
	if err := framework.DeleteWAL(ctx, s, walID); err != nil {
		m.Log.Warn("a record outlives the key that it was for; the rollback will remove it", "static_role", w.Role, "error", err)
	}
	return cause
}
