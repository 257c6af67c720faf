// SPDX-License-Identifier: MPL-2.0

package users

// Entries of the WAL about IAM users: those of the built-in engine and the first edition,
// which wrote the name of a user there before AWS heard of it; and mirrors of our own records
// that are to end, which we write for the built-in engine. Nobody tells us that a mount is
// being handed back to it, and it reads no records.

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/vault/sdk/framework"
	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/awsrules"
	"vault-plugin-secrets-aws-dyn/backend/engine"
	"vault-plugin-secrets-aws-dyn/internal/awscreds"
)

const (
	// walKindUser is the kind of a walUser, as the built-in engine calls it.
	walKindUser = "user"

	// mirrorPrefix begins the IDs of mirrors; others are UUIDs.
	mirrorPrefix = "issued-"
)

// walUser is an IAM user that may exist.
type walUser struct {
	UserName string `json:"UserName"`
}

// mirrorID is the ID of the mirror of a user's record.
func mirrorID(user string) string { return mirrorPrefix + keyOf(user) }

// mirror writes an entry for each record that is to end, where the name proves the user and
// it is of the account that config/root leads to: that name is all that the built-in engine
// would go by.
func (u *Users) mirror(ctx context.Context, s logical.Storage) error {
	return engine.Each(ctx, u.Mount, sweepsAtOnce, u.index.unmirrored(), nil, func(ctx context.Context, user string) error {
		r, err := load(ctx, s, user)
		if engine.IsUnreadable(err) {
			return nil // the sweep says so
		}
		if err != nil || r == nil {
			return err
		}
		switch {
		case !r.provenByName(), r.AssumeRole.IsSet(): // the built-in engine would look in the account of config/root
			u.index.mirrored(user) // it never will be
			return nil
		case !u.isHere(r): // until config/root leads back
			return nil
		}
		entry := &framework.WALEntry{Kind: walKindUser, Data: walUser{UserName: user}, CreatedAt: r.Issued.Unix()}
		if err := engine.Save(ctx, s, framework.WALPrefix+mirrorID(user), entry); err != nil {
			return err
		}
		u.index.mirrored(user)
		return nil
	})
}

// isHere reports whether a record is of the account that config/root leads to, or of one that
// nobody knows.
func (u *Users) isHere(r *Record) bool {
	client := u.KnownClient()
	return !r.Account.Known() || client == nil || !client.KnownAccount().Known() || r.Account.Same(client.KnownAccount())
}

// dropMirror removes the mirror of a record, if there is one.
func dropMirror(ctx context.Context, s logical.Storage, user string) error {
	return s.Delete(ctx, framework.WALPrefix+mirrorID(user))
}

