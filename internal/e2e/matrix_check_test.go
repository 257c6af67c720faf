// SPDX-License-Identifier: MPL-2.0

package e2e

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

// This file is what must hold in a mount of the crash matrix, beside what must hold in every mount.

// look looks at everything of a case.
func (v *stepping) look(c *crashCase) (f findings, err error) {
	if f, err = c.look(v.server, c.keyOf); err != nil {
		return f, err
	}
	if slices.Contains(f.lonely, c.orphan) {
		f.lonely = slices.DeleteFunc(f.lonely, func(user string) bool { return user == c.orphan })
		f.orphan = append(f.orphan, c.orphan)
	}
	if err := v.lookAtSession(c, &f); err != nil {
		return f, err
	}
	for _, user := range c.harmed() {
		f.other = append(f.other, "the user "+user+" is not as it was")
	}
	return f, v.lookAtKeys(c, &f)
}

// keyOf is what the holder of a lease has; nothing where the lease is being revoked.
func (c *crashCase) keyOf(l *liveLease) (key fakeaws.Key, ending bool) {
	if l.ID == c.lease {
		return c.key, strings.HasPrefix(c.name, "revoke") // once a lease is renewed, Vault stores no data with it
	}
	return l.key(), false
}

// lookAtKeys looks at the keys of the users that were there before Vault.
func (v *stepping) lookAtKeys(c *crashCase, f *findings) error {
	config, err := v.demand(http.MethodGet, c.mount+"/config/root", nil)
	if err != nil {
		return err
	}
	own, _ := config.data("access_key").(string)
	keys := idsOfKeys(c.account.Keys("vault-root"))
	wrong := fmt.Sprintf("vault-root has the keys %q, and config/root has %s", keys, own)
	switch {
	case !slices.Contains(keys, own):
		f.other = append(f.other, wrong)
	case len(keys) > 1:
		f.stray = append(f.stray, wrong)
	}
	return v.lookAtApp(c, f)
}

// lookAtApp looks at the keys of the static role's user.
func (v *stepping) lookAtApp(c *crashCase, f *findings) error {
	var creds struct {
		AccessKey string `json:"access_key"`
		SecretKey string `json:"secret_key"`
		Previous  string `json:"previous_access_key"`
		Ending    bool   `json:"ending"`
	}
	keys := slices.DeleteFunc(idsOfKeys(c.account.Keys("app")), func(id string) bool { return id == c.customers })
	if _, err := v.stored("logical/"+c.uuid+"/static-creds/app", &creds); err != nil {
		return err
	}
	role, err := v.request(http.MethodGet, c.mount+"/static-roles/app", nil)
	if err != nil {
		return err
	}
	for _, key := range keys {
		if role.status != http.StatusOK || key != creds.AccessKey && key != creds.Previous {
			f.stray = append(f.stray, fmt.Sprintf("a stray key %s of app; the role (status %d) has %s and %s", key, role.status, creds.AccessKey, creds.Previous))
		}
	}
	if role.status != http.StatusOK || c.name == "static role, delete" {
		return nil // a role that is being deleted loses its keys first
	}
	who, err := c.whoIs(v.t.Context(), fakeaws.Key{AccessKeyID: creds.AccessKey, SecretAccessKey: creds.SecretKey})
	wrong := fmt.Sprintf("static-creds/app has the key %s, which is %q's: %v", creds.AccessKey, who, err)
	switch {
	case who == "app":
	case creds.Ending: // it had to make room, and a stray has its place
		f.stray = append(f.stray, wrong)
	default:
		f.other = append(f.other, wrong)
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
	leases, err := v.storedLeases(c.mount)
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
