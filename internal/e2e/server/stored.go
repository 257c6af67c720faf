// SPDX-License-Identifier: MPL-2.0

package server

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

// This file reads what Vault has stored, past the engine and past whatever an answer said that nobody heard.

// Stored is one entry of Vault's storage, into v; it says whether there is one.
func (v *Server) Stored(path string, into any) (bool, error) {
	a, err := v.Request(http.MethodGet, "sys/raw/"+path, nil)
	if err != nil || a.Status == http.StatusNotFound {
		return false, err
	}
	text, ok := a.Data("value").(string)
	if a.Status != http.StatusOK || !ok {
		return false, fmt.Errorf("reading %s of Vault's storage: status %d: %s", path, a.Status, a.Text)
	}
	if err := json.Unmarshal([]byte(text), into); err != nil {
		return false, fmt.Errorf("decoding %s of Vault's storage: %w", path, err)
	}
	return true, nil
}

// StoredNames are the keys below a path of Vault's storage, at any depth.
func (v *Server) StoredNames(path string) ([]string, error) {
	a, err := v.Request("LIST", "sys/raw/"+path, nil)
	if err != nil || a.Status == http.StatusNotFound {
		return nil, err
	}
	if a.Status != http.StatusOK {
		return nil, fmt.Errorf("listing %s of Vault's storage: status %d: %s", path, a.Status, a.Text)
	}
	var names []string
	keys, _ := a.Data("keys").([]any)
	for _, key := range keys {
		name, _ := key.(string)
		if !strings.HasSuffix(name, "/") {
			names = append(names, name)
			continue
		}
		below, err := v.StoredNames(path + name)
		if err != nil {
			return nil, err
		}
		for _, one := range below {
			names = append(names, name+one)
		}
	}
	return names, nil
}

// LiveLease is a lease as Vault stores it.
type LiveLease struct {
	ID   string `json:"lease_id"`
	Data struct {
		AccessKey string `json:"access_key"`
		SecretKey string `json:"secret_key"`
	} `json:"data"`
	Secret struct {
		InternalData struct {
			Username string `json:"username"`
		} `json:"internal_data"`
	} `json:"secret"`
	ExpireTime time.Time `json:"expire_time"`
	RevokeErr  string    `json:"revokeErr"`
}

// User is the IAM user of the lease.
func (l *LiveLease) User() string { return l.Secret.InternalData.Username }

// Key is what the lease's holder has.
func (l *LiveLease) Key() fakeaws.Key {
	return fakeaws.Key{AccessKeyID: l.Data.AccessKey, SecretAccessKey: l.Data.SecretKey}
}

// StoredLeases are those that Vault has below a mount.
func (v *Server) StoredLeases(mount string) ([]*LiveLease, error) {
	path := "sys/expire/id/" + mount + "/"
	ids, err := v.StoredNames(path)
	if err != nil {
		return nil, err
	}
	var leases []*LiveLease
	for _, id := range ids {
		l := new(LiveLease)
		there, err := v.Stored(path+id, l)
		if err != nil {
			return nil, err
		}
		if there {
			leases = append(leases, l)
		}
	}
	return leases, nil
}

// Records are the users of which the engine has written something down, and until when they may exist at most; the
// zero time is a record of the WAL, whose user goes at the next tick.
type Records map[string]time.Time

// StoredRecords reads what the engine has written down of users, and how many other entries its WAL has.
func (v *Server) StoredRecords(uuid string) (of Records, others int, err error) {
	of = Records{}
	base := "logical/" + uuid + "/"
	names, err := v.StoredNames(base + "issued/")
	if err != nil {
		return nil, 0, err
	}
	for _, name := range names {
		var r struct {
			Ends time.Time `json:"ends"`
		}
		there, err := v.Stored(base+"issued/"+name, &r)
		if err != nil {
			return nil, 0, err
		}
		if there {
			of[strings.ReplaceAll(name, "%2E", ".")] = r.Ends
		}
	}
	ids, err := v.StoredNames(base + "wal/")
	if err != nil {
		return nil, 0, err
	}
	for _, id := range ids {
		var entry struct {
			Kind string `json:"type"`
			Data struct {
				UserName string `json:"UserName"`
			} `json:"data"`
		}
		there, err := v.Stored(base+"wal/"+id, &entry)
		switch {
		case err != nil:
			return nil, 0, err
		case !there:
		case entry.Kind != "user":
			others++
		default:
			if _, known := of[entry.Data.UserName]; !known {
				of[entry.Data.UserName] = time.Time{}
			}
		}
	}
	return of, others, nil
}
