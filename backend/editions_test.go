// SPDX-License-Identifier: MPL-2.0

package backend

// What the first edition of the engine stored, which is in the mounts that this one takes
// over.

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/vault/sdk/framework"
	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/engine"
)

// stamped fills a stored text: <-2h> is two hours ago, <-2h unix> the same in seconds since
// 1970, <key> an access key.
func stamped(text, key string) string {
	var out strings.Builder
	for {
		before, rest, found := strings.Cut(text, "<")
		out.WriteString(before)
		if !found {
			return out.String()
		}
		word, after, _ := strings.Cut(rest, ">")
		offset, unix := strings.CutSuffix(word, " unix")
		ago, err := time.ParseDuration(offset)
		switch at := time.Now().Add(ago).UTC(); {
		case err != nil:
			out.WriteString(key)
		case unix:
			fmt.Fprint(&out, at.Unix())
		default:
			out.WriteString(at.Format(time.RFC3339Nano))
		}
		text = after
	}
}

// keep writes a text to storage as the first edition left it.
func (m *mount) keep(key, text string) {
	m.t.Helper()
	if !json.Valid([]byte(text)) {
		m.t.Fatalf("%s is not JSON: %s", key, text)
	}
	if err := m.storage.Put(m.ctx, &logical.StorageEntry{Key: key, Value: []byte(text)}); err != nil {
		m.t.Fatal(err)
	}
}

const (
	randomName = "vault-token-developer-access-1700000000-AbCdEfGhIjKlMnOpQrSt"
	fixedName  = "fixed-developer-access"

	storedLive = `{"role":"developer-access","access_key_id":"<key>","display_name":"token-test","entity_id":"","issued":"<-2h>","ends":"<1h>","written":"<-2h>"}`
	storedOver = `{"role":"developer-access","access_key_id":"<key>","display_name":"token-test","entity_id":"","issued":"<-2h>","ends":"<-1h>","written":"<-2h>"}`
	storedEnds = `{"role":"developer-access","access_key_id":"<key>","display_name":"token-test","entity_id":"","issued":"<-2h>","ends":"<1h>","written":"<-2h>","ending":"<-1h>"}`
	storedBare = `{"type":"user","data":{"UserName":"%s"},"created_at":<-2h unix>}`
	storedSeen = `{"since":"0001-01-01T00:00:00Z","seen":"<-1m>"}`
)

// Each row is what the first edition left of one user: what a read shows of it, and whether
// a tick leaves the user and what is written down of it.
func TestFirstEditionRecordsAreTakenUp(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		record string
		entry  string // of the WAL
		beat   string
		state  any
		stays  bool
	}{
		{"lease that lives", storedLive, "", storedSeen, "issued", true},
		{"lease that is over", storedOver, "", storedSeen, "issued", false},
		{"lease that is over, without a heartbeat", storedOver, "", "", "issued", false},
		{"lease that another engine may have renewed", storedOver, "", strings.ReplaceAll(storedSeen, "-1m", "-90m"), "issued", true},
		{"revocation that failed", storedEnds, "", storedSeen, "ending", false},
		{"creation that died before its key", "", storedBare, storedSeen, nil, false},
		{"creation that died after its key", storedLive, storedBare, storedSeen, "issued", false},
		{"entry of a later user whom nobody made", storedLive, strings.ReplaceAll(storedBare, "-2h", "-1h"), storedSeen, "issued", true},
	} {
		for _, user := range []string{randomName, fixedName} {
			t.Run(test.name+"/"+user, func(t *testing.T) {
				t.Parallel()
				m := newConfiguredMount(t)
				key := m.aws.AddUser(user).AccessKeyID
				m.aws.Age(2 * time.Hour)
				for path, text := range map[string]string{recordKey(user): test.record, framework.WALPrefix + "0001": test.entry, engine.KeyHeartbeat: test.beat} {
					if text != "" {
						m.keep(path, stamped(strings.ReplaceAll(text, "%s", user), key))
					}
				}
				m.start()
				if shown := m.read("issued/" + user); shown["state"] != test.state || test.state != nil && (shown["unconfirmed"] != false || shown["access_key_id"] != key) {
					t.Errorf("shown as %v", shown)
				}
				m.mustTick()
				m.has(user, test.stays)
				if kept := m.keeps(recordKey(user)); kept != test.stays {
					t.Errorf("there is a record: %v", kept)
				}
				if m.keeps(framework.WALPrefix + "0001") {
					t.Error("the entry of the WAL is still there")
				}
			})
		}
	}
}

