// SPDX-License-Identifier: MPL-2.0

package users

// Entries of the WAL about IAM users: those of the built-in engine and the first edition,
// which wrote the name of a user there before AWS heard of it; and mirrors of our own records
// that are to end, which we write for the built-in engine. Nobody tells us that a mount is
// being handed back to it, and it reads no records.

import (
	"cmp"
	"context"
	"crypto/sha256"
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

	// walKindDevice is the kind of a walDevice.
	walKindDevice = "mfa_device"

	// lostAfter is how long a device is tried whose account lets the engine in no more: it may be closed.
	lostAfter = 30 * 24 * time.Hour

	// mirrorPrefix begins the IDs of mirrors; others are UUIDs.
	mirrorPrefix = "issued-"
)

// walUser is an IAM user that may exist.
type walUser struct {
	UserName string `json:"UserName"`
}

// walDevice is a virtual MFA device that the holder of a user's key made. The user is deleted, or
// has it no more, and AWS has kept the device: nothing in the account says whose it was.
type walDevice struct {
	Serial string `json:"serial"`
	// AssumeRole is how its account is reached, where it is not the one of config/root.
	AssumeRole engine.AssumeRole `json:"assume_role,omitzero"`
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

// deleteUser has AWS delete a user, and writes down what of it AWS has kept. An error says that
// the user may exist.
func (u *Users) deleteUser(ctx context.Context, s logical.Storage, c *awscreds.Client, user string, r *Record) (existed bool, err error) {
	existed, err = c.DeleteUser(ctx, user, r.owned())
	var left *awscreds.LeftError
	if !errors.As(err, &left) {
		return existed, err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanUpTime)
	defer cancel()
	for _, serial := range left.Devices {
		entry := &framework.WALEntry{Kind: walKindDevice, Data: walDevice{Serial: serial, AssumeRole: r.AssumeRole}, CreatedAt: u.Now().Unix()}
		if err := engine.Save(ctx, s, framework.WALPrefix+deviceID(serial), entry); err != nil {
			return existed, errors.Join(left, err)
		}
	}
	u.Log.Warn("AWS has kept virtual MFA devices of an IAM user; their deletion is tried again every minute", "iam_user", user, "devices", left.Devices, "error", left.Why)
	return existed, left.User
}

// deviceID is the ID of the entry of a device: one, however often its user is tried.
func deviceID(serial string) string { return fmt.Sprintf("device-%x", sha256.Sum256([]byte(serial))) }

// rollBackDevice deletes the device of an entry. It is the engine's to delete only in the account
// that its serial number, an ARN, names: another one does not have it.
func (u *Users) rollBackDevice(ctx context.Context, s logical.Storage, entry *framework.WALEntry) error {
	wal, err := engine.WALData[walDevice](entry)
	if err != nil {
		return err
	}
	number := awsrules.ARNAccount(wal.Serial)
	if number == "" {
		return fmt.Errorf("rolling back entry %s: it names no MFA device", entry.ID)
	}
	client, _, err := u.reach(ctx, s, wal.AssumeRole, "")
	if engine.IsNotAllowed(err) && u.Age(time.Unix(entry.CreatedAt, 0)) >= lostAfter {
		u.Log.Warn("the account of a virtual MFA device that AWS has kept lets the engine in no more; the device is given up", "device", wal.Serial, "error", err)
		return framework.DeleteWAL(ctx, s, entry.ID)
	}
	if err != nil {
		return err
	}
	here, err := client.AskAccount(ctx)
	if err != nil {
		return fmt.Errorf("rolling back virtual MFA device %s: %w", wal.Serial, err)
	}
	if here.Known() && here.Number != number {
		return nil // until config/root leads back
	}
	if err := u.ProveLeader(ctx, s); err != nil {
		return err
	}
	err = client.DeleteDevice(ctx, wal.Serial)
	switch {
	case awscreds.IsInUse(err) && u.Age(time.Unix(entry.CreatedAt, 0)) >= u.LagWindow:
		u.Log.Warn("a virtual MFA device that an IAM user of the engine's had is somebody else's now; it stays", "device", wal.Serial, "error", err)
	case err != nil:
		return fmt.Errorf("rolling back: %w", err)
	default:
		u.Log.Info("rolled back", "device", wal.Serial)
	}
	return framework.DeleteWAL(ctx, s, entry.ID)
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