// RollBack ends what entries of the WAL stand for. Keys are their rooms' to roll back.
func (u *Users) RollBack(ctx context.Context, s logical.Storage, immediate bool) error {
	ids, err := framework.ListWAL(ctx, s)
	if err != nil {
		return fmt.Errorf("listing what to roll back: %w", err)
	}
	var mu sync.Mutex // guards entries
	var entries []*framework.WALEntry
	errs := []error{engine.Each(ctx, u.Mount, readsAtOnce, ids, nil, func(ctx context.Context, id string) error {
		entry, err := engine.ReadWAL(ctx, s, id)
		if err != nil || entry == nil {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		entries = append(entries, entry)
		return nil
	})}
	slices.SortFunc(entries, func(a, c *framework.WALEntry) int { return cmp.Compare(a.ID, c.ID) })
	for _, left := range engine.EachByAccount(ctx, u.Mount, sweepsAtOnce, entries, accountOfEntry, nil, func(ctx context.Context, entry *framework.WALEntry) error {
		return u.rollBackEntry(ctx, s, entry, immediate)
	}) {
		errs = append(errs, left.Errs...)
	}
	return errors.Join(errs...)
}

// accountOfEntry is the account that what an entry stands for is in; empty for the one of config/root.
func accountOfEntry(entry *framework.WALEntry) string {
	way, err := engine.WALData[struct {
		engine.AssumeRole                   // of the key of a static role
		Device            engine.AssumeRole `json:"assume_role"`
	}](entry)
	if err != nil {
		return ""
	}
	return cmp.Or(way.Account(), way.Device.Account())
}

// rollBackEntry ends what one entry stands for.
func (u *Users) rollBackEntry(ctx context.Context, s logical.Storage, entry *framework.WALEntry, immediate bool) error {
	switch entry.Kind {
	case walKindUser:
		return u.rollBackUser(ctx, s, entry, immediate)
	case walKindDevice:
		return u.rollBackDevice(ctx, s, entry)
	}
	if other, known := u.o.RollBack[entry.Kind]; known {
		if other == nil {
			return nil
		}
		return other(ctx, s, entry, immediate)
	}
	return fmt.Errorf("rolling back entry %s: its kind, %q, is not known", entry.ID, entry.Kind)
}

// rollBackUser ends the IAM user of an entry of the built-in engine or the first edition.
func (u *Users) rollBackUser(ctx context.Context, s logical.Storage, entry *framework.WALEntry, immediate bool) error {
	wal, err := engine.WALData[walUser](entry)
	if err != nil {
		return err
	}
	user, began := wal.UserName, time.Unix(entry.CreatedAt, 0)
	if user == "" {
		return fmt.Errorf("rolling back entry %s: it names no user", entry.ID)
	}
	ctx, unlock, ok := u.Locks.TryLock(ctx, engine.LockRecord(user))
	if !ok {
		return nil
	}
	defer unlock()
	record, err := load(ctx, s, user)
	if err != nil && !engine.IsUnreadable(err) {
		return err
	}
	switch {
	case record != nil && record.AssumeRole.IsSet():
		record = nil // of another account than all that has such entries
	case record != nil && strings.HasPrefix(entry.ID, mirrorPrefix):
		return nil // the record's end is its own
	case record != nil && record.Issued.Unix() < entry.CreatedAt:
		return framework.DeleteWAL(ctx, s, entry.ID) // of an earlier user, whom a lease has
	}
	r := &Record{Ending: u.Now(), Issued: began, Random: awsrules.RandomIn(user)}
	v, err := u.end(ctx, s, user, r)
	if err != nil {
		return fmt.Errorf("rolling back IAM user %s: %w", user, err)
	}
	switch {
	case v.ending == endOtherAccount:
		return v.why
	case v.ending == endNotOurs && awscreds.IsRefused(v.why):
		return fmt.Errorf("rolling back IAM user %s: %w", user, v.why) // until AWS lets us look
	case v.ending == endNotOurs:
		u.Log.Warn("an entry of the WAL names an IAM user that may be somebody else's; the user stays, and the entry goes", "iam_user", user, "why", v.why)
	case v.ending == endAgain && !immediate:
		return nil
	}
	if record != nil {
		if err := engine.IgnoreReadOnly(u.dropRecord(ctx, s, user, record.pending())); err != nil {
			return err
		}
	}
	if err := framework.DeleteWAL(ctx, s, entry.ID); err != nil {
		return fmt.Errorf("forgetting IAM user %s, which is gone: %w", user, err)
	}
	u.Log.Info("rolled back", "iam_user", user)
	return nil
}

// nameInWAL reports whether an entry of the WAL is about the user of a name.
func (reg *register) nameInWAL(ctx context.Context, s logical.Storage, user string) (bool, error) {
	ids, err := framework.ListWAL(ctx, s)
	if err != nil {
		return false, err
	}
	for _, id := range ids {
		entry, err := engine.ReadWAL(ctx, s, id)
		if engine.IsUnreadable(err) {
			continue
		}
		if err != nil {
			return false, err
		}
		if entry == nil || entry.Kind != walKindUser {
			continue
		}
		if wal, err := engine.WALData[walUser](entry); err == nil && strings.EqualFold(wal.UserName, user) {
			return true, nil
		}
	}
	return false, nil
}

// mayBeMirrored reports whether an entry of the WAL may stand for the record of a user, as far
// as memory knows.
func (reg *register) mayBeMirrored(user string) bool {
	e, known := reg.index.get(user)
	return !known || e.pending
}
