// SPDX-License-Identifier: MPL-2.0

package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

// This file reads what Vault has stored, past the engine and past whatever an answer said that nobody heard.

// stored is one entry of Vault's storage, into v; it says whether there is one.
func (v *server) stored(path string, into any) (bool, error) {
	a, err := v.request(http.MethodGet, "sys/raw/"+path, nil)
	if err != nil || a.status == http.StatusNotFound {
		return false, err
	}
	text, ok := a.data("value").(string)
	if a.status != http.StatusOK || !ok {
		return false, fmt.Errorf("reading %s of Vault's storage: status %d: %s", path, a.status, a.text)
	}
	if err := json.Unmarshal([]byte(text), into); err != nil {
		return false, fmt.Errorf("decoding %s of Vault's storage: %w", path, err)
	}
	return true, nil
}

// storedNames are the keys below a path of Vault's storage, at any depth.
func (v *server) storedNames(path string) ([]string, error) {
	a, err := v.request("LIST", "sys/raw/"+path, nil)
	if err != nil || a.status == http.StatusNotFound {
		return nil, err
	}
	if a.status != http.StatusOK {
		return nil, fmt.Errorf("listing %s of Vault's storage: status %d: %s", path, a.status, a.text)
	}
	var names []string
	keys, _ := a.data("keys").([]any)
	for _, key := range keys {
		name, _ := key.(string)
		if !strings.HasSuffix(name, "/") {
			names = append(names, name)
			continue
		}
		below, err := v.storedNames(path + name)
		if err != nil {
			return nil, err
		}
		for _, one := range below {
			names = append(names, name+one)
		}
	}
	return names, nil
}

// liveLease is a lease as Vault stores it.
type liveLease struct {
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

func (l *liveLease) user() string { return l.Secret.InternalData.Username }

// key is what the lease's holder has.
func (l *liveLease) key() fakeaws.Key {
	return fakeaws.Key{AccessKeyID: l.Data.AccessKey, SecretAccessKey: l.Data.SecretKey}
}

// storedLeases are those that Vault has below a mount.
func (v *server) storedLeases(mount string) ([]*liveLease, error) {
	path := "sys/expire/id/" + mount + "/"
	ids, err := v.storedNames(path)
	if err != nil {
		return nil, err
	}
	var leases []*liveLease
	for _, id := range ids {
		l := new(liveLease)
		there, err := v.stored(path+id, l)
		if err != nil {
			return nil, err
		}
		if there {
			leases = append(leases, l)
		}
	}
	return leases, nil
}

// records are the users of which the engine has written something down, and until when they may exist at most; the
// zero time is a record of the WAL, whose user goes at the next tick.
type records map[string]time.Time

// storedRecords reads what the engine has written down of users, and how many other entries its WAL has.
func (v *server) storedRecords(uuid string) (of records, others int, err error) {
	of = records{}
	base := "logical/" + uuid + "/"
	names, err := v.storedNames(base + "issued/")
	if err != nil {
		return nil, 0, err
	}
	for _, name := range names {
		var r struct {
			Ends time.Time `json:"ends"`
		}
		there, err := v.stored(base+"issued/"+name, &r)
		if err != nil {
			return nil, 0, err
		}
		if there {
			of[strings.ReplaceAll(name, "%2E", ".")] = r.Ends
		}
	}
	ids, err := v.storedNames(base + "wal/")
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
		there, err := v.stored(base+"wal/"+id, &entry)
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
