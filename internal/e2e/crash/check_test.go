// SPDX-License-Identifier: MPL-2.0

package crash

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"vault-plugin-secrets-aws-dyn/internal/e2e/check"
	"vault-plugin-secrets-aws-dyn/internal/e2e/server"
	"vault-plugin-secrets-aws-dyn/internal/e2e/stepping"
	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

// This file is what must hold in a mount of the crash matrix, beside what must hold in every mount.

// look looks at everything of a case.
func look(v *stepping.Vault, c *crashCase) (f check.Findings, err error) {
	if f, err = c.Look(v.Server, c.keyOf); err != nil {
		return f, err
	}
	if slices.Contains(f.Lonely, c.orphan) {
		f.Lonely = slices.DeleteFunc(f.Lonely, func(user string) bool { return user == c.orphan })
		f.Orphan = append(f.Orphan, c.orphan)
	}
	if err := lookAtSession(v, c, &f); err != nil {
		return f, err
	}
	for _, user := range c.harmed() {
		f.Other = append(f.Other, "the user "+user+" is not as it was")
	}
	return f, lookAtKeys(v, c, &f)
}

// keyOf is what the holder of a lease has; nothing where the lease is being revoked.
func (c *crashCase) keyOf(l *server.LiveLease) (key fakeaws.Key, ending bool) {
	if l.ID == c.lease {
		return c.key, strings.HasPrefix(c.name, "revoke") // once a lease is renewed, Vault stores no data with it
	}
	return l.Key(), false
}

// lookAtKeys looks at the keys of the users that were there before Vault.
func lookAtKeys(v *stepping.Vault, c *crashCase, f *check.Findings) error {
	config, err := v.Demand(http.MethodGet, c.Mount+"/config/root", nil)
	if err != nil {
		return err
	}
	own, _ := config.Data("access_key").(string)
	keys := idsOfKeys(c.Account.Keys("vault-root"))
	wrong := fmt.Sprintf("vault-root has the keys %q, and config/root has %s", keys, own)
	switch {
	case !slices.Contains(keys, own):
		f.Other = append(f.Other, wrong)
	case len(keys) > 1:
		f.Stray = append(f.Stray, wrong)
	}
	return lookAtApp(v, c, f)
}

// lookAtApp looks at the keys of the static role's user.
func lookAtApp(v *stepping.Vault, c *crashCase, f *check.Findings) error {
	var creds struct {
		AccessKey string `json:"access_key"`
		SecretKey string `json:"secret_key"`
		Previous  string `json:"previous_access_key"`
		Ending    bool   `json:"ending"`
	}
	keys := slices.DeleteFunc(idsOfKeys(c.Account.Keys("app")), func(id string) bool { return id == c.customers })
	if _, err := v.Stored("logical/"+c.UUID+"/static-creds/app", &creds); err != nil {
		return err
	}
	role, err := v.Request(http.MethodGet, c.Mount+"/static-roles/app", nil)
	if err != nil {
		return err
	}
	for _, key := range keys {
		if role.Status != http.StatusOK || key != creds.AccessKey && key != creds.Previous {
			f.Stray = append(f.Stray, fmt.Sprintf("a stray key %s of app; the role (status %d) has %s and %s", key, role.Status, creds.AccessKey, creds.Previous))
		}
	}
	if role.Status != http.StatusOK || c.name == "static role, delete" {
		return nil // a role that is being deleted loses its keys first
	}
	who, err := c.WhoIs(v.T.Context(), fakeaws.Key{AccessKeyID: creds.AccessKey, SecretAccessKey: creds.SecretKey})
	wrong := fmt.Sprintf("static-creds/app has the key %s, which is %q's: %v", creds.AccessKey, who, err)
	switch {
	case who == "app":
	case creds.Ending: // it had to make room, and a stray has its place
		f.Stray = append(f.Stray, wrong)
	default:
		f.Other = append(f.Other, wrong)
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
func use(v *stepping.Vault, c *crashCase) error {
	created, err := v.Demand(http.MethodPost, c.Mount+"/creds/seed", nil)
	if err != nil {
		return err
	}
	leases, err := v.StoredLeases(c.Mount)
	if err != nil {
		return err
	}
	ids := []string{created.Lease()}
	for _, l := range leases {
		ids = append(ids, l.ID)
	}
	for _, id := range ids {
		if _, err := v.Demand(http.MethodPost, "sys/leases/revoke", map[string]any{"lease_id": id, "sync": true}); err != nil {
			return err
		}
	}
	if _, err := v.Demand(http.MethodDelete, c.Mount+"/static-roles/app", nil); err != nil {
		return err
	}
	if left := c.Account.Leftovers(); len(left) > 0 {
		return fmt.Errorf("once all is ended, AWS has left: %s", strings.Join(left, "; "))
	}
	return nil
}
