// SPDX-License-Identifier: MPL-2.0

package e2e

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

// This file is what must hold in every mount after a crash, whatever was interrupted.

// mounted is a mount of the engine, and the account that it works in.
type mounted struct {
	mount   string
	uuid    string // of the mount's storage
	account *fakeaws.Server
}

// homeAccount is the account of config/root, and farAccount another that a role of a mount leads to, by farHub.
const (
	homeAccount = "123456789012"
	farAccount  = "210987654321"
	farHub      = "arn:aws:iam::" + farAccount + ":role/hub"
)

// users are those of ours in both accounts, whose names are unique in the mount.
func (m *mounted) users() []string {
	return slices.Concat(m.account.Users(), m.account.Account(farAccount).Users())
}

// findStorage asks where the mount's storage is.
func (m *mounted) findStorage(v *server) error {
	is, err := v.demand(http.MethodGet, "sys/mounts/"+m.mount, nil)
	m.uuid, _ = is.data("uuid").(string)
	return err
}

// findings are what is wrong in a mount, one line each.
type findings struct {
	dead   []string // leases without a user, or whose key does not work
	lonely []string // users without a lease or a record
	ending []string // users without a lease whose record says when they go at the latest
	orphan []string // users that tidy was asked to delete
	stray  []string // keys that a rotation may have left, and what they stand in the way of
	other  []string
}

// well says that nothing is wrong and nothing is left to do.
func (f findings) well() bool { return f.settled() && len(f.stray) == 0 }

// settled is well, while AWS cannot tell yet whether a key that a rotation may have left is in use.
func (f findings) settled() bool {
	return len(f.dead)+len(f.lonely)+len(f.ending)+len(f.orphan)+len(f.other) == 0
}

// left is what is left to do.
func (f findings) left() zeros {
	return zeros{left: len(f.ending) + len(f.lonely) + len(f.orphan), other: len(f.stray) + len(f.other)}
}

// zeros count what must be 0 in the end.
type zeros struct{ dead, lonely, left, other int }

func (z *zeros) add(o zeros) {
	z.dead, z.lonely, z.left, z.other = z.dead+o.dead, z.lonely+o.lonely, z.left+o.left, z.other+o.other
}

func (z zeros) String() string {
	return fmt.Sprintf("%d leases without a user, %d users without a lease or a record, %d users left once the last moments have passed, %d other things left",
		z.dead, z.lonely, z.left, z.other)
}

func (f findings) String() string {
	var lines []string
	for what, found := range map[string][]string{
		"lease without a user": f.dead, "user without a lease or a record": f.lonely, "user without a lease, with a record": f.ending,
		"user left by tidy": f.orphan, "key of nobody": f.stray, "besides": f.other,
	} {
		for _, one := range found {
			lines = append(lines, what+": "+one)
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n\t\t")
}

// look looks at all leases, users and records of the mount. keyOf says what the holder of a lease has, and whether the
// lease is being revoked: then it may lose its user at any moment.
func (m *mounted) look(v *server, keyOf func(*liveLease) (key fakeaws.Key, ending bool)) (f findings, err error) {
	before := m.users()
	leases, err := v.storedLeases(m.mount)
	if err != nil {
		return f, err
	}
	written, others, err := v.storedRecords(m.uuid)
	if err != nil {
		return f, err
	}
	with := map[string]bool{}
	for _, l := range leases {
		with[l.user()] = true
		key, ending := keyOf(l)
		wrong := m.wrongLease(v.t.Context(), l, key, ending, written)
		if wrong == "" {
			continue
		}
		// It may have ended between the two looks.
		if still, err := v.stored("sys/expire/id/"+l.ID, l); err != nil || still && l.ExpireTime.After(time.Now()) {
			f.dead = append(f.dead, l.ID+": "+wrong)
		}
	}
	for _, user := range m.users() {
		ends, known := written[user]
		switch {
		case with[user] || !slices.Contains(before, user): // a new one is looked at next time
		case known:
			f.ending = append(f.ending, fmt.Sprintf("%s (%s)", user, ends))
		default:
			f.lonely = append(f.lonely, user)
		}
	}
	if others > 0 {
		f.stray = append(f.stray, fmt.Sprintf("%d records of keys in the WAL", others))
	}
	for user := range written {
		if !with[user] && !slices.Contains(before, user) {
			f.other = append(f.other, "a record of the user "+user+", which is gone")
		}
	}
	return f, nil
}

// wrongLease says what is wrong with a lease; "" is nothing.
func (m *mounted) wrongLease(ctx context.Context, l *liveLease, key fakeaws.Key, ending bool, written records) string {
	switch {
	case l.RevokeErr != "":
		return "it is irrevocable: " + l.RevokeErr
	case !l.ExpireTime.After(time.Now()), ending:
		return ""
	case !slices.Contains(m.users(), l.user()):
		return "its user " + l.user() + " is not in AWS"
	}
	who, err := m.whoIs(ctx, key)
	if err != nil || who != l.user() {
		return fmt.Sprintf("its key %s of %s is %q's: %v", key.AccessKeyID, l.user(), who, err)
	}
	if ends, known := written[l.user()]; !known || ends.Add(sweepGrace).Before(l.ExpireTime) {
		return fmt.Sprintf("it may live until %s, and its user's record says %s", l.ExpireTime, ends)
	}
	return ""
}

// whoIs asks STS whose a key is.
func (m *mounted) whoIs(ctx context.Context, key fakeaws.Key) (string, error) {
	arn, err := fakeaws.Client{Endpoint: m.account.URL(), Key: key}.CallerARN(ctx)
	return arn[strings.LastIndexByte(arn, '/')+1:], err
}
