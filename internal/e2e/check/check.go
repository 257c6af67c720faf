// SPDX-License-Identifier: MPL-2.0

// Package check says what must hold in every mount after a crash, whatever was interrupted.
package check

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"vault-plugin-secrets-aws-dyn/internal/e2e/server"
	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

// SweepGrace is the stepping plugin's -sweep-grace. It has to cover the time from when a record is written until Vault
// counts the lease from: on a machine that is busy with a thousand mounts, seconds.
const SweepGrace = 20 * time.Second

// Mounted is a mount of the engine, and the account that it works in.
type Mounted struct {
	Mount   string
	UUID    string // of the mount's storage
	Account *fakeaws.Server
}

// HomeAccount is the account of config/root, and FarAccount another that a role of a mount leads to, by FarHub.
const (
	HomeAccount = "123456789012"
	FarAccount  = "210987654321"
	FarHub      = "arn:aws:iam::" + FarAccount + ":role/hub"
)

// users are those of ours in both accounts, whose names are unique in the mount.
func (m *Mounted) users() []string {
	return slices.Concat(m.Account.Users(), m.Account.Account(FarAccount).Users())
}

// FindStorage asks where the mount's storage is.
func (m *Mounted) FindStorage(v *server.Server) error {
	is, err := v.Demand(http.MethodGet, "sys/mounts/"+m.Mount, nil)
	m.UUID, _ = is.Data("uuid").(string)
	return err
}

// Findings are what is wrong in a mount, one line each.
type Findings struct {
	Dead   []string // leases without a user, or whose key does not work
	Lonely []string // users without a lease or a record
	Ending []string // users without a lease whose record says when they go at the latest
	Orphan []string // users that tidy was asked to delete
	Stray  []string // keys that a rotation may have left, and what they stand in the way of
	Other  []string
}

// Well says that nothing is wrong and nothing is left to do.
func (f Findings) Well() bool { return f.Settled() && len(f.Stray) == 0 }

// Settled is well, while AWS cannot tell yet whether a key that a rotation may have left is in use.
func (f Findings) Settled() bool {
	return len(f.Dead)+len(f.Lonely)+len(f.Ending)+len(f.Orphan)+len(f.Other) == 0
}

// Left is what is left to do.
func (f Findings) Left() Zeros {
	return Zeros{Left: len(f.Ending) + len(f.Lonely) + len(f.Orphan), Other: len(f.Stray) + len(f.Other)}
}

// Zeros count what must be 0 in the end.
type Zeros struct{ Dead, Lonely, Left, Other int }

// Add adds others to them.
func (z *Zeros) Add(o Zeros) {
	z.Dead, z.Lonely, z.Left, z.Other = z.Dead+o.Dead, z.Lonely+o.Lonely, z.Left+o.Left, z.Other+o.Other
}

// String is one line of a report.
func (z Zeros) String() string {
	return fmt.Sprintf("%d leases without a user, %d users without a lease or a record, %d users left once the last moments have passed, %d other things left",
		z.Dead, z.Lonely, z.Left, z.Other)
}

// String is all of them, a line each.
func (f Findings) String() string {
	var lines []string
	for what, found := range map[string][]string{
		"lease without a user": f.Dead, "user without a lease or a record": f.Lonely, "user without a lease, with a record": f.Ending,
		"user left by tidy": f.Orphan, "key of nobody": f.Stray, "besides": f.Other,
	} {
		for _, one := range found {
			lines = append(lines, what+": "+one)
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n\t\t")
}

// Look looks at all leases, users and records of the mount. keyOf says what the holder of a lease has, and whether the
// lease is being revoked: then it may lose its user at any moment.
func (m *Mounted) Look(v *server.Server, keyOf func(*server.LiveLease) (key fakeaws.Key, ending bool)) (f Findings, err error) {
	before := m.users()
	leases, err := v.StoredLeases(m.Mount)
	if err != nil {
		return f, err
	}
	written, others, err := v.StoredRecords(m.UUID)
	if err != nil {
		return f, err
	}
	with := map[string]bool{}
	for _, l := range leases {
		with[l.User()] = true
		key, ending := keyOf(l)
		wrong := m.wrongLease(v.T.Context(), l, key, ending, written)
		if wrong == "" {
			continue
		}
		// It may have ended between the two looks.
		if still, err := v.Stored("sys/expire/id/"+l.ID, l); err != nil || still && l.ExpireTime.After(time.Now()) {
			f.Dead = append(f.Dead, l.ID+": "+wrong)
		}
	}
	for _, user := range m.users() {
		ends, known := written[user]
		switch {
		case with[user] || !slices.Contains(before, user): // a new one is looked at next time
		case known:
			f.Ending = append(f.Ending, fmt.Sprintf("%s (%s)", user, ends))
		default:
			f.Lonely = append(f.Lonely, user)
		}
	}
	if others > 0 {
		f.Stray = append(f.Stray, fmt.Sprintf("%d records of keys in the WAL", others))
	}
	for user := range written {
		if !with[user] && !slices.Contains(before, user) {
			f.Other = append(f.Other, "a record of the user "+user+", which is gone")
		}
	}
	return f, nil
}

// wrongLease says what is wrong with a lease; "" is nothing.
func (m *Mounted) wrongLease(ctx context.Context, l *server.LiveLease, key fakeaws.Key, ending bool, written server.Records) string {
	switch {
	case l.RevokeErr != "":
		return "it is irrevocable: " + l.RevokeErr
	case !l.ExpireTime.After(time.Now()), ending:
		return ""
	case !slices.Contains(m.users(), l.User()):
		return "its user " + l.User() + " is not in AWS"
	}
	who, err := m.WhoIs(ctx, key)
	if err != nil || who != l.User() {
		return fmt.Sprintf("its key %s of %s is %q's: %v", key.AccessKeyID, l.User(), who, err)
	}
	if ends, known := written[l.User()]; !known || ends.Add(SweepGrace).Before(l.ExpireTime) {
		return fmt.Sprintf("it may live until %s, and its user's record says %s", l.ExpireTime, ends)
	}
	return ""
}

// WhoIs asks STS whose a key is.
func (m *Mounted) WhoIs(ctx context.Context, key fakeaws.Key) (string, error) {
	arn, err := fakeaws.Client{Endpoint: m.Account.URL(), Key: key}.CallerARN(ctx)
	return arn[strings.LastIndexByte(arn, '/')+1:], err
}
