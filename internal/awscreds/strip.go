// SPDX-License-Identifier: MPL-2.0

package awscreds

// What a user owns beside what it was given is listed and removed. A virtual MFA device is not
// gone with that: it belongs to the account, and has to be deleted when no user has it.

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/iam"
)

// leftRounds is how often the deletion of a device is tried once its user is gone, before it is
// left to the caller.
const leftRounds = 3

// LeftError says what a user leaves in the account, where nothing names it any more: its virtual
// MFA devices. Whoever hears of them has to delete them, with [Client.DeleteDevice].
type LeftError struct {
	Devices []string // serial numbers
	Why     error
	User    error // why the user is not gone; nil where it is
}

func (e *LeftError) Error() string {
	return errors.Join(e.User, e.Why).Error()
}

// Unwrap returns what AWS said.
func (e *LeftError) Unwrap() error { return errors.Join(e.User, e.Why) }

// deletion is the end of one user.
type deletion struct {
	*Client
	user    string
	devices []device // virtual MFA devices of the user that are in the account, with it or without
}

type device struct {
	serial string
	err    error // why it is there
}

// strip lists everything that a user can own and removes it. The types are listed all at once,
// and all that was found is then removed at once.
func (d *deletion) strip(ctx context.Context) (listed, removed error) {
	found := make([][]string, len(resources))
	lists := make([]change, len(resources))
	for i, r := range resources {
		lists[i] = func(ctx context.Context) error {
			err := d.lacks.unless("list "+r.name, func() (err error) {
				found[i], err = r.list(ctx, d.iam, d.user)
				return err
			})
			if err != nil && !isNotFound(err) && !isLack(err) {
				return fmt.Errorf("listing the %s of %s: %w", r.plural, d.user, err)
			}
			return nil
		}
	}
	listed = d.makeAll(ctx, lists)
	var removals []change
	for i, r := range resources {
		for _, id := range found[i] {
			removals = append(removals, d.removal(r, d.user, id))
			if r.name == mfaDevices.name && isVirtual(id) && !slices.ContainsFunc(d.devices, func(one device) bool { return one.serial == id }) {
				d.devices = append(d.devices, device{serial: id})
			}
		}
	}
	removed = d.makeAll(ctx, removals)
	d.deleteDevices(ctx)
	return listed, removed
}

// isVirtual reports whether an MFA device is a virtual one: its serial number is an ARN of type
// mfa (IAM API Reference, DeleteVirtualMFADevice).
func isVirtual(serial string) bool { return strings.Contains(serial, ":mfa/") }

// deleteDevices deletes the virtual MFA devices. AWS does not delete one that a user has
// (DeleteConflict).
func (d *deletion) deleteDevices(ctx context.Context) {
	changes := make([]change, len(d.devices))
	for i := range d.devices {
		one := &d.devices[i]
		changes[i] = func(ctx context.Context) error {
			one.err = d.DeleteDevice(ctx, one.serial)
			return nil // which is told in the end
		}
	}
	_ = d.makeAll(ctx, changes)
	d.devices = slices.DeleteFunc(d.devices, func(one device) bool { return one.err == nil })
}

// finish deletes what the user, which is gone, has left.
func (d *deletion) finish(ctx context.Context) error {
	for round := range leftRounds {
		if len(d.devices) == 0 || round > 0 && !rest(ctx, firstPause<<(round-1)) {
			break
		}
		d.deleteDevices(ctx)
	}
	return d.left(nil)
}

// left is the error of a deletion that has left devices. One that a user still has, which is
// not gone, is found with it.
func (d *deletion) left(user error) error {
	left := &LeftError{User: user}
	for _, one := range d.devices {
		if user == nil || Code(one.err) != codeDeleteConflict {
			left.Devices, left.Why = append(left.Devices, one.serial), errors.Join(left.Why, one.err)
		}
	}
	if len(left.Devices) == 0 {
		return user
	}
	return left
}

// DeleteDevice deletes a virtual MFA device that no user has. One that is gone is no error.
func (c *Client) DeleteDevice(ctx context.Context, serial string) error {
	err := c.lacks.unless("delete device", func() error {
		_, err := c.iam.DeleteVirtualMFADevice(ctx, &iam.DeleteVirtualMFADeviceInput{SerialNumber: &serial})
		return err
	})
	if err != nil && !isNotFound(err) && !isLack(err) {
		return fmt.Errorf("deleting virtual MFA device %s: %w", serial, err)
	}
	return nil
}
