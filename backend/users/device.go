// SPDX-License-Identifier: MPL-2.0

package users

// Virtual MFA devices that AWS has kept of a user who is gone: each has an entry in the WAL, until AWS deletes it.

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/vault/sdk/framework"
	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/awsrules"
	"vault-plugin-secrets-aws-dyn/backend/engine"
	"vault-plugin-secrets-aws-dyn/internal/awscreds"
)

// walKindDevice is the kind of a walDevice.
const walKindDevice = "mfa_device"

// walDevice is a virtual MFA device that the holder of a user's key made. The user is deleted, or
// has it no more, and AWS has kept the device: nothing in the account says whose it was.
type walDevice struct {
	Serial string `json:"serial"`
	// AssumeRole is how its account is reached, where it is not the one of config/root.
	AssumeRole engine.AssumeRole `json:"assume_role,omitzero"`
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
	if engine.IsNotAllowed(err) && u.Age(time.Unix(entry.CreatedAt, 0)) >= engine.LostAfter {
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