// keeps reports whether there is anything under a key.
func (m *mount) keeps(key string) bool {
	m.t.Helper()
	entry, err := m.storage.Get(m.ctx, key)
	if err != nil {
		m.t.Fatal(err)
	}
	return entry != nil
}

// A lease that the first edition began is renewed, and revoked, by its own data and record.
func TestFirstEditionLeaseIsRenewedAndRevoked(t *testing.T) {
	t.Parallel()
	for _, user := range []string{randomName, fixedName} {
		t.Run(user, func(t *testing.T) {
			t.Parallel()
			m := newConfiguredMount(t)
			key := m.aws.AddUser(user).AccessKeyID
			m.aws.Age(2 * time.Hour)
			m.keep(recordKey(user), stamped(storedLive, key))
			m.start()
			data := map[string]any{}
			text := `{"username":"` + user + `","is_sts":false,"role":"developer-access","access_key_id":"<key>","policy_arns":["` + readOnly + `"],"created":"<-2h>","registered":true,"request_ttl":10800000000000}`
			if err := json.Unmarshal([]byte(stamped(text, key)), &data); err != nil {
				t.Fatal(err)
			}
			held := &logical.Response{Secret: &logical.Secret{InternalData: data}}
			held.Secret.InternalData["secret_type"] = secretType
			held.Secret.IssueTime = time.Now().Add(-2 * time.Hour)
			m.renew(held)
			ends, err := time.Parse(time.RFC3339, m.read("issued/" + user)["ends"].(string))
			if err != nil || time.Until(ends) < 2*time.Hour {
				t.Errorf("after its renewal the lease ends %s: %v", ends, err)
			}
			m.revoke(held)
			m.has(user, false)
			m.recorded(0)
			m.registered(0)
		})
	}
}

func TestFirstEditionUsersConfigIsRead(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t)
	m.keep(engine.KeyUsersConfig, `{"max_users":7,"ownership_tags":false}`)
	if got := m.read("config/users"); got["max_users"] != 7 || got["ownership_tags"] != false || fmt.Sprint(got["unconfirmed_ttl"]) != "0" {
		t.Errorf("config/users: %v", got)
	}
}

// The first edition had the mount for a while and wrote its own heartbeats, which name no
// term. That says nothing against what was answered before.
func TestFirstEditionHeartbeatLeavesAnsweredCredentialsAlone(t *testing.T) {
	t.Parallel()
	for name, beat := range map[string]string{"none yet": "", "its own": `{"since":"0001-01-01T00:00:00Z","seen":"<1h>"}`} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newConfiguredMount(t)
			m.write("config/users", map[string]any{"unconfirmed_ttl": "24h"})
			m.mustTick()
			creds := m.creds("developer-access")
			m.age(time.Hour)
			m.mustTick()
			if beat != "" {
				m.keep(engine.KeyHeartbeat, stamped(beat, ""))
			}
			m.start()
			m.mustTick()
			if shown := m.read("issued/" + m.user(creds)); shown["unconfirmed"] != false {
				t.Errorf("shown as %v", shown)
			}
			m.age(26 * time.Hour)
			m.mustTick()
			m.has(m.user(creds), true)
			m.revoke(creds)
		})
	}
}
