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

// This file is what must hold after a crash, whatever was interrupted.

// findings are what is wrong in a mount, one line each.
type findings struct {
	dead   []string // leases without a user, or whose key does not work
	lonely []string // users without a lease or a record
	ending []string // users without a lease whose record says when they go at the latest
	orphan []string // users that tidy was asked to delete
	other  []string
}

// well says that nothing is wrong and nothing is left to do.
func (f findings) well() bool {
	return len(f.dead)+len(f.lonely)+len(f.ending)+len(f.orphan)+len(f.other) == 0
}

func (f findings) String() string {
	var lines []string
	for what, found := range map[string][]string{
		"lease without a user": f.dead, "user without a lease or a record": f.lonely, "user without a lease, with a record": f.ending,
		"user left by tidy": f.orphan, "besides": f.other,
	} {
		for _, one := range found {
			lines = append(lines, what+": "+one)
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n\t\t")
}

// look looks at everything of a case.
func (v *stepping) look(c *crashCase) (f findings, err error) {
	before := c.account.Users()
	leases, err := v.leases(c.mount)
	if err != nil {
		return f, err
	}
	written, others, err := v.records(c.uuid)
	if err != nil {
		return f, err
	}
	with := map[string]bool{}
	for _, l := range leases {
		with[l.user()] = true
		wrong := v.wrongLease(c, l, written)
		if wrong == "" {
			continue
		}
		// It may have ended between the two looks.
		if still, err := v.stored("sys/expire/id/"+l.ID, l); err != nil || still && l.ExpireTime.After(time.Now()) {
			f.dead = append(f.dead, l.ID+": "+wrong)
		}
	}
	for _, user := range c.account.Users() {
		ends, known := written[user]
		switch {
		case user == c.orphan:
			f.orphan = append(f.orphan, user)
		case with[user] || !slices.Contains(before, user): // a new one is looked at next time
		case known:
			f.ending = append(f.ending, fmt.Sprintf("%s (%s)", user, ends))
		default:
			f.lonely = append(f.lonely, user)
		}
	}
	for _, user := range c.harmed() {
		f.other = append(f.other, "the user "+user+" is not as it was")
	}
	if others > 0 {
		f.other = append(f.other, fmt.Sprintf("%d records of keys in the WAL", others))
	}
	for user := range written {
		if !with[user] && !slices.Contains(before, user) {
			f.other = append(f.other, "a record of the user "+user+", which is gone")
		}
	}
	return f, v.lookAtKeys(c, &f)
}

// wrongLease says what is wrong with a lease; "" is nothing. One that is being revoked may lose its user at any moment.
func (v *stepping) wrongLease(c *crashCase, l *liveLease, written records) string {
	switch {
	case l.RevokeErr != "":
		return "it is irrevocable: " + l.RevokeErr
	case !l.ExpireTime.After(time.Now()), l.ID == c.lease && strings.HasPrefix(c.name, "revoke"):
		return ""
	case !slices.Contains(c.account.Users(), l.user()):
		return "its user " + l.user() + " is not in AWS"
	}
	key := l.key()
	if l.ID == c.lease {
		key = c.key // once a lease is renewed, Vault stores no data with it
	}
	who, err := c.whoIs(v.t.Context(), key)
	if err != nil || who != l.user() {
		return fmt.Sprintf("its key %s of %s is %q's: %v", key.AccessKeyID, l.user(), who, err)
	}
	if ends, known := written[l.user()]; !known || ends.Add(sweepGrace).Before(l.ExpireTime) {
		return fmt.Sprintf("it may live until %s, and its user's record says %s", l.ExpireTime, ends)
	}
	return ""
}

// whoIs asks STS whose a key is.
func (c *crashCase) whoIs(ctx context.Context, key fakeaws.Key) (string, error) {
	arn, err := fakeaws.Client{Endpoint: c.account.URL(), Key: key}.CallerARN(ctx)
	return arn[strings.LastIndexByte(arn, '/')+1:], err
}

// lookAtKeys looks at the keys of the users that were there before Vault.
func (v *stepping) lookAtKeys(c *crashCase, f *findings) error {
	config, err := v.demand(http.MethodGet, c.mount+"/config/root", nil)
	if err != nil {
		return err
	}
	if keys := idsOfKeys(c.account.Keys("vault-root")); len(keys) != 1 || keys[0] != config.data("access_key") {
		f.other = append(f.other, fmt.Sprintf("vault-root has the keys %q, and config/root has %v", keys, config.data("access_key")))
	}
	keys := slices.DeleteFunc(idsOfKeys(c.account.Keys("app")), func(id string) bool { return id == c.customers })
	var creds struct {
		AccessKey string `json:"access_key"`
		SecretKey string `json:"secret_key"`
		Previous  string `json:"previous_access_key"`
	}
	if _, err := v.stored("logical/"+c.uuid+"/static-creds/app", &creds); err != nil {
		return err
	}
	role, err := v.request(http.MethodGet, c.mount+"/static-roles/app", nil)
	if err != nil {
		return err
	}
	for _, key := range keys {
		if role.status != http.StatusOK || key != creds.AccessKey && key != creds.Previous {
			f.other = append(f.other, fmt.Sprintf("a stray key %s of app; the role (status %d) has %s and %s", key, role.status, creds.AccessKey, creds.Previous))
		}
	}
	// A role that is being deleted loses its keys first.
	if role.status == http.StatusOK && c.name != "static role, delete" {
		who, err := c.whoIs(v.t.Context(), fakeaws.Key{AccessKeyID: creds.AccessKey, SecretAccessKey: creds.SecretKey})
		if who != "app" {
			f.other = append(f.other, fmt.Sprintf("static-creds/app has the key %s, which is %q's: %v", creds.AccessKey, who, err))
		}
	}
	return nil
}

func idsOfKeys(keys []fakeaws.Key) []string {
	var ids []string
	for _, key := range keys {
		ids = append(ids, key.AccessKeyID)
	}
	return ids
}

// use has the mount do what it is for, once more, and ends all that is left in it.
func (v *stepping) use(c *crashCase) error {
	created, err := v.demand(http.MethodPost, c.mount+"/creds/seed", nil)
	if err != nil {
		return err
	}
	leases, err := v.leases(c.mount)
	if err != nil {
		return err
	}
	ids := []string{created.lease()}
	for _, l := range leases {
		ids = append(ids, l.ID)
	}
	for _, id := range ids {
		if _, err := v.demand(http.MethodPost, "sys/leases/revoke", map[string]any{"lease_id": id, "sync": true}); err != nil {
			return err
		}
	}
	if _, err := v.demand(http.MethodDelete, c.mount+"/static-roles/app", nil); err != nil {
		return err
	}
	if left := c.account.Leftovers(); len(left) > 0 {
		return fmt.Errorf("once all is ended, AWS has left: %s", strings.Join(left, "; "))
	}
	return nil
}
